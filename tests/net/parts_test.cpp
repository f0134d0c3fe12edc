// The parts of the transport that need no sockets: admission, scores, queues, and the guard's bookkeeping on
// plain TCP connections.
#include "src/net/admission.hpp"
#include "src/net/connections.hpp"
#include "src/net/outbox.hpp"

#include "tests/net/mesh.hpp"
#include "tests/net/proxy.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hansa::net {
namespace {

using testing::bytes_of;

CurvePublic key(int number) { return CurvePublic{static_cast<std::byte>(number)}; }

TEST(Admission, BothKeysOfAPeerLeadToIt) {
  Admission admission{Limits{}};
  const Peer peer{key(1), key(2), "", ""};
  admission.set_peers(std::span(&peer, 1));
  EXPECT_EQ(admission.owner(key(1)), key(1));
  EXPECT_EQ(admission.owner(key(2)), key(1));
  EXPECT_EQ(admission.owner(key(3)), std::nullopt);
  EXPECT_EQ(admission.decide(Channel::control, key(2), "ip", Time{}), Handshake::accepted);
  EXPECT_EQ(admission.decide(Channel::bulk, key(3), "ip", Time{}), Handshake::unknown);
  EXPECT_EQ(admission.decide(Channel::lobby, key(3), "ip", Time{}), Handshake::accepted);
  admission.refuse(key(3));
  EXPECT_EQ(admission.decide(Channel::lobby, key(3), "ip", Time{}), Handshake::unknown);
}

TEST(Admission, StrangersCannotUseUpAMembersAttempts) {
  Admission admission{Limits{}};
  const Peer peer{key(1), {}, "", ""};
  admission.set_peers(std::span(&peer, 1));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(admission.decide(Channel::control, key(9), "ip", Time{}), Handshake::unknown);
  }
  EXPECT_EQ(admission.decide(Channel::control, key(9), "ip", Time{}), Handshake::too_fast);
  EXPECT_EQ(admission.decide(Channel::control, key(1), "ip", Time{}), Handshake::accepted);
  EXPECT_EQ(admission.decide(Channel::control, key(9), "other", Time{}), Handshake::unknown);
  const Time later = std::chrono::milliseconds(100);  // one token
  EXPECT_EQ(admission.decide(Channel::control, key(9), "ip", later), Handshake::unknown);
  EXPECT_EQ(admission.decide(Channel::control, key(9), "ip", later), Handshake::too_fast);
}

TEST(Admission, NumberOfAddressesIsBounded) {
  Limits limits;
  limits.addresses = 10;
  Admission admission(limits);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(admission.decide(Channel::control, key(9), std::to_string(i), Time{}), Handshake::unknown);
  }
  EXPECT_EQ(admission.decide(Channel::control, key(9), "one more", Time{}), Handshake::too_fast);
  EXPECT_EQ(admission.decide(Channel::control, key(9), "one more", std::chrono::seconds(10)),
            Handshake::unknown);
}

TEST(Admission, ScoresFallRecoverAndQuarantine) {
  const Limits limits;
  Admission admission(limits);
  const Time start = std::chrono::hours(1);
  for (int i = 1; i < 10; ++i) {
    EXPECT_FALSE(admission.penalise(key(1), limits.points_invalid, start));
    EXPECT_DOUBLE_EQ(admission.score(key(1), start), -10.0 * i);
  }
  EXPECT_NEAR(admission.score(key(1), start + std::chrono::minutes(5)), -40, 1e-9)
      << "50 points in 5 minutes";
  EXPECT_EQ(admission.score(key(1), start + std::chrono::minutes(20)), 0);
  EXPECT_TRUE(admission.penalise(key(1), limits.points_invalid, start)) << "the floor";
  EXPECT_FALSE(admission.penalise(key(1), limits.points_invalid, start)) << "said once";
  EXPECT_TRUE(admission.quarantined(key(1), start + std::chrono::minutes(9)));
  EXPECT_FALSE(admission.quarantined(key(1), start + std::chrono::minutes(10)));
  EXPECT_TRUE(admission.penalise(key(2), limits.points_bad_signature, start))
      << "one forged signature is enough";

  EXPECT_FALSE(admission.penalise(key(3), -20, start));
  admission.prune(start + std::chrono::minutes(59));
  EXPECT_TRUE(admission.quarantined(key(2), start + std::chrono::minutes(9)));
  admission.prune(start + std::chrono::minutes(61));
  EXPECT_EQ(admission.score(key(3), start), 0) << "forgotten after an hour";
}

