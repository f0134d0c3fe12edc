// Lengths first, then the header, then the payload, and only then memory. The header is read with msgpack's
// visitor interface: it reports what it sees one value at a time, so that a header that announces four
// billion elements is refused at the announcement instead of being given room for them.
#include "src/wire/codec.hpp"
#include "src/wire/header.hpp"

#include <hansa/assert.hpp>

#include <cmath>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace hansa::wire {
namespace {

using protocols::Message;
using protocols::MessageType;

enum class Field : std::uint8_t { integer, real };

/// The fields of each type, in order.
std::span<const Field> fields_of(MessageType type) noexcept {
  static constexpr Field kModel[] = {Field::integer, Field::real, Field::integer, Field::integer};
  static constexpr Field kChunk[] = {Field::integer, Field::integer, Field::real};
  static constexpr Field kAck[] = {Field::integer};
  static constexpr Field kPacket[] = {Field::integer, Field::integer};
  static constexpr Field kRelayed[] = {Field::integer, Field::integer, Field::integer};
  static constexpr Field kBeacon[] = {Field::integer};
  switch (type) {
    case MessageType::model:
      return kModel;
    case MessageType::chunk:
      return kChunk;
    case MessageType::mean_chunk:
      return kChunk;
    case MessageType::share_ack:
      return kAck;
    case MessageType::secure_packet:
      return kPacket;
    case MessageType::relayed_packet:
      return kRelayed;
    case MessageType::beacon_packet:
      return kBeacon;
  }
  return {};
}

/// Takes one flat array whose elements have the given types; stops the parser at anything else.
class HeaderVisitor : public msgpack::null_visitor {
 public:
  explicit HeaderVisitor(std::span<const Field> fields) noexcept : fields_(fields) {}

  bool start_array(std::uint32_t count) {
    if (in_array_) return refuse(DecodeError::wrong_field_type);
    in_array_ = true;
    return count == fields_.size() || refuse(DecodeError::wrong_field_count);
  }
  bool visit_positive_integer(std::uint64_t value) { return take(Field::integer, value); }
  bool visit_float64(double value) { return take(Field::real, std::bit_cast<std::uint64_t>(value)); }
  bool visit_nil() { return other(); }
  bool visit_boolean(bool) { return other(); }
  bool visit_negative_integer(std::int64_t) { return other(); }
  bool visit_float32(float) { return other(); }
  bool visit_str(const char*, std::uint32_t) { return other(); }
  bool visit_bin(const char*, std::uint32_t) { return other(); }
  bool visit_ext(const char*, std::uint32_t) { return other(); }
  bool start_map(std::uint32_t) { return other(); }

  [[nodiscard]] DecodeError error() const noexcept { return error_; }
  [[nodiscard]] bool complete() const noexcept { return taken_ == fields_.size(); }
  [[nodiscard]] std::uint64_t integer(std::size_t i) const noexcept { return values_[i]; }
  [[nodiscard]] double real(std::size_t i) const noexcept { return std::bit_cast<double>(values_[i]); }

 private:
  bool refuse(DecodeError error) noexcept {
    error_ = error;
    return false;
  }
  bool other() noexcept {
    return refuse(in_array_ ? DecodeError::wrong_field_type : DecodeError::wrong_field_count);
  }
  bool take(Field kind, std::uint64_t value) noexcept {
    if (!in_array_ || fields_[taken_] != kind) return other();
    values_[taken_++] = value;
    return true;
  }

  std::span<const Field> fields_;
  std::array<std::uint64_t, 4> values_{};
  std::size_t taken_ = 0;
  bool in_array_ = false;
  DecodeError error_ = DecodeError::none;
};

/// A frame whose lengths add up.
struct Parts {
  MessageType type{};
  std::span<const std::byte> header;
  std::span<const std::byte> payload;
};

std::uint64_t little_endian(std::span<const std::byte> bytes) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  return value;
}

/// False for packets: their bytes mean something only to the session or ceremony they belong to.
bool holds_floats(MessageType type) noexcept {
  return type != MessageType::secure_packet && type != MessageType::relayed_packet &&
         type != MessageType::beacon_packet;
}

/// Whether a payload of `size` bytes may follow a header of this type.
DecodeError check_payload_size(MessageType type, std::uint64_t size, const Limits& limits) noexcept {
  if (!holds_floats(type)) {
    const bool beacon = type == MessageType::beacon_packet;
    if (size > (beacon ? limits.beacon_bytes_max : limits.packet_bytes_max)) {
      return DecodeError::payload_too_long;
    }
    return size == 0 && type != MessageType::relayed_packet ? DecodeError::payload_misfit : DecodeError::none;
  }
  if (size > sizeof(float) * std::uint64_t{limits.floats_max}) return DecodeError::payload_too_long;
  if (size % sizeof(float) != 0) return DecodeError::payload_misfit;
  if (type == MessageType::share_ack && size != 0) return DecodeError::payload_misfit;
  return DecodeError::none;
}

