// What reaches a port before anybody is known there: openings of ZMTP 3.1 (ZeroMQ RFC 37) and CURVE (RFC 26)
// that are changed, cut, repeated and stretched at random. HANSA_LONG=1 sends 500 times as many,
// HANSA_FUZZ_SEED=n others.
#include "tests/net/mesh.hpp"
#include "tests/net/proxy.hpp"

#include <hansa/rng.hpp>

#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

namespace hansa::net {
namespace {

using namespace testing;
using Text = std::vector<unsigned char>;

/// 64 bytes: signature, version, mechanism, whether it is a server, filler.
Text greeting(unsigned char major, unsigned char minor, std::string_view mechanism) {
  Text bytes(64, 0);
  bytes[0] = 0xff;
  bytes[8] = 1;
  bytes[9] = 0x7f;
  bytes[10] = major;
  bytes[11] = minor;
  std::copy(mechanism.begin(), mechanism.end(), bytes.begin() + 12);
  return bytes;
}

/// A command frame: flags 4 with one byte of length, 6 with eight.
Text command(std::string_view name, std::size_t body_bytes, std::uint64_t claimed_bytes) {
  const std::size_t size = 1 + name.size() + body_bytes;
  Text bytes;
  if (claimed_bytes == 0 && size < 256) {
    bytes = {4, static_cast<unsigned char>(size)};
  } else {
    const std::uint64_t said = claimed_bytes != 0 ? claimed_bytes : size;
    bytes = {6};
    for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<unsigned char>(said >> shift));
  }
  bytes.push_back(static_cast<unsigned char>(name.size()));
  bytes.insert(bytes.end(), name.begin(), name.end());
  bytes.insert(bytes.end(), body_bytes, 0);
  return bytes;
}

/// The opening of a connection, as a client or somebody who only knows the format would write it.
Text opening(Rng& rng) {
  constexpr std::string_view kMechanisms[] = {"CURVE", "CURVE", "CURVE", "NULL", "PLAIN", "GSSAPI", ""};
  constexpr std::string_view kCommands[] = {"HELLO", "HELLO", "INITIATE", "READY",   "ERROR",
                                            "PING",  "PONG",  "MESSAGE",  "WELCOME", ""};
  Text bytes = greeting(static_cast<unsigned char>(rng.below(5)), static_cast<unsigned char>(rng.below(3)),
                        kMechanisms[rng.below(std::size(kMechanisms))]);
  if (rng.below(4) != 0) bytes[10] = 3;
  const std::uint64_t commands = rng.below(4);
  for (std::uint64_t i = 0; i < commands; ++i) {
    constexpr std::size_t kHelloBytes = 194;
    constexpr std::uint64_t kClaims[] = {0, 0, 0, 1, 1u << 20, std::uint64_t{1} << 62, ~std::uint64_t{0}};
    const std::size_t size = rng.below(3) == 0 ? rng.below(600) : kHelloBytes;
    const Text more =
        command(kCommands[rng.below(std::size(kCommands))], size, kClaims[rng.below(std::size(kClaims))]);
    const std::size_t head = bytes.size() + 16;
    bytes.insert(bytes.end(), more.begin(), more.end());
    for (std::size_t at = head; at < bytes.size(); ++at) bytes[at] = static_cast<unsigned char>(rng.next());
  }
  const std::uint64_t changes = rng.below(4);
  for (std::uint64_t i = 0; i < changes; ++i)
    bytes[rng.below(bytes.size())] = static_cast<unsigned char>(rng.next());
  if (rng.below(4) == 0) bytes.resize(rng.below(bytes.size() + 1));
  return bytes;
}

/// One connection that says `bytes` in up to three pieces, listens or not, and goes.
void say(int port, const Text& bytes, Rng& rng) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_GE(fd, 0);
  const sockaddr_in address = Proxy::loopback(port);
  ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t piece = std::min<std::size_t>(bytes.size() - at, 1 + rng.below(bytes.size()));
    if (::send(fd, bytes.data() + at, piece, MSG_NOSIGNAL) < 0) break;  // it has hung up
    at += piece;
  }
  if (rng.below(8) == 0) {  // until it answers or hangs up; it begins with its own greeting
    unsigned char answer[256];
    [[maybe_unused]] const auto got = ::recv(fd, answer, sizeof answer, 0);
  }
  ::close(fd);
}

long peak_rss_kib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

TEST(Garbage, BeforeTheHandshakeIsHarmless) {
  const char* const chosen = std::getenv("HANSA_FUZZ_SEED");
  const std::uint64_t seed = chosen == nullptr ? 1 : std::strtoull(chosen, nullptr, 10);
  SCOPED_TRACE("HANSA_FUZZ_SEED=" + std::to_string(seed));
  Node a, b;
  introduce({&a, &b});
  ASSERT_TRUE(b.sink.wait_up(a.key()));
  const int ports[] = {port_of(a.transport->control_endpoint()), port_of(a.transport->bulk_endpoint())};
  Rng rng(seed, Purpose::test);
  const int count = std::getenv("HANSA_LONG") == nullptr ? 2000 : 1'000'000;
  const long before_kib = peak_rss_kib();
  for (int i = 0; i < count && !HasFatalFailure(); ++i) {
    say(ports[i % 2], opening(rng), rng);
    if (i % (count / 10) != 0) continue;
    const std::string text = "after " + std::to_string(i);
    ASSERT_TRUE(b.send(a, Channel::control, text));
    ASSERT_TRUE(a.sink.wait_body(text)) << "a member is not served any more";
  }
  EXPECT_LE(peak_rss_kib() - before_kib, 64 * 1024) << "openings that claim to be large took memory";
  EXPECT_TRUE(eventually([&] { return a.transport->stats().channels[0].connections <= 2; }));
  EXPECT_TRUE(eventually([&] { return a.transport->stats().channels[1].connections <= 2; }));

  Node late;  // and somebody new still gets in
  a.transport->set_peers({b.peer(), late.peer()});
  late.transport->set_peers({a.peer()});
  EXPECT_TRUE(late.sink.wait_up(a.key()));
}

}  // namespace
}  // namespace hansa::net
