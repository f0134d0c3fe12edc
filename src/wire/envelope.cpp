// Form first, then who and where, then the signature, and the replay window last, since it remembers: nobody
// can use up the numbers of somebody else.
#include "src/wire/envelope.hpp"

#include <hansa/assert.hpp>

#include <msgpack.hpp>

#include <algorithm>
#include <cstring>
#include <limits>

namespace hansa::wire {
namespace {

using protocols::envelope::Freshness;
using protocols::envelope::Plane;
using protocols::envelope::TypeRule;

constexpr std::string_view kSignatureLabel = "hansa-envelope-v1:";
constexpr std::size_t kFields = 12;
constexpr std::size_t kArrayBytesMax = 192;

enum Field : std::size_t {
  proto,
  type,
  consortium,
  roster_version,
  sender,
  boot_id,
  seq,
  run,
  round,
  flags,
  body_len,
  hash
};

/// Keeps what msgpack writes, without asking for memory.
struct ArraySink {
  std::array<char, kArrayBytesMax> bytes;
  std::size_t size = 0;
  void write(const char* data, std::size_t count) noexcept {
    HANSA_ASSERT(size + count <= bytes.size());
    if (count != 0) std::memcpy(bytes.data() + size, data, count);  // no bytes may have no address
    size += count;
  }
  [[nodiscard]] std::span<const std::byte> written() const noexcept {
    return std::as_bytes(std::span(bytes).first(size));
  }
};

void pack_bytes(msgpack::packer<ArraySink>& packer, std::span<const std::byte> bytes) {
  packer.pack_bin(static_cast<std::uint32_t>(bytes.size()));
  packer.pack_bin_body(reinterpret_cast<const char*>(bytes.data()), static_cast<std::uint32_t>(bytes.size()));
}

void pack(const Envelope& envelope, ArraySink& sink) {
  msgpack::packer<ArraySink> packer(sink);
  packer.pack_array(kFields);
  packer.pack_uint64(envelope.proto);
  packer.pack_uint64(envelope.type);
  pack_bytes(packer, envelope.consortium);
  packer.pack_uint64(envelope.roster_version);
  pack_bytes(packer, envelope.sender);
  packer.pack_uint64(envelope.boot_id);
  packer.pack_uint64(envelope.seq);
  pack_bytes(packer,
             envelope.run ? std::span<const std::byte>(envelope.run->bytes) : std::span<const std::byte>());
  packer.pack_uint64(envelope.round);
  packer.pack_uint64(envelope.flags);
  packer.pack_uint64(envelope.body_len);
  const bool is_signed = (envelope.flags & kFlagSigned) != 0;
  pack_bytes(packer,
             is_signed ? std::span<const std::byte>(envelope.body_hash.bytes) : std::span<const std::byte>());
}

std::vector<std::byte> signed_text(std::span<const std::byte> array) {
  const auto label = std::as_bytes(std::span(kSignatureLabel));
  std::vector<std::byte> text(label.size() + array.size());
  std::copy(array.begin(), array.end(), std::copy(label.begin(), label.end(), text.begin()));
  return text;
}

/// Takes one flat array of twelve integers and byte strings; stops the parser at anything else, so that a
/// header that announces four billion elements is refused at the announcement.
class ArrayVisitor : public msgpack::null_visitor {
 public:
  bool start_array(std::uint32_t count) {
    if (open_ || count != kFields) return false;
    return open_ = true;
  }
  bool visit_positive_integer(std::uint64_t value) {
    if (!open_ || taken_ >= kFields || is_bytes(taken_)) return false;
    integers_[taken_++] = value;
    return true;
  }
  bool visit_bin(const char* data, std::uint32_t size) {
    if (!open_ || taken_ >= kFields || !is_bytes(taken_)) return false;
    bytes_[taken_++] = std::as_bytes(std::span(data, size));
    return true;
  }
  bool visit_nil() { return false; }
  bool visit_boolean(bool) { return false; }
  bool visit_negative_integer(std::int64_t) { return false; }
  bool visit_float32(float) { return false; }
  bool visit_float64(double) { return false; }
  bool visit_str(const char*, std::uint32_t) { return false; }
  bool visit_ext(const char*, std::uint32_t) { return false; }
  bool start_map(std::uint32_t) { return false; }
  void parse_error(std::size_t, std::size_t) {}
  void insufficient_bytes(std::size_t, std::size_t) {}

  [[nodiscard]] bool complete() const noexcept { return taken_ == kFields; }