TEST(Outbox, KeepsOrderAndLimits) {
  Limits limits;
  limits.queued_bytes = 10;
  limits.queued_frames = 3;
  Outbox outbox(limits);
  const Outbox::Lane lane{Channel::bulk, key(1)};
  const CurvePublic peers[] = {key(1)};
  EXPECT_EQ(outbox.push(lane, {}), Outbox::Pushed::unknown);
  outbox.set_peers(peers);
  EXPECT_EQ(outbox.push(lane, {bytes_of("1"), bytes_of("2345"), Time{}}), Outbox::Pushed::yes);
  EXPECT_EQ(outbox.push(lane, {bytes_of("6"), bytes_of("7890"), Time{1}}), Outbox::Pushed::yes);
  EXPECT_EQ(outbox.push(lane, {bytes_of("x"), nullptr, Time{2}}), Outbox::Pushed::full) << "bytes";
  EXPECT_EQ(outbox.push(lane, {nullptr, nullptr, Time{2}}), Outbox::Pushed::yes);
  EXPECT_EQ(outbox.push(lane, {nullptr, nullptr, Time{3}}), Outbox::Pushed::full) << "frames";
  EXPECT_EQ(outbox.waiting(), std::vector{lane});
  auto first = outbox.pop(lane);
  ASSERT_TRUE(first);
  EXPECT_EQ(testing::text_of(*first->body), "2345");
  outbox.give_back(lane, std::move(*first));
  outbox.set_peers(peers);
  EXPECT_EQ(testing::text_of(*outbox.pop(lane)->body), "2345") << "kept through a change of the list";
  EXPECT_EQ(outbox.expire(limits.queue_age + Time{2})[1], 1u);
  EXPECT_TRUE(outbox.pop(lane));
  EXPECT_FALSE(outbox.pop(lane));
  const CurvePublic renamed[] = {key(2)};
  EXPECT_EQ(outbox.push(lane, {bytes_of("a"), bytes_of("b"), Time{4}}), Outbox::Pushed::yes);
  outbox.set_peers(renamed, {{key(1), key(2)}});
  EXPECT_EQ(outbox.push(lane, {bytes_of("c"), nullptr, Time{5}}), Outbox::Pushed::yes)
      << "under its old name";
  const Outbox::Lane after{lane.first, key(2)};
  EXPECT_EQ(outbox.waiting(), std::vector{after});
  EXPECT_TRUE(outbox.pop(after) && outbox.pop(after));
  outbox.set_peers({});
  EXPECT_EQ(outbox.push(lane, {}), Outbox::Pushed::unknown);
  EXPECT_TRUE(outbox.waiting().empty());
}

/// Both ends of a TCP connection on the loopback interface.
struct TcpPair {
  TcpPair() {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = testing::Proxy::loopback(0);
    bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address);
    listen(listener, 1);
    socklen_t size = sizeof address;
    getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
    theirs = socket(AF_INET, SOCK_STREAM, 0);
    connect(theirs, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ours = accept(listener, nullptr, nullptr);
    close(listener);
  }
  ~TcpPair() {
    close(theirs);
    close(ours);
  }
  void send(std::size_t bytes) const {
    const std::vector<char> data(bytes);
    EXPECT_EQ(::send(theirs, data.data(), bytes, 0), static_cast<ssize_t>(bytes));
  }
  [[nodiscard]] bool cut_off() const {
    char c = 0;
    return recv(theirs, &c, 1, MSG_DONTWAIT) == 0;
  }
  int ours = -1, theirs = -1;
};

TEST(Connections, BudgetCountsWhatWasNotDelivered) {
  Limits limits;
  limits.undelivered_bytes = 100000;
  limits.undelivered_unnamed_bytes = 1000;
  Connections connections(limits);
  TcpPair tcp;
  connections.opened(tcp.ours, Time{});
  tcp.send(900);
  EXPECT_TRUE(connections.check(Time{1}).empty());
  tcp.send(200);
  ASSERT_TRUE(testing::eventually([&] { return connections.check(Time{1}).size() == 1; }));
  ASSERT_NE(connections.delivered(tcp.ours, key(1), 1100, Time{1}), nullptr);
  EXPECT_TRUE(connections.check(Time{1}).empty()) << "it has said who it is";
  tcp.send(100001);
  ASSERT_TRUE(testing::eventually([&] { return connections.check(Time{1}).size() == 1; }));
  const auto found = connections.check(Time{1});
  EXPECT_EQ(found[0].finding, Connections::Finding::budget);
  EXPECT_EQ(found[0].key, key(1));
  EXPECT_TRUE(connections.check(std::chrono::hours(1)).empty()) << "an hour of pings";
}

TEST(Connections, UnnamedAndQuietOnesAreFound) {
  const Limits limits;
  Connections connections(limits);
  TcpPair silent, named;
  connections.opened(silent.ours, Time{});
  connections.opened(named.ours, Time{1});
  ASSERT_NE(connections.delivered(named.ours, key(1), 0, Time{1}), nullptr);
  EXPECT_TRUE(connections.check(limits.unnamed).empty());
  const auto found = connections.check(limits.unnamed + Time{1});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].fd, silent.ours);
  EXPECT_EQ(found[0].finding, Connections::Finding::unnamed);
  EXPECT_EQ(connections.oldest_unnamed(), silent.ours);
  EXPECT_EQ(connections.check(limits.quiet + Time{2}).size(), 2u);
}

TEST(Connections, CutsOnlyTheConnectionItKnows) {
  Connections connections{Limits{}};
  TcpPair first, second;
  connections.opened(first.ours, Time{});
  EXPECT_FALSE(connections.cut(second.ours)) << "never opened";
  // The descriptor is closed and given to another connection before we hear of it.
  dup2(second.ours, first.ours);
  EXPECT_FALSE(connections.cut(first.ours));
  EXPECT_FALSE(second.cut_off());
  connections.opened(second.ours, Time{});
  ASSERT_NE(connections.delivered(second.ours, key(2), 10, Time{}), nullptr);
  EXPECT_EQ(connections.cut_all(key(1)), 0u);
  EXPECT_EQ(connections.cut_all(key(2)), 1u);
  EXPECT_TRUE(second.cut_off());
  EXPECT_EQ(connections.cut_all(key(2)), 0u) << "once";
  EXPECT_EQ(connections.size(), 1u);
  EXPECT_TRUE(connections.closed(second.ours));
  EXPECT_EQ(connections.delivered(second.ours, key(2), 10, Time{}), nullptr);
}

}  // namespace
}  // namespace hansa::net
