// Every reason to refuse a message, bombs of bytes, random damage and random replays.
#include "src/wire/envelope.hpp"

#include <hansa/rng.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace hansa::wire {
namespace {

using protocols::envelope::Plane;
using protocols::envelope::Type;
using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

Bytes hex_bytes(std::string_view hex) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

crypto::Identity identity(std::uint8_t number) {
  std::array<std::byte, 32> seed{};
  seed[0] = std::byte{number};
  return crypto::Identity::from_seed(seed);
}

const crypto::Hash256 kRun{{std::byte{9}, std::byte{9}}};

EnvelopePolicy policy() { return {.consortium = {std::byte{7}}, .runs = {{kRun, 3, 5, 2}}}; }

Envelope envelope(Type type = Type::ping, std::uint64_t seq = 1) {
  Envelope e;
  e.type = static_cast<std::uint16_t>(type);
  e.consortium = policy().consortium;
  e.roster_version = 2;
  e.sender = identity(1).public_key();
  e.boot_id = 4;
  e.seq = seq;
  return e;
}

EnvelopeError open(EnvelopeOpener& opener, const Bytes& header, const Bytes& body,
                   Plane plane = Plane::control) {
  Envelope out;
  return opener.open(header, body, plane, identity(1).public_key(), policy(), out);
}

TEST(Envelope, SignedAndUnsignedRoundTrip) {
  const Bytes body = bytes_of("the body");
  const auto signer = identity(1);
  for (const bool is_signed : {true, false}) {
    Envelope sent = envelope(is_signed ? Type::ping : Type::roster_sync);
    const Bytes header = seal(sent, body, is_signed ? &signer : nullptr);
    EXPECT_LE(header.size(), EnvelopeLimits().header_bytes);
    EnvelopeOpener opener;
    Envelope got;
    ASSERT_EQ(opener.open(header, body, Plane::control, signer.public_key(), policy(), got),
              EnvelopeError::none);
    sent.flags = is_signed ? kFlagSigned : 0;
    sent.body_len = body.size();
    if (is_signed) sent.body_hash = body_hash(body);
    EXPECT_EQ(got, sent);
    EXPECT_EQ(opener.counters()[0], 1u);
  }
}

TEST(Envelope, LongestHeaderFitsTheLimit) {
  Envelope e = envelope();
  e.roster_version = e.boot_id = e.seq = ~std::uint64_t{0};
  e.type = 0xFFFF;
  e.round = 0xFFFFFFFF;
  e.run = kRun;
  const auto signer = identity(1);
  EXPECT_LE(seal(e, bytes_of("x"), &signer).size(), 222u);
}

/// One spoiled message per reason; the same message unspoiled is accepted.
TEST(Envelope, EveryReasonToRefuse) {
  struct Case {
    EnvelopeError expected;
    std::function<void(Envelope&)> before = [](Envelope&) {};           // what the sender writes
    std::function<void(Bytes&, Bytes&)> after = [](Bytes&, Bytes&) {};  // what happens on the way
    Type type = Type::ping;
    Plane plane = Plane::control;
    bool is_signed = true;
  };
  const auto run = [](Envelope& e) { e.run = kRun, e.round = 4; };
  const std::vector<Case> cases = {
      {EnvelopeError::none},
      {EnvelopeError::none, run, [](Bytes&, Bytes&) {}, Type::commitment},
      {EnvelopeError::oversize, {}, [](Bytes&, Bytes& body) { body.resize(64 * 1024 + 1); }},
      {EnvelopeError::oversize, {}, [](Bytes& header, Bytes&) { header.resize(257); }},
      {EnvelopeError::malformed, {}, [](Bytes& header, Bytes&) { header.clear(); }},
      {EnvelopeError::malformed, {}, [](Bytes& header, Bytes&) { header.pop_back(); }},
      {EnvelopeError::malformed, {}, [](Bytes& header, Bytes&) { header.push_back(std::byte{0}); }},
      {EnvelopeError::malformed, {}, [](Bytes& header, Bytes&) { header[0] = std::byte{0x9b}; }},
      {EnvelopeError::not_canonical,
       {},
       [](Bytes& header, Bytes&) {
         header.insert(header.begin() + 1, std::byte{0xcc});  // proto as uint 8
       }},
      {EnvelopeError::version, [](Envelope& e) { e.proto = 2; }},
      {EnvelopeError::version, [](Envelope& e) { e.proto = 0; }},
      {EnvelopeError::unknown_flag, [](Envelope& e) { e.flags = 2; }},
      {EnvelopeError::none, [](Envelope& e) { e.flags = 0x0100; }},
      {EnvelopeError::unknown_type, [](Envelope& e) { e.type = 9999; }},
      {EnvelopeError::wrong_plane, {}, {}, Type::ping, Plane::bulk},
      {EnvelopeError::consortium, [](Envelope& e) { e.consortium[1] = std::byte{1}; }},
      {EnvelopeError::body_length, {}, [](Bytes&, Bytes& body) { body.pop_back(); }},
      {EnvelopeError::not_signed, {}, {}, Type::ping, Plane::control, false},
      {EnvelopeError::bad_hash, {}, [](Bytes&, Bytes& body) { body[0] ^= std::byte{1}; }},
      {EnvelopeError::bad_signature, {}, [](Bytes& header, Bytes&) { header.back() ^= std::byte{1}; }},
      {EnvelopeError::replay, [](Envelope& e) { e.seq = 0; }},
      {EnvelopeError::unknown_run, {}, {}, Type::commitment},
      {EnvelopeError::stale_round, [](Envelope& e) { e.run = kRun, e.round = 2; }, {}, Type::commitment},
      {EnvelopeError::stale_round, [](Envelope& e) { e.run = kRun, e.round = 6; }, {}, Type::commitment},
      {EnvelopeError::stale_roster,
       [](Envelope& e) { e.run = kRun, e.round = 4, e.roster_version = 1; },
       {},
       Type::commitment},
  };
  const auto signer = identity(1);
  std::set<EnvelopeError> seen;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Case& c = cases[i];
    Envelope e = envelope(c.type);
    if (c.before) c.before(e);
    Bytes body = bytes_of("the body");
    Bytes header = seal(e, body, c.is_signed ? &signer : nullptr);
    if (c.after) c.after(header, body);
    EnvelopeOpener opener;
    EXPECT_EQ(name_of(open(opener, header, body, c.plane)), name_of(c.expected)) << "case " << i;
    EXPECT_EQ(opener.counters()[static_cast<std::size_t>(c.expected)], 1u);
    seen.insert(c.expected);
  }
  seen.insert({EnvelopeError::unlisted, EnvelopeError::old_boot});  // below
  EXPECT_EQ(seen.size(), kEnvelopeErrors) << "a reason without a case";
}

