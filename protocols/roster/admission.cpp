// The two files as bytes, and what a new node makes of its admission: a keeper is started with it as if these
// were its own records, and whatever that keeper would not count makes the admission worthless.
#include "protocols/roster/admission.hpp"

#include "protocols/roster/identity.hpp"
#include "protocols/roster/keeper.hpp"
#include "protocols/roster/source.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace hansa::protocols::roster {
namespace {

constexpr std::string_view kRequestTitle = "hansa node request v1\n";
constexpr std::string_view kAdmissionTitle = "hansa node admission v1\n";
constexpr std::size_t kVersionsMax = 65'535, kObjectsMax = 65'535;

Writer begin(std::string_view title) {
  Writer out;
  out.text(title);
  return out;
}

Source open(BytesView bytes, std::string_view title, std::string_view what, std::size_t bytes_max) {
  Source in(bytes, what);
  in.require(bytes.size() <= bytes_max, "length");
  const BytesView found = in.take(title.size(), "title");
  const BytesView wanted = std::as_bytes(std::span(title.data(), title.size()));
  in.require(std::equal(found.begin(), found.end(), wanted.begin(), wanted.end()), "title");
  return in;
}

/// All but the signature.
Bytes signed_bytes(const NodeRequest& object) {
  Writer out = begin(kRequestTitle);
  out.raw(object.organisation.bytes).raw(object.node).raw(object.curve).u32(object.curve_epoch);
  put_endpoints(out, object.endpoints);
  return out.u64(static_cast<std::uint64_t>(object.created_at)).bytes();
}

Bytes signed_bytes(const NodeAdmission& object) {
  HANSA_ASSERT(object.versions.size() <= kVersionsMax && object.objects.size() <= kObjectsMax);
  Writer out = begin(kAdmissionTitle);
  out.raw(object.organisation).raw(object.node).raw(object.head.bytes);
  out.u64(static_cast<std::uint64_t>(object.issued_at));
  for (const auto* list : {&object.versions, &object.objects}) {
    out.u16(static_cast<std::uint16_t>(list->size()));
    for (const Bytes& one : *list) out.u32(static_cast<std::uint32_t>(one.size())).raw(one);
  }
  return std::move(out).bytes();
}

Bytes with_signature(Bytes bytes, const Signature& signature) {
  bytes.insert(bytes.end(), signature.begin(), signature.end());
  return bytes;
}

std::vector<Bytes> take_list(Source& in, std::size_t count_max, std::string_view field) {
  std::vector<Bytes> out;
  for (std::size_t n = in.count(count_max, field); n > 0 && !in.failed(); --n) {
    const std::size_t size = in.u32(field);
    in.require(size > 0 && size <= kRosterBytesMax, field);
    const BytesView one = in.take(in.failed() ? 0 : size, field);
    out.emplace_back(one.begin(), one.end());
  }
  return out;
}

Error refuse(std::string message, std::string hint = {}) {
  return {.kind = ErrorKind::usage, .message = std::move(message), .hint = std::move(hint)};
}

Result<std::vector<Record>> records_of(const NodeAdmission& admission) {
  std::vector<Record> records;
  const auto row = [&](RecordKind kind, const Hash256& key, const Bytes& value) {
    records.push_back({kind, {key.bytes.begin(), key.bytes.end()}, value});
  };
  for (const Bytes& version : admission.versions) {
    const Result<SignedRoster> roster = decode_signed_roster(version);
    if (!roster) return roster.error();
    row(RecordKind::version, roster->hash, version);
  }
  for (const Bytes& object : admission.objects) {
    const auto kind = static_cast<Kind>(object.front());
    if (kind != Kind::certificate && kind != Kind::rotation) {
      return refuse("it holds something that no admission has", "do not use it");
    }
    row(RecordKind::object, object_id(object), object);
  }
  const auto& head = admission.head.bytes;
  records.push_back({RecordKind::head, {}, {head.begin(), head.end()}});
  return records;
}

}  // namespace

