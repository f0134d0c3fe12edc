// Who is let in, who is not, who is thrown out, and which way frames go.
#include "tests/net/mesh.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace hansa::net {
namespace {

using namespace testing;

TEST(Transport, ListedPeersExchangeFramesOnBothChannels) {
  Node a, b;
  introduce({&a, &b});
  for (const Channel channel : {Channel::control, Channel::bulk}) {
    EXPECT_TRUE(a.send(b, channel, "to b " + std::string(name_of(channel)), "header"));
    EXPECT_TRUE(b.send(a, channel, "to a " + std::string(name_of(channel))));
    const auto at_b = b.sink.wait_body("to b " + std::string(name_of(channel)));
    const auto at_a = a.sink.wait_body("to a " + std::string(name_of(channel)));
    ASSERT_TRUE(at_a && at_b);
    EXPECT_EQ(at_b->from, a.key());
    EXPECT_EQ(at_b->channel, channel);
    EXPECT_EQ(at_b->header, "header");
    EXPECT_EQ(at_a->from, b.key());
  }
  EXPECT_TRUE(a.sink.wait_up(b.key()));
  const Stats stats = a.transport->stats();
  EXPECT_EQ(stats.channels[0].messages_out, 1u);
  EXPECT_EQ(stats.channels[0].bytes_out, 6 + std::string("to b control").size());
  EXPECT_GE(stats.handshakes[static_cast<std::size_t>(Handshake::accepted)], 2u);
}

TEST(Transport, OutboundOnlyMemberIsAnsweredOnItsOwnConnection) {
  Node hub, leaf(false);
  EXPECT_EQ(leaf.transport->control_endpoint(), "");
  introduce({&hub, &leaf});
  ASSERT_TRUE(hub.sink.wait_up(leaf.key())) << "the greeting names the connection, before any message";
  for (const Channel channel : {Channel::control, Channel::bulk}) {
    EXPECT_TRUE(hub.send(leaf, channel, "down"));
    EXPECT_TRUE(leaf.send(hub, channel, "up"));
  }
  ASSERT_TRUE(leaf.sink.wait_frames(2));
  ASSERT_TRUE(hub.sink.wait_frames(2));
  EXPECT_EQ(leaf.sink.frames()[0].from, hub.key());
  EXPECT_EQ(hub.sink.frames()[0].from, leaf.key());
}

TEST(Transport, BodiesOfAllSizesArriveWhole) {
  Node a, b;
  introduce({&a, &b});
  std::size_t count = 0;
  for (const std::size_t size : {0u, 1u, 1024u, 1025u, 65536u, 262144u}) {
    EXPECT_TRUE(a.send(b, Channel::bulk, std::string(size, 'x')));
    ++count;
  }
  ASSERT_TRUE(b.sink.wait_frames(count));
  std::size_t i = 0;
  const auto frames = b.sink.frames();
  for (const std::size_t size : {0u, 1u, 1024u, 1025u, 65536u, 262144u}) {
    EXPECT_EQ(frames[i++].body_bytes, size);
  }
}

TEST(Transport, UnknownKeyIsRefusedOnAllPorts) {
  Node a, stranger;
  stranger.transport->set_peers({a.peer()});
  const auto unknown = [&] {
    return a.transport->stats().handshakes[static_cast<std::size_t>(Handshake::unknown)];
  };
  // Two probes at start, and one try on each channel at least.
  ASSERT_TRUE(eventually([&] { return unknown() >= 4; }));
  ASSERT_TRUE(eventually([&] {
    return stranger.transport->stats().handshakes[static_cast<std::size_t>(Handshake::denied)] >= 2;
  }));
  stranger.send(a, Channel::control, "let me in");
  // It keeps trying, and never gets further.
  const auto before = unknown();
  ASSERT_TRUE(eventually([&] { return unknown() >= before + 4; }));
  EXPECT_TRUE(a.sink.frames().empty());
  EXPECT_EQ(a.transport->stats().channels[0].messages_in, 0u);
}

TEST(Transport, StartFailsIfZapIsOff) {
  RecordingSink sink;
  TransportOptions options = options_for(CurveKey::generate());
  options.authenticate = false;
  const auto opened = Transport::open(std::move(options), sink);
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error().message.find("let a stranger in"), std::string::npos) << opened.error().message;
}