TEST(Envelope, SenderMustBeTheNodeThatDeliveredIt) {
  EnvelopeOpener opener;
  const auto mallory = identity(2);
  Envelope out;
  // Mallory passes on what node 1 signed, and claims to be node 1.
  const auto signer = identity(1);
  const Bytes body = bytes_of("x");
  EXPECT_EQ(
      opener.open(seal(envelope(), body, &signer), body, Plane::control, mallory.public_key(), policy(), out),
      EnvelopeError::unlisted);
  EXPECT_EQ(opener.open(seal(envelope(), body, &signer), body, Plane::control, std::nullopt, policy(), out),
            EnvelopeError::unlisted);
}

TEST(Envelope, StrangersInTheLobbyAreKnownByTheirSignatureOnly) {
  EnvelopeOpener opener;
  const auto stranger = identity(3);
  Envelope e = envelope(Type::lobby_sync), out;
  e.sender = stranger.public_key();
  const Bytes body = bytes_of("please");
  Bytes header = seal(e, body, &stranger);
  EXPECT_EQ(opener.open(header, body, Plane::lobby, std::nullopt, policy(), out), EnvelopeError::none);
  EXPECT_EQ(opener.replay().boot_of(e.sender), std::nullopt) << "a crowd of strangers must not cost memory";
  header.back() ^= std::byte{1};
  EXPECT_EQ(opener.open(header, body, Plane::lobby, std::nullopt, policy(), out),
            EnvelopeError::bad_signature);
}

