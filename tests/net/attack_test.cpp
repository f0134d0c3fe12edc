// The rows of the threat model that concern the transport: eavesdroppers, forged identities, and peers and
// strangers who want more memory or more connections than is theirs.
#include "tests/net/mesh.hpp"
#include "tests/net/proxy.hpp"
#include "tests/net/raw_peer.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include <sys/resource.h>

namespace hansa::net {
namespace {

using namespace testing;

/// Resident memory of this process.
std::size_t rss_bytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  unsigned long total = 0, resident = 0;
  if (file == nullptr || std::fscanf(file, "%lu %lu", &total, &resident) != 2) resident = 0;
  if (file != nullptr) std::fclose(file);
  return resident * 4096;
}

/// AddressSanitizer keeps so much of what was freed for a while; ThreadSanitizer has notes of its own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kQuarantineBytes = std::size_t{256} << 20;
#else
constexpr std::size_t kQuarantineBytes = 0;
#endif

bool long_tests() { return std::getenv("HANSA_LONG") != nullptr; }

TEST(Attack, NoMarkerOnTheLineAndAFlippedBitEndsTheConnection) {
  const std::string marker = "marker-of-a-secret-model-update";
  // After a frame that cannot be opened, libzmq 4.3.4 reads no further and leaves the rest to the heartbeat.
  Node a(true, [](TransportOptions& options) {
    options.limits.heartbeat_interval = 200ms;
    options.limits.heartbeat_timeout = 600ms;
  });
  Node b(false);
  Proxy line(port_of(a.transport->control_endpoint()));
  a.transport->set_peers({b.peer()});
  Peer through_proxy = a.peer();
  through_proxy.control_endpoint = line.endpoint();
  through_proxy.bulk_endpoint.clear();
  b.transport->set_peers({through_proxy});
  ASSERT_TRUE(b.sink.wait_up(a.key()) && a.sink.wait_up(b.key()));
  ASSERT_TRUE(b.send(a, Channel::control, marker));
  ASSERT_TRUE(a.sink.wait_body(marker));
  ASSERT_TRUE(a.send(b, Channel::control, marker));
  ASSERT_TRUE(b.sink.wait_body(marker));
  EXPECT_GT(line.recorded().size(), 2 * marker.size());
  EXPECT_EQ(line.recorded().find(marker), std::string::npos);
  EXPECT_EQ(line.recorded().find("marker"), std::string::npos);

  const std::size_t before = line.connections();
  line.flip_next();
  ASSERT_TRUE(b.send(a, Channel::control, "changed on the way"));
  ASSERT_TRUE(eventually([&] { return line.flipped() && line.connections() > before; }))

      << "flipped: " << line.flipped() << ", connections: " << before << " before, " << line.connections()
      << " now, " << a.sink.frames().size() << " frames, " << a.transport->stats().channels[0].connections
      << " open";
  ASSERT_TRUE(eventually(
      [&] { return b.transport->stats().handshakes[static_cast<std::size_t>(Handshake::dialled)] == 2; }));
  ASSERT_TRUE(b.send(a, Channel::control, "whole"));
  ASSERT_TRUE(a.sink.wait_body("whole"));
  for (const auto& frame : a.sink.frames()) {
    EXPECT_TRUE(frame.body == marker || frame.body == "whole") << "a changed message got through";
  }
}

/// The recorder is not blind: without encryption it sees the marker.
TEST(Attack, ProxySeesWhatIsNotEncrypted) {
  Context context;
  Socket server(context, ZMQ_PULL), client(context, ZMQ_PUSH);
  ASSERT_TRUE(server.bind("tcp://127.0.0.1:*"));
  Proxy line(port_of(server.last_endpoint()));
  ASSERT_TRUE(client.connect(line.endpoint()));
  const std::string marker = "marker";
  ASSERT_TRUE(eventually([&] { return client.send(std::as_bytes(std::span(marker)), false); }));
  EXPECT_TRUE(eventually([&] { return line.recorded().find(marker) != std::string::npos; }));
}

TEST(Attack, RoutingIdsCannotBeHijacked) {
  Node hub;
  const CurveKey alice = CurveKey::generate(), mallory = CurveKey::generate();
  hub.transport->set_peers({Peer{alice.public_key(), {}, "", ""}, Peer{mallory.public_key(), {}, "", ""}});
  const std::string endpoint = hub.transport->control_endpoint();

  // Mallory takes the name first, and Alice has it as well.
  RawPeer thief(mallory, hub.key(), endpoint, "alice");
  ASSERT_TRUE(thief.send("", "I am Alice"));
  const auto forged = hub.sink.wait_body("I am Alice");
  ASSERT_TRUE(forged);
  EXPECT_EQ(forged->from, mallory.public_key()) << "identity is the key that the handshake proved";

  // Alice without a name of her own: she is served, whatever Mallory calls herself.
  RawPeer honest(alice, hub.key(), endpoint);
  ASSERT_TRUE(honest.send("", "hello"));
  const auto frame = hub.sink.wait_body("hello");
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->from, alice.public_key());
  RawPeer second_thief(mallory, hub.key(), endpoint, "alice");
  ASSERT_TRUE(second_thief.send("", "me too"));
  ASSERT_TRUE(
      hub.transport->send(alice.public_key(), Channel::control, bytes_of("h"), bytes_of("for Alice only")));
  std::string got;
  ASSERT_TRUE(eventually([&] { return (got = honest.receive()) == "for Alice only"; }));
  // Nothing is ever sent to a name that a client chose.
  ASSERT_TRUE(
      hub.transport->send(mallory.public_key(), Channel::control, bytes_of("h"), bytes_of("for Mallory")));
  ASSERT_TRUE(hub.transport->send(alice.public_key(), Channel::control, bytes_of("h"), bytes_of("more")));
  ASSERT_TRUE(eventually([&] { return honest.receive() == "more"; }));
  EXPECT_EQ(thief.receive(), "");
  EXPECT_EQ(second_thief.receive(), "");
}

