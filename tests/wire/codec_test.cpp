// What the codec promises about its own frames: every message comes back bit for bit, the size is known
// without encoding, each message has one frame only, and no damage to a frame does more than get it refused.
#include "src/wire/codec.hpp"
#include "tests/wire/random_messages.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <vector>

namespace hansa::wire {
namespace {

using protocols::Message;
using testing::random_message;
using testing::same_bits;

constexpr std::uint64_t kTypes = std::variant_size_v<Message>;

TEST(Codec, EveryMessageComesBackBitForBit) {
  for (std::uint64_t type = 0; type < kTypes; ++type) {
    Rng rng(1, Purpose::test, type);
    for (int repeat = 0; repeat < 3000; ++repeat) {
      const Message message = random_message(rng, type);
      const std::vector<std::byte> frame = encode(message);
      ASSERT_EQ(encoded_size(message), frame.size());
      const Result<Message> decoded = decode(frame);
      ASSERT_TRUE(decoded.ok()) << decoded.error().message;
      ASSERT_TRUE(same_bits(decoded.value(), message));
      ASSERT_EQ(encode(decoded.value()), frame);
    }
  }
}

TEST(Codec, DecodesFromAnyAlignmentIntoAnAlignedBlockOfItsOwn) {
  const Message message =
      protocols::ModelMessage{.model = protocols::Slice::whole(Parameters::zeros(33).freeze())};
  const std::vector<std::byte> frame = encode(message);
  for (std::size_t shift = 0; shift < 8; ++shift) {
    std::vector<std::byte> buffer(frame.size() + shift);
    std::copy(frame.begin(), frame.end(), buffer.begin() + static_cast<std::ptrdiff_t>(shift));
    const Result<Message> decoded = decode(std::span(buffer).subspan(shift));
    ASSERT_TRUE(decoded.ok());
    const auto& slice = std::get<protocols::ModelMessage>(decoded.value()).model;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(slice.data()) % 64, 0u);
    EXPECT_TRUE(slice.block.unique());
    EXPECT_EQ(slice.count, slice.block.size());
  }
}

TEST(Codec, EveryTruncationAndEveryExtensionIsRefused) {
  for (std::uint64_t type = 0; type < kTypes; ++type) {
    Rng rng(3, Purpose::test, type);
    for (int repeat = 0; repeat < 20; ++repeat) {
      std::vector<std::byte> frame = encode(random_message(rng, type));
      Message out;
      for (std::size_t size = 0; size < frame.size(); ++size) {
        // A copy of exactly that size, so that a sanitizer sees a read beyond it.
        const std::vector<std::byte> cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
        const DecodeError error = try_decode(cut, {}, out);
        ASSERT_EQ(error, size < kPreambleBytes ? DecodeError::frame_too_short : DecodeError::length_mismatch);
      }
      frame.push_back(std::byte{0});
      ASSERT_EQ(try_decode(frame, {}, out), DecodeError::length_mismatch);
    }
  }
}

TEST(Codec, EveryFlippedBitIsRefusedOrGivesAnotherMessage) {
  for (std::uint64_t type = 0; type < kTypes; ++type) {
    Rng rng(4, Purpose::test, type);
    for (int repeat = 0; repeat < 50; ++repeat) {
      const Message message = random_message(rng, type);
      const std::vector<std::byte> frame = encode(message);
      for (std::size_t bit = 0; bit < 8 * frame.size(); ++bit) {
        std::vector<std::byte> damaged = frame;
        damaged[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
        Message out = protocols::ShareAck{77};
        const DecodeError error = try_decode(damaged, {}, out);
        if (error == DecodeError::none) {
          ASSERT_FALSE(same_bits(out, message)) << "bit " << bit << " does not matter";
          ASSERT_EQ(encode(out), damaged) << "two frames for one message";
        } else {
          ASSERT_EQ(std::get<protocols::ShareAck>(out).sequence, 77u) << "a refused frame changed the output";
        }
      }
    }
  }
}

TEST(Codec, RandomBytesBehindAGoodPreambleNeverDecodeToTwoMeanings) {
  Rng rng(5, Purpose::test);
  int accepted[kTypes] = {};
  for (int repeat = 0; repeat < 580000; ++repeat) {
    const std::size_t header_size = rng.below(12);
    std::vector<std::byte> frame = {std::byte{'H'}, std::byte{'N'}, std::byte{kVersion}};
    frame.push_back(static_cast<std::byte>(1 + rng.below(kTypes)));
    frame.push_back(static_cast<std::byte>(header_size));
    frame.resize(kPreambleBytes, std::byte{0});
    // A secure_packet or beacon_packet is never empty; and only a packet can be one byte long.
    const std::size_t payload_size = frame[3] == std::byte{5} || frame[3] == std::byte{7} ? 1 : 0;
    frame[6] = static_cast<std::byte>(payload_size);
    for (std::size_t i = 0; i < header_size; ++i) {
      // Mostly small values: array headers, small integers and type bytes collide often enough to be
      // accepted.
      constexpr unsigned kLikely[] = {0x91, 0x92, 0x93, 0x94, 0xcb, 0xcc, 0xcd,
                                      0xce, 0xcf, 0xdc, 0xdd, 0x00, 0x01};
      frame.push_back(static_cast<std::byte>(rng.below(2) == 0 ? kLikely[rng.below(std::size(kLikely))]
                                                               : static_cast<unsigned>(rng.below(256))));
    }
    frame.resize(frame.size() + payload_size, std::byte{0x7f});
    Message out;
    if (try_decode(frame, {}, out) != DecodeError::none) continue;
    ++accepted[out.index()];
    ASSERT_EQ(encode(out), frame);
  }
  EXPECT_GT(accepted[3], 100);
  EXPECT_GT(accepted[4], 30);
  EXPECT_GT(accepted[5], 10);
  EXPECT_GT(accepted[6], 100);
}

TEST(Codec, APacketOfAnyLengthAndAnyBytesIsCarriedWordForWord) {
  for (std::size_t size = 1; size < 300; ++size) {
    for (const unsigned value : {0x00, 0x7f, 0xff}) {  // 0xff four times is a NaN to whoever looks at floats
      const auto packet = std::make_shared<const std::vector<std::byte>>(size, static_cast<std::byte>(value));
      const Message message = protocols::SecurePacketMessage{.round = 9, .attempt = 2, .packet = packet};
      const std::vector<std::byte> frame = encode(message);
      ASSERT_EQ(frame.size(), kPreambleBytes + 3 + size);
      const Result<Message> decoded = decode(frame);
      ASSERT_TRUE(decoded.ok()) << decoded.error().message;
      const auto& out = std::get<protocols::SecurePacketMessage>(decoded.value());
      ASSERT_EQ(*out.packet, *packet);
      ASSERT_NE(out.packet, packet) << "it owns its bytes";
    }
  }
}

TEST(Codec, ABeaconPacketHasALimitOfItsOwn) {
  const Limits limits;
  for (const std::size_t size : {1U, 300U, limits.beacon_bytes_max, limits.beacon_bytes_max + 1}) {
    const auto packet = std::make_shared<const std::vector<std::byte>>(size, std::byte{0xff});
    const std::vector<std::byte> frame = encode(protocols::BeaconPacketMessage{3, packet});
    ASSERT_EQ(frame.size(), kPreambleBytes + 2 + size);
    Message out;
    const DecodeError error = try_decode(frame, limits, out);
    if (size > limits.beacon_bytes_max) {
      EXPECT_EQ(error, DecodeError::payload_too_long);
      continue;
    }
    ASSERT_EQ(error, DecodeError::none);
    EXPECT_EQ(*std::get<protocols::BeaconPacketMessage>(out).packet, *packet);
  }
}

TEST(CodecDeathTest, AMissingOrEmptyPacketIsOurMistake) {
  EXPECT_DEATH((void)encode(protocols::BeaconPacketMessage{}), "packet");
  EXPECT_DEATH((void)encode(protocols::SecurePacketMessage{}), "packet");
  EXPECT_DEATH((void)encode(protocols::SecurePacketMessage{
                   .packet = std::make_shared<const std::vector<std::byte>>()}),
               "empty");
}

TEST(CodecDeathTest, ASliceOutsideItsBlockIsOurMistake) {
  const protocols::Slice slice{Parameters::zeros(4).freeze(), 2, 3};
  EXPECT_DEATH((void)encode(protocols::ModelMessage{.model = slice}), "block");
}

}  // namespace
}  // namespace hansa::wire