  /// Field `i` as an integer of type T; clears `fits` if it does not fit.
  template <class T>
  [[nodiscard]] T integer(std::size_t i, bool& fits) const noexcept {
    if (integers_[i] > std::numeric_limits<T>::max()) fits = false;
    return static_cast<T>(integers_[i]);
  }
  /// Field `i` as exactly so many bytes; clears `fits` if it has another length.
  template <std::size_t N>
  void copy(std::size_t i, std::array<std::byte, N>& out, bool& fits) const noexcept {
    if (bytes_[i].size() != N) {
      fits = false;
    } else {
      std::copy(bytes_[i].begin(), bytes_[i].end(), out.begin());
    }
  }
  [[nodiscard]] bool empty(std::size_t i) const noexcept { return bytes_[i].empty(); }

 private:
  static bool is_bytes(std::size_t i) noexcept {
    return i == consortium || i == sender || i == run || i == hash;
  }
  bool open_ = false;
  std::size_t taken_ = 0;
  std::array<std::uint64_t, kFields> integers_{};
  std::array<std::span<const std::byte>, kFields> bytes_;
};

bool read_fields(const ArrayVisitor& visitor, Envelope& out) noexcept {
  bool fits = true;
  out.proto = visitor.integer<std::uint8_t>(proto, fits);
  out.type = visitor.integer<std::uint16_t>(type, fits);
  visitor.copy(consortium, out.consortium, fits);
  out.roster_version = visitor.integer<std::uint64_t>(roster_version, fits);
  visitor.copy(sender, out.sender, fits);
  out.boot_id = visitor.integer<std::uint64_t>(boot_id, fits);
  out.seq = visitor.integer<std::uint64_t>(seq, fits);
  out.run.reset();
  if (!visitor.empty(run)) visitor.copy(run, out.run.emplace().bytes, fits);
  out.round = visitor.integer<Round>(round, fits);
  out.flags = visitor.integer<std::uint16_t>(flags, fits);
  out.body_len = visitor.integer<std::uint64_t>(body_len, fits);
  out.body_hash = {};
  if ((out.flags & kFlagSigned) != 0) {
    visitor.copy(hash, out.body_hash.bytes, fits);
  } else if (!visitor.empty(hash)) {
    fits = false;
  }
  return fits;
}

/// How long the msgpack array at the beginning of `bytes` is; 0 if there is none.
std::size_t parse(std::span<const std::byte> bytes, ArrayVisitor& visitor) noexcept {
  try {
    std::size_t end = 0;
    const bool whole =
        msgpack::parse(reinterpret_cast<const char*>(bytes.data()), bytes.size(), end, visitor);
    return whole && visitor.complete() ? end : 0;
  } catch (const std::exception&) {  // msgpack's own, or no memory for its small stack
    return 0;
  }
}

std::size_t body_bytes_max(const EnvelopeLimits& limits, Plane plane) noexcept {
  switch (plane) {
    case Plane::control:
      return limits.control_body_bytes;
    case Plane::bulk:
      return limits.bulk_body_bytes;
    case Plane::lobby:
      return limits.lobby_body_bytes;
  }
  return 0;
}

EnvelopeError check_run(const Envelope& envelope, const EnvelopePolicy& policy) noexcept {
  const auto found = std::find_if(policy.runs.begin(), policy.runs.end(),
                                  [&](const OpenRun& r) { return envelope.run == r.id; });
  if (found == policy.runs.end()) return EnvelopeError::unknown_run;
  if (envelope.round < found->first || envelope.round > found->last) return EnvelopeError::stale_round;
  return envelope.roster_version < found->roster_version ? EnvelopeError::stale_roster : EnvelopeError::none;
}

}  // namespace

crypto::Hash256 body_hash(std::span<const std::byte> body) noexcept {
  return crypto::hash("hansa.body.v1", body);
}

std::vector<std::byte> seal(Envelope envelope, std::span<const std::byte> body,
                            const crypto::Identity* signer) {
  envelope.body_len = body.size();
  envelope.flags &= static_cast<std::uint16_t>(~kFlagSigned);
  envelope.body_hash = {};
  if (signer != nullptr) {
    HANSA_ASSERT(signer->public_key() == envelope.sender);
    envelope.flags |= kFlagSigned;
    envelope.body_hash = body_hash(body);
  }
  ArraySink sink;
  pack(envelope, sink);
  std::vector<std::byte> header(sink.written().begin(), sink.written().end());
  if (signer != nullptr) {
    const crypto::Signature signature = signer->sign(signed_text(sink.written()));
    header.resize(sink.size + signature.size());
    std::copy(signature.begin(), signature.end(),
              header.end() - static_cast<std::ptrdiff_t>(signature.size()));
  }
  return header;
}

std::string_view name_of(EnvelopeError error) noexcept {
  constexpr std::array<std::string_view, kEnvelopeErrors> kNames = {
      "none",         "oversize",     "malformed",   "not_canonical", "version",
      "unknown_flag", "unknown_type", "wrong_plane", "consortium",    "unlisted",
      "body_length",  "not_signed",   "bad_hash",    "bad_signature", "old_boot",
      "replay",       "unknown_run",  "stale_round", "stale_roster"};
  return kNames[static_cast<std::size_t>(error)];
}

EnvelopeError decode_envelope(std::span<const std::byte> header, const EnvelopeLimits& limits, Envelope& out,
                              std::span<const std::byte>& signed_bytes,
                              std::optional<crypto::Signature>& signature) noexcept {
  if (header.size() > limits.header_bytes) return EnvelopeError::oversize;
  if (header.empty()) return EnvelopeError::malformed;
  ArrayVisitor visitor;
  const std::size_t end = parse(header, visitor);
  if (end == 0 || !read_fields(visitor, out)) return EnvelopeError::malformed;
  const bool is_signed = (out.flags & kFlagSigned) != 0;
  if (header.size() != end + (is_signed ? sizeof(crypto::Signature) : 0)) return EnvelopeError::malformed;
  ArraySink sink;
  pack(out, sink);
  signed_bytes = header.first(end);
  const auto again = sink.written();
  if (!std::equal(again.begin(), again.end(), signed_bytes.begin(), signed_bytes.end())) {
    return EnvelopeError::not_canonical;
  }
  signature.reset();
  if (is_signed) {
    std::copy_n(header.begin() + static_cast<std::ptrdiff_t>(end), sizeof(crypto::Signature),
                signature.emplace().begin());
  }
  return EnvelopeError::none;
}

EnvelopeError EnvelopeOpener::open(std::span<const std::byte> header, std::span<const std::byte> body,
                                   Plane plane, const std::optional<crypto::PublicKey>& delivered_by,
                                   const EnvelopePolicy& policy, Envelope& out) {
  const EnvelopeError error = check(header, body, plane, delivered_by, policy, out);
  ++counters_[static_cast<std::size_t>(error)];
  return error;
}

EnvelopeError EnvelopeOpener::check(std::span<const std::byte> header, std::span<const std::byte> body,
                                    Plane plane, const std::optional<crypto::PublicKey>& delivered_by,
                                    const EnvelopePolicy& policy, Envelope& out) {
  if (body.size() > body_bytes_max(limits_, plane)) return EnvelopeError::oversize;
  std::span<const std::byte> signed_bytes;
  std::optional<crypto::Signature> signature;
  if (const auto error = decode_envelope(header, limits_, out, signed_bytes, signature);
      error != EnvelopeError::none) {
    return error;
  }
  if (out.proto < policy.proto_min || out.proto > policy.proto_max) return EnvelopeError::version;
  if ((out.flags & kMandatoryFlags & ~kFlagSigned) != 0) return EnvelopeError::unknown_flag;
  const TypeRule* const rule = protocols::envelope::rule_of(out.type);
  if (rule == nullptr) return EnvelopeError::unknown_type;
  if (rule->plane != plane) return EnvelopeError::wrong_plane;
  if (out.consortium != policy.consortium) return EnvelopeError::consortium;
  const bool may_be_anybody = plane == Plane::lobby && !delivered_by;
  if (!may_be_anybody && out.sender != delivered_by) return EnvelopeError::unlisted;
  if (out.body_len != body.size()) return EnvelopeError::body_length;
  if (rule->must_sign && !signature) return EnvelopeError::not_signed;
  if (signature) {
    if (body_hash(body) != out.body_hash) return EnvelopeError::bad_hash;
    if (!crypto::verify(out.sender, signed_text(signed_bytes), *signature))
      return EnvelopeError::bad_signature;
  }
  if (rule->in_run) {
    if (const auto error = check_run(out, policy); error != EnvelopeError::none) return error;
  }
  if (may_be_anybody) return EnvelopeError::none;  // nothing is remembered of strangers
  switch (replay_.admit(out.sender, out.boot_id, out.seq)) {
    case Freshness::old_boot:
      return EnvelopeError::old_boot;
    case Freshness::replayed:
      return EnvelopeError::replay;
    case Freshness::fresh:
      break;
  }
  return EnvelopeError::none;
}

}  // namespace hansa::wire