TEST(Attack, MessagesOfOneOrThreeFramesAreDroppedAndCostPoints) {
  Node a;
  const CurveKey keys = CurveKey::generate();
  a.transport->set_peers({Peer{keys.public_key(), {}, "", ""}});
  RawPeer peer(keys, a.key(), a.transport->control_endpoint());
  const auto one = std::as_bytes(std::span("x", 1));
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(peer.socket.send(one, false));
    ASSERT_TRUE(peer.socket.send(one, true) && peer.socket.send(one, true) && peer.socket.send(one, false));
  }
  ASSERT_TRUE(eventually(
      [&] { return a.transport->stats().rejected[static_cast<std::size_t>(Rejection::frame_count)] == 8; }));
  EXPECT_EQ(a.transport->stats().kicks[static_cast<std::size_t>(Kick::score)], 0u) << "-80 is not the floor";
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(peer.socket.send(one, false));
  ASSERT_TRUE(eventually([&] {
    return a.transport->stats().kicks[static_cast<std::size_t>(Kick::score)] == 1 &&
           peer.happened(ZMQ_EVENT_DISCONNECTED);
  }));
  EXPECT_TRUE(a.sink.frames().empty());
}

TEST(Attack, FloodOfControlMessagesIsCutOff) {
  Node a(true, [](TransportOptions& options) { options.limits.control_messages = {200, 400}; });
  const CurveKey keys = CurveKey::generate();
  a.transport->set_peers({Peer{keys.public_key(), {}, "", ""}});
  RawPeer peer(keys, a.key(), a.transport->control_endpoint());
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(peer.send("h", "flood"));
  ASSERT_TRUE(
      eventually([&] { return a.transport->stats().kicks[static_cast<std::size_t>(Kick::score)] >= 1; }));
  EXPECT_LE(a.transport->stats().channels[0].messages_in, 1000u);
}