TEST(Envelope, OldBootAndReplaysAreRefusedAndForgeriesUseNothingUp) {
  EnvelopeOpener opener;
  const auto signer = identity(1);
  const Bytes body = bytes_of("x");
  Bytes forged = seal(envelope(Type::ping, 1000000), body, &signer);
  forged.back() ^= std::byte{1};
  EXPECT_EQ(open(opener, forged, body), EnvelopeError::bad_signature);
  const Bytes first = seal(envelope(), body, &signer);
  EXPECT_EQ(open(opener, first, body), EnvelopeError::none) << "the forgery moved the window";
  EXPECT_EQ(open(opener, first, body), EnvelopeError::replay);
  Envelope old = envelope();
  old.boot_id = 3;
  EXPECT_EQ(open(opener, seal(old, body, &signer), body), EnvelopeError::old_boot);
}

TEST(Envelope, ReplaysOfAnyShareAreRefused) {
  const auto signer = identity(1);
  const Bytes body = bytes_of("x");
  for (std::uint64_t percent = 0; percent <= 50; percent += 10) {
    Rng rng(percent, Purpose::test);
    EnvelopeOpener opener;
    std::vector<Bytes> sent;
    std::uint64_t replays = 0;
    for (std::uint64_t seq = 1; seq <= 400; ++seq) {
      sent.push_back(seal(envelope(Type::ping, seq), body, &signer));
      ASSERT_EQ(open(opener, sent.back(), body), EnvelopeError::none);
      if (rng.below(100) >= percent) continue;
      ++replays;
      ASSERT_EQ(open(opener, sent[rng.below(sent.size())], body), EnvelopeError::replay);
    }
    EXPECT_EQ(opener.counters()[static_cast<std::size_t>(EnvelopeError::replay)], replays);
    EXPECT_EQ(opener.counters()[0], 400u);
  }
}

TEST(Envelope, BombsAreRefusedBeforeTheyGoOff) {
  Bytes nested_arrays;  // array16 of 1 in array16 of 1 ...
  for (int i = 0; i < 24000; ++i) {
    for (const int b : {0xdc, 0x00, 0x01}) nested_arrays.push_back(static_cast<std::byte>(b));
  }
  const std::vector<Bytes> bombs = {hex_bytes("dd0f000000"),        // an array of 251 million
                                    hex_bytes("ddffffffff"),        // of 4 billion
                                    hex_bytes("9cdd0f000000"),      // inside ours
                                    hex_bytes("9cdfffffffff"),      // a map
                                    hex_bytes("9c0101c6ffffffff"),  // 4 GiB of bytes
                                    hex_bytes("9c0101c4080102"),    // truncated bytes
                                    hex_bytes("9c"),
                                    hex_bytes("c1"),
                                    Bytes(256, std::byte{0x91}),
                                    Bytes(1000000, std::byte{0x91}),
                                    nested_arrays,
                                    Bytes(250, std::byte{0x9c})};
  EnvelopeLimits unlimited;  // the parser must hold on its own as well
  unlimited.header_bytes = 2000000;
  for (const EnvelopeLimits& limits : {EnvelopeLimits{}, unlimited}) {
    for (const Bytes& bomb : bombs) {
      EnvelopeOpener opener(limits);
      const EnvelopeError error = open(opener, bomb, {});
      EXPECT_TRUE(error == EnvelopeError::malformed || error == EnvelopeError::oversize);
    }
  }
}

TEST(Envelope, AnyChangedBitIsRefused) {
  const auto signer = identity(1);
  const Bytes body = bytes_of("x");
  const Bytes header = seal(envelope(), body, &signer);
  for (std::size_t bit = 0; bit < 8 * header.size(); ++bit) {
    Bytes changed = header;
    changed[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    EnvelopeOpener opener;
    EXPECT_NE(open(opener, changed, body), EnvelopeError::none) << "bit " << bit;
  }
}

TEST(Envelope, TypesHaveDistinctNumbersAndNames) {
  std::set<std::uint16_t> numbers;
  std::set<std::string_view> names;
  for (const auto& rule : protocols::envelope::kTypes) {
    EXPECT_TRUE(numbers.insert(static_cast<std::uint16_t>(rule.type)).second) << rule.name;
    EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
  }
}

}  // namespace
}  // namespace hansa::wire
