// Frames written by hand to break the decoder: each is refused for its own reason and costs no memory.
#include "src/wire/codec.hpp"
#include "tests/wire/allocation_probe.hpp"
#include "tests/wire/random_messages.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <limits>
#include <set>
#include <string>
#include <vector>

namespace hansa::wire {
namespace {

using protocols::Message;
using protocols::MessageType;
using Bytes = std::vector<std::byte>;

Bytes bytes(std::initializer_list<unsigned> values) {
  Bytes result;
  for (const unsigned value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

Bytes frame_of(MessageType type, const Bytes& header, std::size_t floats = 0) {
  Bytes frame = bytes({'H', 'N', kVersion, static_cast<unsigned>(type)});
  frame.push_back(static_cast<std::byte>(header.size() & 0xff));
  frame.push_back(static_cast<std::byte>(header.size() >> 8));
  for (int i = 0; i < 4; ++i) frame.push_back(static_cast<std::byte>(4 * floats >> (8 * i) & 0xff));
  frame.insert(frame.end(), header.begin(), header.end());
  frame.resize(frame.size() + 4 * floats);
  return frame;
}

Bytes packet_frame(const Bytes& header, std::size_t packet_bytes,
                   MessageType type = MessageType::secure_packet) {
  Bytes frame = frame_of(type, header);
  for (int i = 0; i < 4; ++i)
    frame[6 + static_cast<std::size_t>(i)] = std::byte(packet_bytes >> (8 * i) & 0xff);
  frame.resize(frame.size() + packet_bytes, std::byte{0xff});
  return frame;
}

DecodeError error_of(const Bytes& frame, const Limits& limits = {}) {
  Message out;
  return try_decode(frame, limits, out);
}

Bytes good_model(std::size_t floats = 2) {
  return encode(protocols::ModelMessage{
      .round = 5, .weight = 1.5, .model = protocols::Slice::whole(Parameters::zeros(floats).freeze())});
}

Bytes with(Bytes frame, std::size_t at, std::initializer_list<unsigned> values) {
  for (const unsigned value : values) frame.at(at++) = static_cast<std::byte>(value);
  return frame;
}

TEST(Hostile, EveryReasonForRefusalIsReached) {
  const auto ack = MessageType::share_ack;
  const auto chunk = MessageType::chunk;
  const auto model = MessageType::model;
  const auto relayed = MessageType::relayed_packet;
  Limits small;
  small.frame_bytes_max = 20;
  Limits short_packets;
  short_packets.packet_bytes_max = 6;
  const Bytes good_packet = packet_frame(bytes({0x92, 0x07, 0x00}), 7);
  const Bytes nine(9, std::byte{0});
  // [round 1, offset 0, weight]: 13 bytes with the given weight bits.
  const auto chunk_header = [](std::initializer_list<unsigned> offset,
                               std::initializer_list<unsigned> weight) {
    Bytes header = bytes({0x93, 0x01});
    for (const unsigned value : offset) header.push_back(static_cast<std::byte>(value));
    for (const unsigned value : weight) header.push_back(static_cast<std::byte>(value));
    return header;
  };
  const std::initializer_list<unsigned> one = {0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0};
  const struct {
    std::string name;
    Bytes frame;
    DecodeError expected;
    Limits limits = {};
  } cases[] = {
      {"a good ack", frame_of(ack, bytes({0x91, 0x07})), DecodeError::none},
      {"a good chunk", frame_of(chunk, chunk_header({0x00}, one), 3), DecodeError::none},
      {"nothing", {}, DecodeError::frame_too_short},
      {"nine bytes", nine, DecodeError::frame_too_short},
      {"above the frame limit", good_model(), DecodeError::frame_too_long, small},
      {"another protocol", with(good_model(), 0, {'G', 'E'}), DecodeError::bad_magic},
      {"version 0", with(good_model(), 2, {0}), DecodeError::bad_version},
      {"version 2", with(good_model(), 2, {2}), DecodeError::bad_version},
      {"type 0", with(good_model(), 3, {0}), DecodeError::unknown_type},
      {"type 8", with(good_model(), 3, {8}), DecodeError::unknown_type},
      {"type 255", with(good_model(), 3, {255}), DecodeError::unknown_type},
      {"65535 header bytes", with(good_model(), 4, {0xff, 0xff}), DecodeError::header_too_long},
      {"4 GiB of payload", with(good_model(), 6, {0xff, 0xff, 0xff, 0xff}), DecodeError::payload_too_long},
      {"2 GiB of payload", with(good_model(), 6, {0, 0, 0, 0x80}), DecodeError::payload_too_long},
      {"1 GiB announced, none sent", with(good_model(), 6, {0, 0, 0, 0x40}), DecodeError::length_mismatch},
      {"seven payload bytes", with(good_model(), 6, {7}), DecodeError::payload_misfit},
      {"an ack with a model", frame_of(ack, bytes({0x91, 0x07}), 1), DecodeError::payload_misfit},
      {"a good packet", good_packet, DecodeError::none},
      {"a packet of one byte", packet_frame(bytes({0x92, 0x00, 0x00}), 1), DecodeError::none},
      {"the last round and attempt",
       packet_frame(bytes({0x92, 0xce, 0xff, 0xff, 0xff, 0xfe, 0xce, 0xff, 0xff, 0xff, 0xff}), 5),
       DecodeError::none},
      {"a packet of nothing", packet_frame(bytes({0x92, 0x07, 0x00}), 0), DecodeError::payload_misfit},
      {"a packet above its limit", good_packet, DecodeError::payload_too_long, short_packets},
      {"a packet above 1 GiB", with(good_packet, 6, {1, 0, 0, 0x40}), DecodeError::payload_too_long},
      {"1 GiB of packet announced", with(good_packet, 6, {0, 0, 0, 0x40}), DecodeError::length_mismatch},
      {"a packet cut short", with(good_packet, 6, {8}), DecodeError::length_mismatch},
      {"a packet and one byte more", with(good_packet, 6, {6}), DecodeError::length_mismatch},
      {"a secure packet as a beacon's", with(good_packet, 3, {7}), DecodeError::wrong_field_count},
      {"a beacon packet", with(packet_frame(bytes({0x91, 0x07}), 7), 3, {7}), DecodeError::none},
      {"the last attempt", with(packet_frame(bytes({0x91, 0xce, 0xff, 0xff, 0xff, 0xff}), 7), 3, {7}),
       DecodeError::none},
      {"attempt 2^32 of a beacon", with(packet_frame(bytes({0x91, 0xcf, 0, 0, 0, 1, 0, 0, 0, 0}), 7), 3, {7}),
       DecodeError::out_of_range},
      {"an empty beacon packet", with(packet_frame(bytes({0x91, 0x07}), 0), 3, {7}),
       DecodeError::payload_misfit},
      {"64 KiB of beacon and one byte", with(packet_frame(bytes({0x91, 0x07}), 65'537), 3, {7}),
       DecodeError::payload_too_long},
      {"a model as a packet", with(good_model(), 3, {5}), DecodeError::wrong_field_count},
      {"a packet of a model's length as a model", with(packet_frame(bytes({0x92, 0x07, 0x00}), 8), 3, {1}),
       DecodeError::wrong_field_count},
      {"a packet as a model", with(good_packet, 3, {1}), DecodeError::payload_misfit},
      {"no attempt", packet_frame(bytes({0x91, 0x07}), 7), DecodeError::wrong_field_count},
      {"a negative attempt", packet_frame(bytes({0x92, 0x07, 0xff}), 7), DecodeError::wrong_field_type},
      {"attempt 2^32", packet_frame(bytes({0x92, 0x07, 0xcf, 0, 0, 0, 1, 0, 0, 0, 0}), 7),
       DecodeError::out_of_range},
      {"a packet of round 2^32 - 1", packet_frame(bytes({0x92, 0xce, 0xff, 0xff, 0xff, 0xff, 0x00}), 7),
       DecodeError::out_of_range},
      {"wide attempt", packet_frame(bytes({0x92, 0x07, 0xcc, 0x00}), 7), DecodeError::not_canonical},
      {"100 kB behind a bad header", packet_frame(bytes({0x92, 0x07, 0xcc, 0x00}), 100'000),
       DecodeError::not_canonical},
      {"a relayed packet", packet_frame(bytes({0x93, 0x07, 0x02, 0x05}), 7, relayed), DecodeError::none},
      {"a relayed nothing", packet_frame(bytes({0x93, 0x07, 0x02, 0x00}), 0, relayed), DecodeError::none},
      {"all members",
       packet_frame(bytes({0x93, 0x07, 0xce, 0xff, 0xff, 0xff, 0xff, 0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                           0xff, 0xff}),
                    7, relayed),
       DecodeError::none},
      {"receiver 2^32", packet_frame(bytes({0x93, 0x07, 0xcf, 0, 0, 0, 1, 0, 0, 0, 0, 0x05}), 7, relayed),
       DecodeError::out_of_range},
      {"a relayed packet of round 2^32 - 1",
       packet_frame(bytes({0x93, 0xce, 0xff, 0xff, 0xff, 0xff, 0x02, 0x05}), 7, relayed),
       DecodeError::out_of_range},
      {"for nobody in particular", packet_frame(bytes({0x92, 0x07, 0x02}), 7, relayed),
       DecodeError::wrong_field_count},
      {"a set below zero", packet_frame(bytes({0x93, 0x07, 0x02, 0xff}), 7, relayed),
       DecodeError::wrong_field_type},
      {"wide receiver", packet_frame(bytes({0x93, 0x07, 0xcc, 0x02, 0x05}), 7, relayed),
       DecodeError::not_canonical},
      {"a relayed packet above its limit", packet_frame(bytes({0x93, 0x07, 0x02, 0x05}), 7, relayed),
       DecodeError::payload_too_long, short_packets},
      {"empty header", frame_of(ack, {}), DecodeError::malformed_header},
      {"reserved byte c1", frame_of(ack, bytes({0xc1})), DecodeError::malformed_header},
      {"array cut short", frame_of(ack, bytes({0x91})), DecodeError::malformed_header},
      {"integer cut short", frame_of(ack, bytes({0x91, 0xcf, 1, 2})), DecodeError::malformed_header},
      {"a second value", frame_of(ack, bytes({0x91, 0x07, 0x00})), DecodeError::malformed_header},
      {"array32 of 2^32-1", frame_of(ack, bytes({0xdd, 0xff, 0xff, 0xff, 0xff})),
       DecodeError::wrong_field_count},
      {"array16 of 65535", frame_of(ack, bytes({0xdc, 0xff, 0xff})), DecodeError::wrong_field_count},
      {"empty array", frame_of(ack, bytes({0x90})), DecodeError::wrong_field_count},
      {"two elements", frame_of(ack, bytes({0x92, 0x07, 0x07})), DecodeError::wrong_field_count},
      {"a bare integer", frame_of(ack, bytes({0x07})), DecodeError::wrong_field_count},
      {"a map", frame_of(ack, bytes({0x81, 0x00, 0x07})), DecodeError::wrong_field_count},
      {"map32 of 2^32-1", frame_of(ack, bytes({0xdf, 0xff, 0xff, 0xff, 0xff})),
       DecodeError::wrong_field_count},
      {"deep nesting", frame_of(ack, Bytes(64, std::byte{0x91})), DecodeError::wrong_field_type},
      {"nil", frame_of(ack, bytes({0x91, 0xc0})), DecodeError::wrong_field_type},
      {"true", frame_of(ack, bytes({0x91, 0xc3})), DecodeError::wrong_field_type},
      {"negative", frame_of(ack, bytes({0x91, 0xff})), DecodeError::wrong_field_type},
      {"text", frame_of(ack, bytes({0x91, 0xa1, '7'})), DecodeError::wrong_field_type},
      {"bytes", frame_of(ack, bytes({0x91, 0xc4, 0x01, 0x07})), DecodeError::wrong_field_type},
      {"an extension", frame_of(ack, bytes({0x91, 0xd4, 0x01, 0x07})), DecodeError::wrong_field_type},
      {"a map inside", frame_of(ack, bytes({0x91, 0x80})), DecodeError::wrong_field_type},
      {"float for integer", frame_of(ack, bytes({0x91, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0})),
       DecodeError::wrong_field_type},
      {"float32 for float64", frame_of(chunk, chunk_header({0x00}, {0xca, 0x3f, 0x80, 0, 0})),
       DecodeError::wrong_field_type},
      {"integer weight", frame_of(chunk, chunk_header({0x00}, {0x01})), DecodeError::wrong_field_type},
      {"str32 of 4 GiB", frame_of(ack, bytes({0x91, 0xdb, 0xff, 0xff, 0xff, 0xff})),
       DecodeError::malformed_header},
      {"bin32 of 4 GiB", frame_of(ack, bytes({0x91, 0xc6, 0xff, 0xff, 0xff, 0xff})),
       DecodeError::malformed_header},
      {"ext32 of 4 GiB", frame_of(ack, bytes({0x91, 0xc9, 0xff, 0xff, 0xff, 0xff})),
       DecodeError::malformed_header},
      {"sequence 2^53 + 1", frame_of(ack, bytes({0x91, 0xcf, 0, 0x20, 0, 0, 0, 0, 0, 1})),
       DecodeError::out_of_range},
      {"round 2^32 - 1",
       frame_of(model, bytes({0x94, 0xce, 0xff, 0xff, 0xff, 0xff, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})),
       DecodeError::out_of_range},
      {"round 2^32",
       frame_of(model, bytes({0x94, 0xcf, 0, 0, 0, 1, 0, 0, 0, 0, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})),
       DecodeError::out_of_range},
      {"age 2^64 - 1", frame_of(model, bytes({0x94, 0,   0xcb, 0,   0,   0,   0,   0,   0,   0, 0,
                                              0xcf, 255, 255,  255, 255, 255, 255, 255, 255, 0})),
       DecodeError::out_of_range},
      {"offset beyond any model", frame_of(chunk, chunk_header({0xce, 0xff, 0xff, 0xff, 0xff}, one), 1),
       DecodeError::out_of_range},
      {"offset plus count beyond", frame_of(chunk, chunk_header({0xce, 0x10, 0, 0, 0}, one), 1),
       DecodeError::out_of_range},
      {"weight NaN", frame_of(chunk, chunk_header({0x00}, {0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0})),
       DecodeError::weight_not_finite},
      {"weight -inf", frame_of(chunk, chunk_header({0x00}, {0xcb, 0xff, 0xf0, 0, 0, 0, 0, 0, 0})),
       DecodeError::weight_not_finite},
      {"wide integer", frame_of(ack, bytes({0x91, 0xcc, 0x07})), DecodeError::not_canonical},
      {"widest integer", frame_of(ack, bytes({0x91, 0xcf, 0, 0, 0, 0, 0, 0, 0, 7})),
       DecodeError::not_canonical},
      {"positive int64", frame_of(ack, bytes({0x91, 0xd3, 0, 0, 0, 0, 0, 0, 0, 7})),
       DecodeError::wrong_field_type},
      {"wide array", frame_of(ack, bytes({0xdc, 0x00, 0x01, 0x07})), DecodeError::not_canonical},
      {"payload NaN", with(good_model(), good_model().size() - 4, {0x01, 0x00, 0x80, 0x7f}),
       DecodeError::payload_not_finite},
      {"payload -inf", with(good_model(), good_model().size() - 8, {0x00, 0x00, 0x80, 0xff}),
       DecodeError::payload_not_finite},
  };
  std::set<DecodeError> reached;
  for (const auto& test : cases) {
    testing::forget_allocations();
    const DecodeError error = error_of(test.frame, test.limits);
    EXPECT_LT(testing::largest_allocation(), 1024u) << test.name;  // msgpack's stack of 32 nested values
    EXPECT_EQ(error, test.expected) << test.name << ": " << describe(error);
    reached.insert(error);
  }
  // All but out_of_memory, which no frame can force: the payload was in memory already.
  EXPECT_EQ(reached.size(), kDecodeErrorCount - 1);
  EXPECT_FALSE(reached.contains(DecodeError::out_of_memory));
}

TEST(Hostile, EveryReasonHasItsOwnWords) {
  std::set<std::string_view> texts;
  for (std::size_t i = 0; i < kDecodeErrorCount; ++i) texts.insert(describe(static_cast<DecodeError>(i)));
  EXPECT_EQ(texts.size(), kDecodeErrorCount);
  EXPECT_FALSE(texts.contains("is refused"));
}

TEST(Hostile, NonFiniteModelsPassWhereTheCallerAllowsThem) {
  Parameters block = Parameters::zeros(20);
  const float bad[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()};
  Limits lenient;
  lenient.finite_only = false;
  for (std::size_t at = 0; at < block.size(); ++at) {
    for (const float value : bad) {
      Parameters copy = Parameters::copy_of(block.span());
      copy.data()[at] = value;
      const Bytes frame =
          encode(protocols::ModelMessage{.model = protocols::Slice::whole(std::move(copy).freeze())});
      EXPECT_EQ(error_of(frame), DecodeError::payload_not_finite);
      EXPECT_EQ(error_of(frame, lenient), DecodeError::none);
    }
  }
}

TEST(Hostile, TheLargestFiniteFloatsPass) {
  Parameters block = Parameters::zeros(3);
  block.data()[0] = std::numeric_limits<float>::max();
  block.data()[1] = std::numeric_limits<float>::lowest();
  block.data()[2] = std::numeric_limits<float>::denorm_min();
  EXPECT_EQ(
      error_of(encode(protocols::ModelMessage{.model = protocols::Slice::whole(std::move(block).freeze())})),
      DecodeError::none);
}

TEST(Hostile, RefusingAFrameTakesNoArenaMemory) {
  const std::size_t before = arena_statistics().bytes_in_use;
  Message out = protocols::ShareAck{1};
  for (std::size_t floats = 0; floats < 100; ++floats) {
    Bytes frame = frame_of(MessageType::model, bytes({0x94, 0x01, 0x01, 0x00, 0x00}), floats);
    EXPECT_EQ(try_decode(frame, {}, out), DecodeError::wrong_field_type);
    EXPECT_EQ(arena_statistics().bytes_in_use, before);
  }
}

TEST(Hostile, TheErrorSaysWhatAndWhere) {
  const Result<Message> result = decode(bytes({'H', 'N', 9, 1, 0, 0, 0, 0, 0, 0}));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind, ErrorKind::bad_data);
  EXPECT_EQ(result.error().message, "frame of 10 bytes refused: it has a version we do not speak");
}

}  // namespace
}  // namespace hansa::wire