TEST(Transport, StartFailsIfThePortIsTaken) {
  Node a;
  RecordingSink sink;
  TransportOptions options = options_for(CurveKey::generate());
  options.control_endpoint = a.transport->control_endpoint();
  const auto opened = Transport::open(std::move(options), sink);
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error().message.find("cannot listen on tcp://127.0.0.1:"), std::string::npos)
      << opened.error().message;
}

TEST(Transport, LateAdmissionWorksWithoutRestart) {
  Node a, late;
  late.transport->set_peers({a.peer()});
  late.send(a, Channel::control, "early");
  ASSERT_TRUE(eventually(
      [&] { return late.transport->stats().handshakes[static_cast<std::size_t>(Handshake::denied)] >= 2; }));
  a.transport->set_peers({late.peer()});
  ASSERT_TRUE(late.sink.wait_up(a.key()));
  ASSERT_TRUE(late.send(a, Channel::control, "admitted"));
  EXPECT_TRUE(a.sink.wait_body("admitted"));
}

TEST(Transport, KickedLivePeerDeliversNothingWithinTwoSeconds) {
  Node a, b, c;
  introduce({&a, &b, &c});
  ASSERT_TRUE(a.sink.wait_up(b.key()));
  ASSERT_TRUE(b.send(a, Channel::control, "before") && c.send(a, Channel::control, "c before"));
  ASSERT_TRUE(a.sink.wait_body("before") && a.sink.wait_body("c before"));

  a.transport->set_peers({c.peer()});  // b is gone from the roster, and does not know it
  ASSERT_TRUE(a.sink.wait_up(b.key(), false));
  EXPECT_FALSE(a.send(b, Channel::control, "farewell"));
  const std::size_t delivered = a.sink.count_from(b.key());
  const auto end = std::chrono::steady_clock::now() + 2s;
  std::size_t rounds = 0;
  while (std::chrono::steady_clock::now() < end) {  // it goes on sending, on every connection it can get
    b.send(a, Channel::control, "after");
    b.send(a, Channel::bulk, "after");
    const std::string body = "c " + std::to_string(rounds++);
    ASSERT_TRUE(c.send(a, Channel::control, body));
    ASSERT_TRUE(a.sink.wait_body(body)) << "others must not notice";
  }
  EXPECT_EQ(a.sink.count_from(b.key()), delivered);
  EXPECT_GE(a.transport->stats().kicks[static_cast<std::size_t>(Kick::removed)], 1u);
  EXPECT_TRUE(eventually([&] { return a.transport->stats().channels[0].connections == 1; }));

  introduce({&a, &b, &c});  // voted back in
  ASSERT_TRUE(b.sink.wait_up(a.key()) && a.sink.wait_up(b.key()));
  ASSERT_TRUE(eventually([&] { return b.send(a, Channel::control, "welcome back"); }))
      << "its queue was full";
  EXPECT_TRUE(a.sink.wait_body("welcome back"));
}

TEST(Transport, PeerThatLeavesAndReturnsIsReported) {
  Node a;
  auto b = std::make_unique<Node>();
  const CurveKey keys = b->keys;
  introduce({&a, b.get()});
  ASSERT_TRUE(a.sink.wait_up(keys.public_key()));
  b->transport.reset();
  ASSERT_TRUE(a.sink.wait_up(keys.public_key(), false));
  Node again(true, [&](TransportOptions& options) { options.keys = keys; });
  again.keys = keys;
  introduce({&a, &again});  // at another port
  ASSERT_TRUE(a.sink.wait_up(keys.public_key()));
  ASSERT_TRUE(a.send(again, Channel::control, "hello again"));
  EXPECT_TRUE(again.sink.wait_body("hello again"));
}

TEST(Transport, FullQueueRefusesAndCounts) {
  Node a(true, [](TransportOptions& options) { options.limits.queued_bytes = 100000; });
  Node away(false);
  a.transport->set_peers({away.peer()});  // which never dials
  const std::string body(30000, 'x');
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(a.send(away, Channel::bulk, body));
  EXPECT_FALSE(a.send(away, Channel::bulk, body));
  EXPECT_TRUE(a.send(away, Channel::control, "another queue"));
  EXPECT_EQ(a.transport->stats().channels[1].queue_full, 1u);
}

