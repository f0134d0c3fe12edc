// The roster itself: its body, its signatures, and the texts that may stand in objects.
#include "protocols/roster/layout.hpp"
#include "protocols/roster/source.hpp"

#include <algorithm>

namespace hansa::protocols::roster {
namespace {

constexpr std::string_view kApprovePrefix = "hansa-roster-v1:";
constexpr std::size_t kSignaturesMax = 3 * kOrganisationsMax;

/// One code point from the front of `text`, or none if it is not valid UTF-8.
bool take_code_point(std::string_view& text, std::uint32_t& point) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  const std::size_t size = first < 0x80   ? 1
                           : first < 0xC2 ? 0
                           : first < 0xE0 ? 2
                           : first < 0xF0 ? 3
                           : first < 0xF5 ? 4
                                          : 0;
  if (size == 0 || size > text.size()) return false;
  point = size == 1 ? first : first & (0x7Fu >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xC0) != 0x80) return false;
    point = point << 6 | (at(i) & 0x3Fu);
  }
  constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (point < kSmallest[size] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return false;
  text.remove_prefix(size);
  return true;
}

void put_organisation(Writer& out, const Organisation& organisation) {
  out.raw(organisation.key);
  put_text(out, organisation.name);
  out.u16(organisation.max_nodes).u32(organisation.weight_cap);
  out.u8(static_cast<std::uint8_t>(organisation.status));
}

Organisation take_organisation(Source& in) {
  Organisation out;
  out.key = in.array<32>("organisation key");
  out.name = in.text(kNameBytesMax, "organisation name");
  in.require(is_name(out.name), "organisation name");
  out.max_nodes = in.u16("max_nodes");
  in.require(out.max_nodes >= 1 && out.max_nodes <= kNodesPerOrganisationMax, "max_nodes");
  out.weight_cap = in.u32("weight_cap");
  in.require(out.weight_cap >= 1 && out.weight_cap <= kWeightCapWhole, "weight_cap");
  const std::uint8_t status = in.u8("status");
  in.require(status == 1 || status == 2, "status");
  out.status = static_cast<OrganisationStatus>(status);
  return out;
}

template <class T, class Key>
bool ascending(const std::vector<T>& list, Key key) {
  for (std::size_t i = 1; i < list.size(); ++i) {
    if (!(key(list[i - 1]) < key(list[i]))) return false;
  }
  return true;
}
constexpr auto kItself = [](const auto& item) -> const auto& { return item; };

}  // namespace

const Organisation* Roster::find(const PublicKey& key) const noexcept {
  const auto found = std::lower_bound(organisations.begin(), organisations.end(), key,
                                      [](const Organisation& a, const PublicKey& b) { return a.key < b; });
  return found != organisations.end() && found->key == key ? &*found : nullptr;
}

bool SignedRoster::signed_by(const PublicKey& organisation) const noexcept {
  return std::any_of(signatures.begin(), signatures.end(),
                     [&](const RosterSignature& s) { return s.organisation == organisation; });
}

bool is_name(std::string_view text) noexcept {
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return false;
  while (!text.empty()) {
    std::uint32_t point = 0;
    if (!take_code_point(text, point)) return false;
    if (point < 0x20 || (point >= 0x7F && point < 0xA0)) return false;
    if (point == 0x200E || point == 0x200F || (point >= 0x2028 && point <= 0x202E)) return false;
    if (point >= 0x2060 && point <= 0x2069) return false;
    if (point == 0x200B || point == 0xFEFF) return false;
  }
  return true;
}

bool is_endpoint(std::string_view text) noexcept {
  if (text.size() > kEndpointBytesMax) return false;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (port.empty() || port.size() > 5 || port.front() == '0') return false;
  std::uint32_t number = 0;
  for (const char c : port) {
    if (c < '0' || c > '9') return false;
    number = 10 * number + static_cast<std::uint32_t>(c - '0');
  }
  if (number < 1 || number > 65535) return false;
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  return std::all_of(host.begin(), host.end(), [&](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    return brackets ? digit || c == ':' || c == '.' || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')
                    : letter || digit || c == '.' || c == '-' || c == '_';
  });
}

Bytes encode_body(const Roster& roster) {
  HANSA_ASSERT(roster.organisations.size() <= kOrganisationsMax && roster.revoked.size() <= kRevokedMax);
  HANSA_ASSERT(roster.features.size() <= kFeaturesMax && roster.settles.size() <= kBranchesMax);
  HANSA_ASSERT(
      ascending(roster.organisations, [](const Organisation& o) -> const PublicKey& { return o.key; }));
  HANSA_ASSERT(ascending(roster.revoked, kItself) && ascending(roster.features, kItself));
  HANSA_ASSERT(ascending(roster.settles, kItself));
  Writer out;
  out.raw(roster.consortium.bytes).u32(roster.version).raw(roster.previous.bytes);
  out.raw(roster.successor_of.bytes);
  put_text(out, roster.name);
  out.u8(static_cast<std::uint8_t>(roster.policy)).u8(static_cast<std::uint8_t>(roster.removal));
  out.u16(static_cast<std::uint16_t>(roster.organisations.size()));
  for (const Organisation& organisation : roster.organisations) put_organisation(out, organisation);
  out.u16(static_cast<std::uint16_t>(roster.revoked.size()));
  for (const PublicKey& key : roster.revoked) out.raw(key);
  out.u32(roster.protocol_floor);
  out.u16(static_cast<std::uint16_t>(roster.features.size()));
  for (const std::string& feature : roster.features) put_text(out, feature);
  out.u16(static_cast<std::uint16_t>(roster.settles.size()));
  for (const Hash256& branch : roster.settles) out.raw(branch.bytes);
  out.u64(static_cast<std::uint64_t>(roster.issued_at)).u64(static_cast<std::uint64_t>(roster.expires_at));
  return std::move(out).bytes();
}