DecodeError split(std::span<const std::byte> frame, const Limits& limits, Parts& parts) noexcept {
  if (frame.size() < kPreambleBytes) return DecodeError::frame_too_short;
  if (frame.size() > limits.frame_bytes_max) return DecodeError::frame_too_long;
  if (frame[0] != std::byte{'H'} || frame[1] != std::byte{'N'}) return DecodeError::bad_magic;
  if (frame[2] != std::byte{kVersion}) return DecodeError::bad_version;
  parts.type = static_cast<MessageType>(frame[3]);
  if (fields_of(parts.type).empty()) return DecodeError::unknown_type;
  const std::uint64_t header_size = little_endian(frame.subspan(4, 2));
  const std::uint64_t payload_size = little_endian(frame.subspan(6, 4));
  if (header_size > limits.header_bytes_max) return DecodeError::header_too_long;
  if (const DecodeError error = check_payload_size(parts.type, payload_size, limits);
      error != DecodeError::none) {
    return error;
  }
  if (kPreambleBytes + header_size + payload_size != frame.size()) return DecodeError::length_mismatch;
  parts.header = frame.subspan(kPreambleBytes, header_size);
  parts.payload = frame.subspan(kPreambleBytes + header_size);
  return DecodeError::none;
}

DecodeError read_header(std::span<const std::byte> header, HeaderVisitor& visitor) {
  std::size_t used = 0;
  const bool parsed =
      msgpack::parse(reinterpret_cast<const char*>(header.data()), header.size(), used, visitor);
  if (visitor.error() != DecodeError::none) return visitor.error();
  if (!parsed || used != header.size()) return DecodeError::malformed_header;
  return visitor.complete() ? DecodeError::none : DecodeError::wrong_field_count;
}

/// Checks the numbers of a header and puts them, without a payload, into `out`.
DecodeError interpret(MessageType type, const HeaderVisitor& header, std::uint64_t floats,
                      const Limits& limits, Message& out) noexcept {
  if (type == MessageType::share_ack) {
    if (header.integer(0) > limits.counter_max) return DecodeError::out_of_range;
    out = protocols::ShareAck{.sequence = header.integer(0)};
    return DecodeError::none;
  }
  if (type == MessageType::beacon_packet) {
    if (header.integer(0) > std::numeric_limits<std::uint32_t>::max()) return DecodeError::out_of_range;
    out = protocols::BeaconPacketMessage{.attempt = static_cast<std::uint32_t>(header.integer(0)),
                                         .packet = {}};
    return DecodeError::none;
  }
  if (header.integer(0) > limits.round_max) return DecodeError::out_of_range;
  const auto round = static_cast<Round>(header.integer(0));
  if (!holds_floats(type) && header.integer(1) > std::numeric_limits<std::uint32_t>::max()) {
    return DecodeError::out_of_range;
  }
  if (type == MessageType::relayed_packet) {
    out = protocols::RelayedPacketMessage{
        .round = round, .receiver = party_at(header.integer(1)), .to = header.integer(2), .packet = {}};
    return DecodeError::none;
  }
  if (type == MessageType::secure_packet) {
    out = protocols::SecurePacketMessage{
        .round = round, .attempt = static_cast<std::uint32_t>(header.integer(1)), .packet = {}};
    return DecodeError::none;
  }
  if (type == MessageType::model) {
    if (header.integer(2) > limits.counter_max || header.integer(3) > limits.counter_max) {
      return DecodeError::out_of_range;
    }
    if (!std::isfinite(header.real(1))) return DecodeError::weight_not_finite;
    out = protocols::ModelMessage{.round = round,
                                  .weight = header.real(1),
                                  .age = header.integer(2),
                                  .sequence = header.integer(3),
                                  .model = {}};
    return DecodeError::none;
  }
  if (header.integer(1) > limits.floats_max || header.integer(1) + floats > limits.floats_max) {
    return DecodeError::out_of_range;  // so that offset + count never overflows for anybody
  }
  if (!std::isfinite(header.real(2))) return DecodeError::weight_not_finite;
  const auto offset = static_cast<std::uint32_t>(header.integer(1));
  if (type == MessageType::chunk) {
    out = protocols::ChunkMessage{.round = round, .offset = offset, .weight = header.real(2), .piece = {}};
  } else {
    out =
        protocols::MeanChunkMessage{.round = round, .offset = offset, .weight = header.real(2), .piece = {}};
  }
  return DecodeError::none;
}

bool is_canonical(const Message& message, std::span<const std::byte> header) noexcept {
  detail::BufferSink written;
  detail::write_header(message, written);
  return written.size == header.size() &&
         std::memcmp(written.bytes.data(), header.data(), header.size()) == 0;
}

/// True if no float has all exponent bits set. No branches inside, so that the compiler can use vectors.
bool all_finite(std::span<const std::byte> payload) noexcept {
  constexpr std::uint32_t kExponent = 0x7F800000;
  std::uint32_t found = 0;
  for (std::size_t at = 0; at < payload.size(); at += sizeof(float)) {
    std::uint32_t bits;
    std::memcpy(&bits, payload.data() + at, sizeof(bits));
    found |= static_cast<std::uint32_t>((bits & kExponent) == kExponent);
  }
  return found == 0;
}