Bytes encode(const NodeRequest& object) { return with_signature(signed_bytes(object), object.signature); }
Bytes encode(const NodeAdmission& object) { return with_signature(signed_bytes(object), object.signature); }

Result<NodeRequest> decode_node_request(BytesView bytes) {
  Source in = open(bytes, kRequestTitle, "node request", kNodeRequestBytesMax);
  NodeRequest out;
  out.organisation = in.hash("organisation");
  out.node = in.array<32>("node");
  out.curve = in.array<32>("curve");
  out.curve_epoch = in.u32("curve_epoch");
  in.require(out.curve_epoch >= 1, "curve_epoch");
  out.endpoints = take_endpoints(in);
  out.created_at = in.time("created_at");
  out.signature = in.array<64>("signature");
  return in.finish(std::move(out));
}

Result<NodeAdmission> decode_admission(BytesView bytes) {
  Source in = open(bytes, kAdmissionTitle, "node admission", kAdmissionBytesMax);
  NodeAdmission out;
  out.organisation = in.array<32>("organisation");
  out.node = in.array<32>("node");
  out.head = in.hash("head");
  out.issued_at = in.time("issued_at");
  out.versions = take_list(in, kVersionsMax, "version");
  out.objects = take_list(in, kObjectsMax, "object");
  out.signature = in.array<64>("signature");
  return in.finish(std::move(out));
}

void sign(NodeRequest& object, const crypto::Identity& node) {
  HANSA_ASSERT(node.public_key() == object.node);
  object.signature = node.sign(signed_bytes(object));
}
void sign(NodeAdmission& object, const crypto::Identity& organisation) {
  HANSA_ASSERT(organisation.public_key() == object.organisation);
  object.signature = organisation.sign(signed_bytes(object));
}
bool check(const NodeRequest& object) noexcept {
  return crypto::verify(object.node, signed_bytes(object), object.signature);
}
bool check(const NodeAdmission& object) noexcept {
  return crypto::verify(object.organisation, signed_bytes(object), object.signature);
}

Result<std::vector<Record>> first_records(const NodeAdmission& admission, const Hash256& organisation,
                                          const PublicKey& node, UnixTime now) {
  if (id_of(admission.organisation).hash != organisation) {
    return refuse(
        "the admission is by another organisation than the one this node was made for",
        "`hansa init --node-of ID` named " + short_text({organisation}) + "...; do not use the file");
  }
  if (!check(admission)) return refuse("the admission is not signed by its organisation", "do not use it");
  if (admission.node != node) {
    return refuse("the admission is for node " + short_text(id_of(admission.node)) + ", not for this one",
                  "each node needs a request and an admission of its own");
  }
  if (admission.issued_at > now + kClockSkew) {
    return refuse("the admission is dated " + std::to_string(admission.issued_at - now) +
                      " s ahead of this machine's clock",
                  "check the clock (timedatectl)");
  }
  if (admission.issued_at + kAdmissionLifetime < now) {
    return refuse("the admission is " + std::to_string((now - admission.issued_at) / kDay) +
                      " days old, and the others' connection keys may have changed since",
                  "`hansa node request`, and `hansa node add` again");
  }
  const auto worthless = [](const std::string& why) {
    return refuse("the admission cannot be used: " + why, "ask for a new one: `hansa node add` again");
  };
  auto records = records_of(admission);
  if (!records) return worthless(records.error().message);
  RosterKeeper keeper({.node = node, .organisation = admission.organisation});
  KeeperEffects unused;
  if (const auto started = keeper.start(*records, now, unused); !started)
    return worthless(started.error().message);
  if (!keeper.member() || keeper.chain().head().hash != admission.head)
    return worthless("its roster does not list the organisation");
  const auto allowed = keeper.allowed_nodes(now);
  const bool counts =
      std::any_of(allowed.begin(), allowed.end(), [&](const AllowedNode& each) { return each.node == node; });
  if (!counts) return worthless("by the roster in it this node may not connect");
  return records;
}

}  // namespace hansa::protocols::roster
