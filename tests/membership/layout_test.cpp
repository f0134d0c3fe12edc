// Lengths as documented, round trips, and refusal of everything that is cut, extended or forged.
#include "tests/membership/network.hpp"

#include <gtest/gtest.h>

namespace hansa::protocols::membership::testing {
namespace {

Presence presence(std::size_t who, Incarnation incarnation, Standing standing = Standing::alive) {
  Presence p{standing, key(who).public_key(), incarnation, {}};
  sign(p, key(who));
  return p;
}
Accusation accusation(std::size_t accuser, std::size_t about, Incarnation incarnation) {
  Accusation a{key(about).public_key(), incarnation, key(accuser).public_key(), {}};
  sign(a, key(accuser));
  return a;
}

std::vector<Message> one_of_each() {
  const Statements s{{presence(0, 7), presence(1, 9, Standing::draining)}, {accusation(0, 1, 9)}};
  RosterHint hint{5, {}};
  hint.hash.bytes[3] = std::byte{9};
  const crypto::Signature proof = key(1).sign(proof_bytes(key(1).public_key(), key(0).public_key(), 3));
  return {Ping{3, hint, {}, s},
          Ping{3, hint, key(2).public_key(), {}},
          Ack{3, hint, {}, s},
          Ack{3, hint, proof, {}},
          PingRequest{4, key(1).public_key(), hint, s},
          RelayedAck{4, key(1).public_key(), proof},
          Nack{4, key(1).public_key()},
          PushPull{true, hint, s},
          News{s}};
}

TEST(Layout, EveryMessageComesBackAndHasItsLength) {
  const std::size_t statements = 2 + 2 * kPresenceBytes + 2 + kAccusationBytes;
  const std::size_t lengths[] = {1 + 8 + 36 + 1 + statements,
                                 1 + 8 + 36 + 1 + 32 + 4,
                                 1 + 8 + 36 + 1 + statements,
                                 1 + 8 + 36 + 1 + 64 + 4,
                                 1 + 8 + 32 + 36 + statements,
                                 1 + 8 + 32 + 64,
                                 1 + 8 + 32,
                                 1 + 1 + 36 + statements,
                                 1 + statements};
  const auto messages = one_of_each();
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Bytes bytes = encode(messages[i]);
    EXPECT_EQ(bytes.size(), lengths[i]) << i;
    const auto back = decode(bytes);
    ASSERT_TRUE(back) << i;
    EXPECT_EQ(back->index(), messages[i].index());
    EXPECT_EQ(encode(*back), bytes);
  }
}

TEST(Layout, NothingShorterLongerOrOddIsTaken) {
  for (const Message& message : one_of_each()) {
    Bytes bytes = encode(message);
    for (std::size_t n = 0; n < bytes.size(); ++n) EXPECT_FALSE(decode(BytesView(bytes).first(n))) << n;
    bytes.push_back(std::byte{0});
    EXPECT_FALSE(decode(bytes));
  }
  for (const int kind : {0, 8, 255}) EXPECT_FALSE(decode(Bytes{static_cast<std::byte>(kind)}));
  EXPECT_FALSE(decode(Bytes(kMessageBytesMax + 1, std::byte{7})));
  // A flag that is neither, a standing that does not exist, and counts that promise more than there is.
  Bytes odd = encode(PushPull{});
  odd[1] = std::byte{2};
  EXPECT_FALSE(decode(odd));
  Bytes standing = encode(News{{{presence(0, 1)}, {}}});
  for (const int value : {0, 4}) {
    standing[3] = static_cast<std::byte>(value);
    EXPECT_FALSE(decode(standing));
  }
  EXPECT_FALSE(decode(Bytes{std::byte{7}, std::byte{0xff}, std::byte{0xff}}));
}

TEST(Layout, OnlyTheSignerCanSpeak) {
  Presence p = presence(0, 7);
  EXPECT_TRUE(check(p));
  Presence other = p;
  other.standing = Standing::left;
  EXPECT_FALSE(check(other));
  other = p;
  ++other.incarnation;
  EXPECT_FALSE(check(other));
  other = p;
  other.subject = key(1).public_key();
  EXPECT_FALSE(check(other));
  Accusation a = accusation(0, 1, 9);
  EXPECT_TRUE(check(a));
  Accusation forged = a;
  forged.accuser = key(2).public_key();
  EXPECT_FALSE(check(forged));
  forged = a;
  forged.subject = key(2).public_key();
  EXPECT_FALSE(check(forged));
  forged = a;
  ++forged.incarnation;
  EXPECT_FALSE(check(forged));
}

}  // namespace
}  // namespace hansa::protocols::membership::testing
