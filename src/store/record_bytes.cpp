// A record's layout: version (1), then its fields in the order of protocols::Record; lists behind their
// counts, models behind their lengths.
#include "protocols/checked_reader.hpp"
#include "protocols/secure_sum/byte_order.hpp"
#include "src/store/checkpoints.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace hansa::store {
namespace {

using protocols::CheckedReader;
using protocols::Record;
using protocols::beacon::BeaconRecord;
using protocols::secure_sum::Writer;

static_assert(std::endian::native == std::endian::little, "floats are copied as they lie in memory");

constexpr std::uint8_t kRecordVersion = 1;
constexpr std::size_t kListMax = 65'535;
constexpr auto kLastStage = static_cast<std::uint8_t>(protocols::beacon::Stage::training);
constexpr std::size_t kOptimiserFactorMax = 4;  // Adam keeps two floats per parameter, and a few more

void write(Writer& out, const ParametersRef& floats) {
  out.u64(floats ? floats.size() : 0);
  if (floats) out.raw(std::as_bytes(floats.span()));
}

/// Of `most` floats at most; empty if there are none.
ParametersRef read_floats(CheckedReader& in, std::size_t most) {
  const std::uint64_t count = in.u64();
  if (count > most || count * sizeof(float) > in.left()) return in.fail(), ParametersRef();
  if (count == 0) return {};
  const auto bytes = in.take(count * sizeof(float));
  Parameters floats = Parameters::uninitialised(count);
  std::memcpy(floats.span().data(), bytes.data(), bytes.size());
  for (const float value : floats.span()) {
    if (!std::isfinite(value)) return in.fail(), ParametersRef();
  }
  return std::move(floats).freeze();
}

void write(Writer& out, const BeaconRecord* beacon) {
  out.u8(beacon != nullptr ? 1 : 0);
  if (beacon == nullptr) return;
  out.u8(static_cast<std::uint8_t>(beacon->stage)).u32(beacon->attempt).u8(beacon->taking_part ? 1 : 0);
  out.u16(static_cast<std::uint16_t>(beacon->members.size()));
  for (const PartyId member : beacon->members) out.u32(static_cast<std::uint32_t>(member));
  out.raw(beacon->beacon.bytes);
  out.u32(beacon->certificate ? static_cast<std::uint32_t>(beacon->certificate->size()) : 0);
  if (beacon->certificate) out.raw(*beacon->certificate);
}

std::shared_ptr<const BeaconRecord> read_beacon(CheckedReader& in) {
  const std::uint8_t present = in.u8();
  if (present > 1) in.fail();
  if (present != 1) return nullptr;
  auto beacon = std::make_shared<BeaconRecord>();
  const std::uint8_t stage = in.u8();
  if (stage > kLastStage) in.fail();
  beacon->stage = static_cast<decltype(beacon->stage)>(stage);
  beacon->attempt = in.u32();
  beacon->taking_part = in.u8() == 1;
  for (std::size_t left = in.count(kListMax); left > 0 && !in.failed(); --left) {
    beacon->members.push_back(party_at(in.u32()));
  }
  beacon->beacon.bytes = in.array<32>();
  const std::size_t size = in.u32();
  if (size > in.left()) in.fail();
  const auto certificate = in.take(in.failed() ? 0 : size);
  if (!certificate.empty()) {
    beacon->certificate =
        std::make_shared<const std::vector<std::byte>>(certificate.begin(), certificate.end());
  }
  return beacon;
}

double read_f64(CheckedReader& in) { return std::bit_cast<double>(in.u64()); }

}  // namespace

std::vector<std::byte> encode_record(const Record& record) {
  Writer out(128 + sizeof(float) * ((record.model ? record.model.size() : 0) +
                                    (record.optimiser_state ? record.optimiser_state.size() : 0)));
  out.u8(kRecordVersion).u32(record.round).f64(record.mass).u64(record.age).u8(record.finished ? 1 : 0);
  write(out, record.model);
  write(out, record.optimiser_state);
  out.u16(static_cast<std::uint16_t>(record.pending.size()));
  for (const protocols::PendingShare& share : record.pending) {
    out.u32(static_cast<std::uint32_t>(share.to)).u64(share.sequence).u32(share.round).f64(share.mass);
    write(out, share.model);
  }
  out.u16(static_cast<std::uint16_t>(record.absorbed.size()));
  for (const protocols::AbsorbedShares& shares : record.absorbed) {
    out.u32(static_cast<std::uint32_t>(shares.from)).u64(shares.through);
    out.u16(static_cast<std::uint16_t>(shares.above.size()));
    for (const std::uint64_t sequence : shares.above) out.u64(sequence);
  }
  out.u16(static_cast<std::uint16_t>(record.shares_sent.size()));
  for (const auto& [to, sequence] : record.shares_sent) out.u32(static_cast<std::uint32_t>(to)).u64(sequence);
  write(out, record.beacon.get());
  return std::move(out).bytes();
}

Result<Record> decode_record(std::span<const std::byte> bytes, std::size_t parameters) {
  CheckedReader in(bytes);
  Record record;
  if (in.u8() != kRecordVersion) in.fail();
  record.round = in.u32();
  record.mass = read_f64(in);
  record.age = in.u64();
  record.finished = in.u8() == 1;
  record.model = read_floats(in, parameters);
  record.optimiser_state = read_floats(in, kOptimiserFactorMax * parameters + 64);
  for (std::size_t left = in.count(kListMax); left > 0 && !in.failed(); --left) {
    protocols::PendingShare share;
    share.to = party_at(in.u32());
    share.sequence = in.u64();
    share.round = in.u32();
    share.mass = read_f64(in);
    share.model = read_floats(in, parameters);
    // It is sent again as it is, and receivers refuse what does not fit the run.
    if (!share.model || share.model.size() != parameters || !std::isfinite(share.mass)) in.fail();
    record.pending.push_back(std::move(share));
  }
  for (std::size_t left = in.count(kListMax); left > 0 && !in.failed(); --left) {
    protocols::AbsorbedShares shares;
    shares.from = party_at(in.u32());
    shares.through = in.u64();
    for (std::size_t above = in.count(kListMax); above > 0 && !in.failed(); --above) {
      shares.above.push_back(in.u64());
    }
    record.absorbed.push_back(std::move(shares));
  }
  for (std::size_t left = in.count(kListMax); left > 0 && !in.failed(); --left) {
    const PartyId to = party_at(in.u32());
    record.shares_sent.emplace_back(to, in.u64());
  }
  record.beacon = read_beacon(in);
  // A party that has only begun to draw the cohorts has no model yet.
  const bool model_fits = record.model ? record.model.size() == parameters : record.beacon != nullptr;
  const bool whole = in.done() && model_fits && std::isfinite(record.mass);
  if (!whole) return Error{ErrorKind::bad_data, "a checkpoint does not hold a model of this run", ""};
  return record;
}

}  // namespace hansa::store