/// Copies the payload into memory of the message's own.
struct AttachPayload {
  std::span<const std::byte> payload;

  void operator()(protocols::ModelMessage& m) const { m.model = floats(); }
  void operator()(protocols::ChunkMessage& m) const { m.piece = floats(); }
  void operator()(protocols::MeanChunkMessage& m) const { m.piece = floats(); }
  void operator()(protocols::ShareAck&) const {}
  void operator()(protocols::SecurePacketMessage& m) const { m.packet = packet(); }
  void operator()(protocols::RelayedPacketMessage& m) const { m.packet = packet(); }
  void operator()(protocols::BeaconPacketMessage& m) const { m.packet = packet(); }

 private:
  [[nodiscard]] std::shared_ptr<const std::vector<std::byte>> packet() const {
    return std::make_shared<const std::vector<std::byte>>(payload.begin(), payload.end());
  }
  [[nodiscard]] protocols::Slice floats() const {
    Parameters block = Parameters::uninitialised(payload.size() / sizeof(float));
    if (!payload.empty()) std::memcpy(block.data(), payload.data(), payload.size());
    return protocols::Slice::whole(std::move(block).freeze());
  }
};

DecodeError decode_checked(std::span<const std::byte> frame, const Limits& limits, Message& out) {
  Parts parts;
  if (const DecodeError error = split(frame, limits, parts); error != DecodeError::none) return error;
  HeaderVisitor header(fields_of(parts.type));
  if (const DecodeError error = read_header(parts.header, header); error != DecodeError::none) return error;
  Message message;
  const std::uint64_t floats = parts.payload.size() / sizeof(float);
  if (const DecodeError error = interpret(parts.type, header, floats, limits, message);
      error != DecodeError::none) {
    return error;
  }
  if (!is_canonical(message, parts.header)) return DecodeError::not_canonical;
  if (limits.finite_only && holds_floats(parts.type) && !all_finite(parts.payload)) {
    return DecodeError::payload_not_finite;
  }
  std::visit(AttachPayload{parts.payload}, message);
  out = std::move(message);
  return DecodeError::none;
}

}  // namespace

std::optional<Round> round_of(std::span<const std::byte> frame) noexcept {
  try {
    Parts parts;
    if (split(frame, {}, parts) != DecodeError::none) return std::nullopt;
    if (parts.type == MessageType::share_ack || parts.type == MessageType::beacon_packet) return std::nullopt;
    HeaderVisitor header(fields_of(parts.type));
    if (read_header(parts.header, header) != DecodeError::none) return std::nullopt;
    if (header.integer(0) > Limits().round_max) return std::nullopt;
    return static_cast<Round>(header.integer(0));
  } catch (...) {
    return std::nullopt;  // msgpack's own refusals
  }
}

DecodeError try_decode(std::span<const std::byte> frame, const Limits& limits, Message& out) noexcept {
  try {
    return decode_checked(frame, limits, out);
  } catch (const std::bad_alloc&) {
    return DecodeError::out_of_memory;
  } catch (...) {
    return DecodeError::malformed_header;  // msgpack's own refusals
  }
}

Result<Message> decode(std::span<const std::byte> frame, const Limits& limits) {
  Message message;
  const DecodeError error = try_decode(frame, limits, message);
  if (error == DecodeError::none) return message;
  return Error{.kind = ErrorKind::bad_data,
               .message = "frame of " + std::to_string(frame.size()) + " bytes refused: it " +
                          std::string(describe(error)),
               .hint = "see docs/wire-format.md; both sides must speak version " + std::to_string(kVersion)};
}

std::string_view describe(DecodeError error) noexcept {
  switch (error) {
    case DecodeError::none:
      return "is fine";
    case DecodeError::frame_too_short:
      return "is shorter than a preamble";
    case DecodeError::frame_too_long:
      return "is longer than allowed";
    case DecodeError::bad_magic:
      return "does not begin with HN";
    case DecodeError::bad_version:
      return "has a version we do not speak";
    case DecodeError::unknown_type:
      return "has an unknown message type";
    case DecodeError::header_too_long:
      return "announces a header that is longer than allowed";
    case DecodeError::payload_too_long:
      return "announces a payload that is longer than allowed";
    case DecodeError::payload_misfit:
      return "has a payload that does not fit its type";
    case DecodeError::length_mismatch:
      return "is not exactly as long as it says";
    case DecodeError::malformed_header:
      return "has a header that is not one msgpack value";
    case DecodeError::wrong_field_count:
      return "has a header that is not an array of the right length";
    case DecodeError::wrong_field_type:
      return "has a header field of the wrong type";
    case DecodeError::out_of_range:
      return "has a number above its limit";
    case DecodeError::weight_not_finite:
      return "has a weight that is not finite";
    case DecodeError::not_canonical:
      return "has a header that is not written in the fewest bytes";
    case DecodeError::payload_not_finite:
      return "holds a model with a NaN or an infinity";
    case DecodeError::out_of_memory:
      return "does not fit into memory";
  }
  return "is refused";
}

}  // namespace hansa::wire