/// One authorised peer sends a message of very many parts. ZeroMQ would keep all of it; the guard counts
/// bytes.
TEST(Attack, GiantMultipartCostsLittleMemoryAndOthersAreServed) {
  const std::size_t total = long_tests() ? std::size_t{2} << 30 : std::size_t{192} << 20;
  Node a, honest;
  const CurveKey keys = CurveKey::generate();
  const Peer attacker{keys.public_key(), {}, "", ""};
  a.transport->set_peers({attacker, honest.peer()});
  honest.transport->set_peers({a.peer()});
  ASSERT_TRUE(honest.sink.wait_up(a.key()) && a.sink.wait_up(honest.key()));

  // The sender's parts share one buffer, so that what grows is the receiver.
  RawPeer peer(keys, a.key(), a.transport->bulk_endpoint());
  ASSERT_TRUE(peer.send("", ""));
  const auto part = std::make_shared<const Bytes>(256 * 1024, std::byte{'x'});
  ASSERT_TRUE(eventually([&] { return a.transport->stats().channels[1].connections >= 2; }));
  const std::size_t before = rss_bytes();
  for (std::size_t sent = 0; sent < total; sent += part->size()) {
    Part copy(part);
    ASSERT_TRUE(peer.socket.send(copy, sent + part->size() < total));
  }
  std::size_t most = 0, rounds = 0;
  Duration slowest{};
  const bool kicked = eventually([&] {
    const auto begin = std::chrono::steady_clock::now();
    const std::string body = "ping " + std::to_string(rounds++);
    EXPECT_TRUE(honest.send(a, Channel::control, body));
    EXPECT_TRUE(a.sink.wait_body(body));
    slowest = std::max<Duration>(slowest, std::chrono::steady_clock::now() - begin);
    most = std::max(most, rss_bytes());
    return a.transport->stats().kicks[static_cast<std::size_t>(Kick::budget)] >= 1;
  });
  EXPECT_TRUE(kicked);
  EXPECT_LE(most, before + (std::size_t{64} << 20) + kQuarantineBytes);
  RecordProperty("rss_growth_mib", static_cast<int>((std::max(most, before) - before) >> 20));
  RecordProperty("slowest_ping_ms", static_cast<int>(slowest.count() / 1000000));
  // It stays out, the honest peer stays in.
  EXPECT_TRUE(eventually([&] {
    return a.transport->stats().handshakes[static_cast<std::size_t>(Handshake::quarantined)] >= 1;
  }));
  ASSERT_TRUE(honest.send(a, Channel::control, "still here"));
  EXPECT_TRUE(a.sink.wait_body("still here"));
  EXPECT_EQ(a.transport->stats().channels[1].messages_in, 0u);
}

/// 400 connections that say nothing, and 256 file descriptors: an honest member joins within 3 s.
TEST(Attack, SilentConnectionsDoNotKeepAMemberOut) {
  // The connections are another process's, so that the limit below is ours alone.
  Node a(true, [](TransportOptions& options) { options.limits.open_files = 0; });
  Node member;  // it would be a process of its own: what it needs to exist is not taken from the limit
  const int port = port_of(a.transport->control_endpoint());
  int ready[2], hold[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(hold), 0);
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
  const pid_t child = fork();
  if (child == 0) {  // only system calls from here
    close(ready[0]);
    close(hold[1]);
    const sockaddr_in address = Proxy::loopback(port);
    for (int i = 0; i < 400; ++i) {
      const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    }
    char c = 1;
    [[maybe_unused]] auto done = write(ready[1], &c, 1);
    done = read(hold[0], &c, 1);
    _exit(0);
  }
  close(ready[1]);
  close(hold[0]);
  rlimit tight = old;
  tight.rlim_cur = 256;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
  char c = 0;
  ASSERT_EQ(read(ready[0], &c, 1), 1);

  const auto begin = std::chrono::steady_clock::now();
  {
    a.transport->set_peers({member.peer()});
    member.transport->set_peers({a.peer()});
    EXPECT_TRUE(member.sink.wait_up(a.key()));
    EXPECT_TRUE(member.send(a, Channel::control, "in"));
    EXPECT_TRUE(a.sink.wait_body("in"));
    const auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_LE(took, 3s);
    RecordProperty("join_ms", static_cast<int>(took / 1ms));
    EXPECT_GE(a.transport->stats().kicks[static_cast<std::size_t>(Kick::crowded)], 1u);
    EXPECT_LE(a.transport->stats().channels[0].connections, 68u);
  }
  close(hold[1]);
  close(ready[0]);
  setrlimit(RLIMIT_NOFILE, &old);
}

}  // namespace
}  // namespace hansa::net