TEST(Transport, MessagesForAPeerThatStaysAwayAreDropped) {
  Node a(true, [](TransportOptions& options) { options.limits.queue_age = 100ms; });
  Node away(false);
  a.transport->set_peers({away.peer()});
  ASSERT_TRUE(a.send(away, Channel::control, "stale"));
  EXPECT_TRUE(eventually([&] { return a.transport->stats().channels[0].stale == 1; }));
}

TEST(Transport, KeyRotatesWhilePeersKeepTalking) {
  Node a, b;
  introduce({&a, &b});
  ASSERT_TRUE(a.sink.wait_up(b.key()) && b.sink.wait_up(a.key()));
  const CurveKey next = CurveKey::generate();
  Peer both = a.peer();
  both.other_key = next.public_key();
  b.transport->set_peers({both});  // epochs n and n + 1
  ASSERT_TRUE(a.transport->rotate(next).ok());
  ASSERT_TRUE(a.send(b, Channel::control, "with the new key"));
  const auto frame = b.sink.wait_body("with the new key");
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->from, a.key()) << "still the same peer";
  ASSERT_TRUE(b.send(a, Channel::control, "to the new key"));
  EXPECT_TRUE(a.sink.wait_body("to the new key"));
}

/// `node` as others list it after it has announced `next` to replace its key.
Peer announced(const Node& node, const CurveKey& next) {
  Peer peer = node.peer();
  peer.key = next.public_key();
  peer.other_key = node.key();
  return peer;
}

TEST(Transport, AnnouncedKeyDisturbsNobodyAndTheOldOneIsRefusedAtLast) {
  Node a, b;
  introduce({&a, &b});
  ASSERT_TRUE(a.sink.wait_up(b.key()) && b.sink.wait_up(a.key()));
  const CurveKey next = CurveKey::generate();
  b.transport->set_peers({announced(a, next)});
  ASSERT_TRUE(b.transport->send(a.key(), Channel::control, bytes_of("h"), bytes_of("by the old name")));
  ASSERT_TRUE(b.transport->send(next.public_key(), Channel::control, bytes_of("h"), bytes_of("by the new")));
  EXPECT_TRUE(a.sink.wait_body("by the old name") && a.sink.wait_body("by the new"));
  ASSERT_TRUE(a.send(b, Channel::control, "still with the old key"));
  const auto before = b.sink.wait_body("still with the old key");
  ASSERT_TRUE(before);
  EXPECT_EQ(before->from, next.public_key()) << "listed under its newest key from now on";
  EXPECT_EQ(b.transport->stats().kicks[static_cast<std::size_t>(Kick::removed)], 0u);

  ASSERT_TRUE(a.transport->rotate(next).ok());
  ASSERT_TRUE(eventually([&] {
    const auto peers = a.transport->peer_stats();
    return peers.size() == 1 && peers[0].knows_our_key && peers[0].bytes_in > 0 && peers[0].bytes_out > 0;
  }));
  ASSERT_TRUE(a.send(b, Channel::control, "with the new key"));
  ASSERT_TRUE(b.sink.wait_body("with the new key"));

  Node thief(true, [&](TransportOptions& options) { options.keys = a.keys; });  // the old key, stolen
  thief.transport->set_peers({b.peer()});
  ASSERT_TRUE(thief.sink.wait_up(b.key())) << "both keys pass for a day";
  Peer over = announced(a, next);
  over.other_key.reset();
  b.transport->set_peers({over});
  ASSERT_TRUE(thief.sink.wait_up(b.key(), false)) << "cut off on its live connection";
  const auto denied = [&] {
    return thief.transport->stats().handshakes[static_cast<std::size_t>(Handshake::denied)];
  };
  EXPECT_TRUE(eventually([&] { return denied() > 0; })) << "and refused when it comes again";
  ASSERT_TRUE(a.send(b, Channel::control, "the owner goes on"));
  EXPECT_TRUE(b.sink.wait_body("the owner goes on"));
}

TEST(Transport, WhoMissedTheAnnouncementIsDialledWithTheOldKey) {
  Node a, b;
  introduce({&a, &b});
  ASSERT_TRUE(a.sink.wait_up(b.key()) && b.sink.wait_up(a.key()));
  const CurveKey next = CurveKey::generate();
  ASSERT_TRUE(a.transport->rotate(next).ok());  // and b has not been told
  ASSERT_TRUE(a.send(b, Channel::control, "my key is another now"));
  ASSERT_TRUE(b.sink.wait_body("my key is another now"));
  EXPECT_FALSE(a.transport->peer_stats().at(0).knows_our_key);
  b.transport->set_peers({announced(a, next)});
  EXPECT_TRUE(eventually([&] { return a.transport->peer_stats().at(0).knows_our_key; }));
  ASSERT_TRUE(eventually(
      [&] { return b.transport->send(next.public_key(), Channel::control, bytes_of("h"), bytes_of("ok")); }));
  EXPECT_TRUE(a.sink.wait_body("ok"));
}