Result<Roster> decode_body(BytesView bytes) {
  Source in(bytes, "roster");
  in.require(bytes.size() <= kRosterBytesMax, "length");
  Roster out;
  out.consortium = in.hash("consortium");
  out.version = in.u32("version");
  in.require(out.version >= 1, "version");
  out.previous = in.hash("previous");
  out.successor_of = in.hash("successor_of");
  out.name = in.text(kNameBytesMax, "name");
  in.require(is_name(out.name), "name");
  const std::uint8_t policy = in.u8("policy"), removal = in.u8("removal policy");
  in.require(policy >= 1 && policy <= 3, "policy");
  in.require(removal == 1 || removal == 2, "removal policy");
  out.policy = static_cast<Policy>(policy);
  out.removal = static_cast<RemovalPolicy>(removal);
  std::size_t nodes = 0;
  for (std::size_t n = in.count(kOrganisationsMax, "organisations"); n > 0 && !in.failed(); --n) {
    out.organisations.push_back(take_organisation(in));
    nodes += out.organisations.back().max_nodes;
  }
  in.require(!out.organisations.empty() && nodes <= kNodesMax, "organisations");
  in.require(ascending(out.organisations, [](const Organisation& o) -> const PublicKey& { return o.key; }),
             "order of organisations");
  for (std::size_t n = in.count(kRevokedMax, "revoked"); n > 0 && !in.failed(); --n)
    out.revoked.push_back(in.array<32>("revoked"));
  in.require(ascending(out.revoked, kItself), "order of revoked");
  out.protocol_floor = in.u32("protocol_floor");
  for (std::size_t n = in.count(kFeaturesMax, "features"); n > 0 && !in.failed(); --n) {
    out.features.push_back(in.text(kFeatureBytesMax, "feature"));
    in.require(is_name(out.features.back()), "feature");
  }
  in.require(ascending(out.features, kItself), "order of features");
  for (std::size_t n = in.count(kBranchesMax, "settles"); n > 0 && !in.failed(); --n)
    out.settles.push_back(in.hash("settles"));
  in.require(ascending(out.settles, kItself), "order of settles");
  out.issued_at = in.time("issued_at");
  out.expires_at = in.time("expires_at");
  in.require(out.expires_at > out.issued_at && out.expires_at - out.issued_at <= kRosterLifetime,
             "expires_at");
  return in.finish(std::move(out));
}

SignedRoster unsigned_roster(Roster roster) {
  SignedRoster out;
  out.body = encode_body(roster);
  out.hash = crypto::hash("hansa.roster.v1", out.body);
  out.roster = std::move(roster);
  return out;
}

Bytes encode(const SignedRoster& object, Kind kind) {
  HANSA_ASSERT(kind == Kind::roster || kind == Kind::proposal);
  Writer out(object.body.size() + 96 * object.signatures.size() + 8);
  out.u8(static_cast<std::uint8_t>(kind))
      .u32(static_cast<std::uint32_t>(object.body.size()))
      .raw(object.body);
  out.u16(static_cast<std::uint16_t>(object.signatures.size()));
  for (const RosterSignature& s : object.signatures) out.raw(s.organisation).raw(s.signature);
  return std::move(out).bytes();
}

Result<SignedRoster> decode_signed_roster(BytesView bytes, Kind kind) {
  Source in(bytes, kind == Kind::roster ? "roster" : "proposal");
  in.require(bytes.size() <= kRosterBytesMax, "length");
  in.require(in.u8("kind") == static_cast<std::uint8_t>(kind), "kind");
  const BytesView body = in.take(in.u32("length of the body"), "body");
  if (in.failed()) return in.finish(SignedRoster{});
  Result<Roster> roster = decode_body(body);
  if (!roster) return roster.error();
  SignedRoster out{.roster = std::move(*roster), .body = Bytes(body.begin(), body.end())};
  out.hash = crypto::hash("hansa.roster.v1", out.body);
  for (std::size_t n = in.count(kSignaturesMax, "signatures"); n > 0 && !in.failed(); --n) {
    RosterSignature one;
    one.organisation = in.array<32>("signature");
    one.signature = in.array<64>("signature");
    out.signatures.push_back(one);
  }
  in.require(
      ascending(out.signatures, [](const RosterSignature& s) -> const PublicKey& { return s.organisation; }),
      "order of signatures");
  return in.finish(std::move(out));
}

Bytes approval_bytes(const Hash256& consortium, const Hash256& roster) {
  return Writer().text(kApprovePrefix).raw(consortium.bytes).raw(roster.bytes).bytes();
}

const Hash256& consortium_of(const SignedRoster& object) noexcept {
  return object.roster.version == 1 ? object.hash : object.roster.consortium;
}

void sign(SignedRoster& object, const crypto::Identity& organisation) {
  const RosterSignature fresh{organisation.public_key(),
                              organisation.sign(approval_bytes(consortium_of(object), object.hash))};
  const auto at =
      std::lower_bound(object.signatures.begin(), object.signatures.end(), fresh.organisation,
                       [](const RosterSignature& a, const PublicKey& b) { return a.organisation < b; });
  if (at != object.signatures.end() && at->organisation == fresh.organisation) {
    *at = fresh;
  } else {
    object.signatures.insert(at, fresh);
  }
}

bool check(const SignedRoster& object) noexcept {
  const Bytes message = approval_bytes(consortium_of(object), object.hash);
  return std::all_of(object.signatures.begin(), object.signatures.end(), [&](const RosterSignature& s) {
    return crypto::verify(s.organisation, message, s.signature);
  });
}

}  // namespace hansa::protocols::roster
