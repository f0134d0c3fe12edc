// An independent implementation: a Python client written from docs/wire-format.md alone connects to a node
// made of the transport, the envelope and bulk, says HELLO, gets its signed ping answered and fetches a blob.
#include "protocols/bulk/bulk.hpp"
#include "protocols/envelope/hello.hpp"
#include "src/wire/envelope.hpp"
#include "tests/net/mesh.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

namespace hansa::net {
namespace {

using namespace testing;
using protocols::bulk::Bulk;
using protocols::envelope::Type;

constexpr const char* kPython = "/usr/bin/python3";

/// Answers HELLO and ping, and offers one blob. All of it on the transport's thread.
class EchoNode {
 public:
  explicit EchoNode(const crypto::PublicKey& client) : client_(client), blob_(600000, std::byte{0}) {
    for (std::size_t i = 0; i < blob_.size(); ++i) blob_[i] = static_cast<std::byte>(i * 11 + i / 300);
    policy_.consortium = {std::byte{1}, std::byte{2}};
    blob_id_ = bulk_.hold(protocols::bulk::manifest_of(blob_), {nullptr, blob_}, 7);
  }

  void on_frame(Transport& transport, const CurvePublic& from, Channel channel,
                std::span<const std::byte> header, std::span<const std::byte> body) {
    wire::Envelope envelope;
    const auto plane = static_cast<protocols::envelope::Plane>(channel);
    const auto error = opener_.open(header, body, plane, client_, policy_, envelope);
    if (error != wire::EnvelopeError::none) {
      std::fprintf(stderr, "refused: %s\n", std::string(wire::name_of(error)).c_str());
      return;
    }
    const Type type{envelope.type};
    if (type == Type::hello) {
      const auto theirs = protocols::envelope::decode_hello(body);
      if (!theirs || !protocols::envelope::negotiate({.release = "0.1.0"}, *theirs)) return;
      release = theirs->release;
      send(transport, from, Type::hello, protocols::envelope::encode({.release = "0.1.0"}));
    } else if (type == Type::ping) {
      send(transport, from, Type::pong, Bytes(body.begin(), body.end()));
      bulk_.offer(blob_id_, std::span(&client_, 1), effects_);
    } else if (const auto message = protocols::bulk::decode(type, body)) {
      bulk_.on_message(client_, *message, Time{}, effects_);
    }
    for (const auto& effect : effects_) {
      const auto& out = std::get<protocols::bulk::Send>(effect).message;
      send(transport, from, protocols::bulk::type_of(out), protocols::bulk::encode(out));
    }
    effects_.clear();
  }

  [[nodiscard]] const wire::ConsortiumTag& consortium() const { return policy_.consortium; }
  /// What `b2sum -l 256` says.
  [[nodiscard]] const Bytes& blob() const { return blob_; }
  std::string release;

 private:
  void send(Transport& transport, const CurvePublic& to, Type type, Bytes body) {
    wire::Envelope envelope;
    envelope.type = static_cast<std::uint16_t>(type);
    envelope.consortium = policy_.consortium;
    envelope.sender = identity_.public_key();
    envelope.boot_id = 1;
    envelope.seq = ++seq_;
    const auto* const rule = protocols::envelope::rule_of(envelope.type);
    auto header = wire::seal(envelope, body, rule->must_sign ? &identity_ : nullptr);
    transport.send(to, static_cast<Channel>(rule->plane), std::make_shared<const Bytes>(std::move(header)),
                   std::make_shared<const Bytes>(std::move(body)));
  }

  crypto::PublicKey client_;
  Bytes blob_;
  crypto::Identity identity_ = crypto::Identity::generate();
  wire::EnvelopeOpener opener_;
  wire::EnvelopePolicy policy_;
  Bulk bulk_;
  protocols::bulk::BlobId blob_id_;
  protocols::bulk::Effects effects_;
  std::uint64_t seq_ = 0;
};

std::string hex(std::span<const std::byte> bytes) { return crypto::to_hex(bytes); }

/// Everything that a command prints, and its exit status.
std::pair<std::string, int> run(const std::string& command) {
  std::FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return {"", -1};
  std::string output;
  char buffer[256];
  while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) output += buffer;
  return {output, pclose(pipe)};
}

TEST(PythonClient, HandshakeSignedPingAndBlob) {
  if (run(std::string(kPython) + " -c 'import zmq, msgpack, nacl' 2>&1").second != 0) {
    GTEST_SKIP() << "needs python3-zmq, python3-msgpack and python3-nacl (./dev setup test)";
  }
  const CurveKey client_keys = CurveKey::generate();
  crypto::Secret32 seed;
  crypto::random_bytes(seed.bytes());
  EchoNode echo(crypto::Identity::from_seed(seed.bytes()).public_key());
  Transport* transport = nullptr;
  const CurveKey keys = CurveKey::generate();
  RecordingSink sink;
  sink.reaction = [&](const CurvePublic& from, Channel channel, std::span<const std::byte> header,
                      std::span<const std::byte> body) {
    echo.on_frame(*transport, from, channel, header, body);
  };
  auto opened = Transport::open(options_for(keys), sink);
  ASSERT_TRUE(opened.ok());
  transport = opened->get();
  transport->set_peers({Peer{client_keys.public_key(), {}, "", ""}});

  const std::string path = ::testing::TempDir() + "hansa-python-client-" + std::to_string(getpid());
  {
    std::ofstream file(path);
    std::filesystem::permissions(path,
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    file << transport->control_endpoint() << "\n"
         << transport->bulk_endpoint() << "\n"
         << hex(keys.public_key()) << "\n"
         << hex(echo.consortium()) << "\n"
         << hex(client_keys.secret()) << "\n"
         << hex(seed.bytes()) << "\n";
  }
  const auto [output, status] = run(std::string("timeout 60 ") + kPython +
                                    " " HANSA_SOURCE_DIR "/tests/net/python_client.py " + path + " 2>&1");
  EXPECT_EQ(status, 0) << output;
  EXPECT_NE(output.find("hello 1 1 0.1.0\npong\nblob 7 "), std::string::npos) << output;
  EXPECT_EQ(echo.release, "python-0.1");

  // The blob's bytes, hashed by another program.
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(echo.blob().data()),
             static_cast<std::streamsize>(echo.blob().size()));
  const std::string sum = run("b2sum -l 256 " + path).first.substr(0, 64);
  EXPECT_NE(output.find("blob 7 " + sum), std::string::npos) << output << sum;
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace hansa::net