TEST(Transport, LastWordsArrive) {
  Node a;
  auto b = std::make_unique<Node>();
  introduce({&a, b.get()});
  ASSERT_TRUE(a.sink.wait_up(b->key()) && b->sink.wait_up(a.key()));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(b->send(a, Channel::control, std::to_string(i)));
  b->transport->linger(5s);
  b.reset();
  EXPECT_TRUE(a.sink.wait_body("99"));
}

/// An honest node in a hurry is slower than what others take for an attack: nothing of it is lost.
TEST(Transport, FastSendersWaitInsteadOfBeingCutOff) {
  const auto hurried = [](TransportOptions& options) {
    options.limits.control_messages = {2000, 1000};
    options.limits.control_sent = {1500, 500};
  };
  Node a(true, hurried), b(true, hurried), dialler(false, hurried);
  introduce({&a, &b, &dialler});
  constexpr std::size_t kMessages = 2000;
  for (std::size_t i = 0; i < kMessages; ++i) {
    ASSERT_TRUE(a.send(b, Channel::control, "hurry"));
    ASSERT_TRUE(b.send(dialler, Channel::control, "hurry"));  // on the connection that was accepted
  }
  EXPECT_TRUE(eventually([&] {
    return b.sink.count_from(a.key()) == kMessages && dialler.sink.count_from(b.key()) == kMessages;
  }));
  for (const Node* node : {&b, &dialler}) {
    EXPECT_EQ(node->transport->stats().rejected[static_cast<std::size_t>(Rejection::rate)], 0u);
    for (const PeerStats& peer : node->transport->peer_stats()) EXPECT_EQ(peer.score, 0);
  }
}

TEST(Transport, LobbyAdmitsStrangersOnlyWhileItIsOpen) {
  Node host, joiner(false);
  const auto opened = host.transport->open_lobby("tcp://127.0.0.1:0");
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  Peer door = host.peer();
  door.control_endpoint = *opened;
  joiner.transport->dial_lobby(door);
  ASSERT_TRUE(joiner.send(host, Channel::lobby, "request")) << "it waits for the connection";
  const auto request = host.sink.wait_body("request");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->channel, Channel::lobby);
  EXPECT_EQ(request->from, joiner.key());
  ASSERT_TRUE(host.send(joiner, Channel::lobby, "pending"));
  EXPECT_TRUE(joiner.sink.wait_body("pending"));

  for (int i = 0; i < 35; ++i) joiner.send(host, Channel::lobby, "again");
  EXPECT_TRUE(eventually(
      [&] { return host.transport->stats().rejected[static_cast<std::size_t>(Rejection::rate)] >= 15; }));
  EXPECT_LE(host.sink.count_from(joiner.key()), 20u) << "one message per second, after a burst of 16";
  joiner.send(host, Channel::lobby, std::string(17 * 1024, 'x'));
  host.transport->close_lobby();
  EXPECT_TRUE(eventually([&] { return !host.send(joiner, Channel::lobby, "closed"); }));
  for (const auto& frame : host.sink.frames()) EXPECT_LE(frame.body_bytes, 16u * 1024);
}

TEST(Transport, ScoreAtTheFloorKicksAndQuarantines) {
  Node a(true, [](TransportOptions&options) { options.limits.quarantine = 300ms; }), b;
  introduce({&a, &b});
  ASSERT_TRUE(a.sink.wait_up(b.key()) && b.sink.wait_up(a.key()));
  a.transport->penalise(b.key(), Offence::bad_signature);
  ASSERT_TRUE(a.sink.wait_up(b.key(), false));
  EXPECT_GE(a.transport->stats().kicks[static_cast<std::size_t>(Kick::score)], 1u);
  ASSERT_TRUE(a.sink.wait_up(b.key())) << "after the quarantine it may come back";
}

}  // namespace
}  // namespace hansa::net
