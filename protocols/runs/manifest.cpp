// A statement is: type (1), run (32), signer (32), time (8), body, signature (64). The signature covers a
// label and everything before it. Reading checks lengths before anything is allocated, and the signature
// before anything is believed.
#include "protocols/runs/manifest.hpp"

#include "protocols/checked_reader.hpp"
#include "protocols/secure_sum/byte_order.hpp"

#include <hansa/assert.hpp>

#include <algorithm>

namespace hansa::protocols::runs {
namespace {

using secure_sum::Writer;

constexpr std::string_view kSignatureLabel = "hansa1/run-statement";
constexpr std::size_t kFrontBytes = 1 + 32 + 32 + 8;
constexpr std::size_t kSignatureBytes = 64;

Bytes signed_text(BytesView front_and_body) {
  return Writer(kSignatureLabel.size() + front_and_body.size())
      .text(kSignatureLabel)
      .raw(front_and_body)
      .bytes();
}

template <class Items, class Key>
bool ascending(const Items& items, Key key) {
  return std::adjacent_find(items.begin(), items.end(),
                            [&](const auto& a, const auto& b) { return !(key(a) < key(b)); }) == items.end();
}

void write_text(Writer& out, std::string_view text) {
  out.u32(static_cast<std::uint32_t>(text.size())).text(text);
}

struct BodyWriter {
  Writer& out;

  void operator()(const RunManifest& m) {
    HANSA_ASSERT(m.parties.size() <= kLimits.parties_max && m.config.size() <= kLimits.config_bytes_max);
    HANSA_ASSERT(m.schema.size() <= kLimits.schema_bytes_max && m.name.size() <= kLimits.name_bytes_max);
    HANSA_ASSERT(m.privacy.size() <= kLimits.privacy_bytes_max);
    out.raw(m.consortium.bytes).u32(m.roster_version).raw(m.roster_hash.bytes).raw(m.proposer);
    out.u64(static_cast<std::uint64_t>(m.created_at_s)).u64(static_cast<std::uint64_t>(m.approve_by_s));
    out.u32(m.quorum).u16(static_cast<std::uint16_t>(m.parties.size()));
    for (const NodeKey& party : m.parties) out.raw(party);
    for (const std::string* text : {&m.name, &m.config, &m.schema, &m.privacy}) write_text(out, *text);
  }
  void operator()(const Approve&) {}
  void operator()(const Begin& b) {
    HANSA_ASSERT(b.approvals.size() <= kLimits.parties_max);
    out.u16(static_cast<std::uint16_t>(b.approvals.size()));
    for (const Approval& a : b.approvals) {
      out.raw(a.party).u64(static_cast<std::uint64_t>(a.said_at_s)).raw(a.signature);
    }
  }
  void operator()(const Finish& f) { out.u32(f.rounds).raw(f.model.bytes); }
  void operator()(const Stop& s) {
    HANSA_ASSERT(s.reason.size() <= kLimits.reason_bytes_max);
    write_text(out, s.reason);
  }
};

Bytes front_of(StatementType type, const RunId& run, const NodeKey& signer, std::int64_t said_at_s) {
  return Writer(kFrontBytes)
      .u8(static_cast<std::uint8_t>(type))
      .raw(run.bytes)
      .raw(signer)
      .u64(static_cast<std::uint64_t>(said_at_s))
      .bytes();
}

RunManifest read_manifest(CheckedReader& in) {
  RunManifest m;
  m.consortium.bytes = in.array<32>();
  m.roster_version = in.u32();
  m.roster_hash.bytes = in.array<32>();
  m.proposer = in.array<32>();
  m.created_at_s = in.i64();
  m.approve_by_s = in.i64();
  m.quorum = in.u32();
  m.parties.resize(in.count(kLimits.parties_max));
  for (NodeKey& party : m.parties) party = in.array<32>();
  m.name = in.text(kLimits.name_bytes_max);
  m.config = in.text(kLimits.config_bytes_max);
  m.schema = in.text(kLimits.schema_bytes_max);
  m.privacy = in.text(kLimits.privacy_bytes_max);
  return m;
}

Begin read_begin(CheckedReader& in) {
  Begin b;
  b.approvals.resize(in.count(kLimits.parties_max));
  for (Approval& a : b.approvals) {
    a.party = in.array<32>();
    a.said_at_s = in.i64();
    a.signature = in.array<64>();
  }
  return b;
}

Error malformed(std::string what) {
  return {ErrorKind::bad_data, "a run statement " + std::move(what), "its sender must be mended or removed"};
}

/// What holds for a manifest whoever signed it.
Result<void> check(const RunManifest& m, const Statement& s, BytesView body) {
  if (s.run != run_id(body)) return malformed("names another run than its manifest's");
  if (s.signer != m.proposer) return malformed("is signed by another node than its proposer");
  if (m.parties.size() < 2 || m.quorum < 2 || m.quorum > m.parties.size()) {
    return malformed("asks for fewer than two parties, or for more approvals than parties");
  }
  if (!ascending(m.parties, [](const NodeKey& k) { return k; })) {
    return malformed("names parties twice or not in order");
  }
  return {};
}

}  // namespace

RunId run_id(BytesView manifest_body) noexcept { return crypto::hash("hansa1/run", manifest_body); }

Hash256 model_hash(std::span<const float> model) noexcept {
  return crypto::hash("hansa1/model", std::as_bytes(model));
}

crypto::Signature signature_of(BytesView statement) noexcept {
  HANSA_ASSERT(statement.size() >= kSignatureBytes);
  return secure_sum::Reader(statement.last(kSignatureBytes)).array<kSignatureBytes>();
}

bool verify_approval(const RunId& run, const Approval& approval) {
  const Bytes front = front_of(StatementType::approve, run, approval.party, approval.said_at_s);
  return crypto::verify(approval.party, signed_text(front), approval.signature);
}

Bytes sign_statement(const crypto::Identity& signer, const RunId& run, std::int64_t said_at_s,
                     const decltype(Statement::what)& what) {
  Writer body;
  std::visit(BodyWriter{body}, what);
  const bool proposes = std::holds_alternative<RunManifest>(what);
  Writer out;
  out.raw(front_of(static_cast<StatementType>(what.index() + 1), proposes ? run_id(body.bytes()) : run,
                   signer.public_key(), said_at_s));
  out.raw(body.bytes());
  const crypto::Signature signature = signer.sign(signed_text(out.bytes()));
  return std::move(out.raw(signature)).bytes();
}

Result<Statement> read_statement(BytesView bytes) {
  if (bytes.size() < kFrontBytes + kSignatureBytes) return malformed("is too short");
  const BytesView text = bytes.first(bytes.size() - kSignatureBytes);
  const BytesView body = text.subspan(kFrontBytes);
  CheckedReader front(text.first(kFrontBytes));
  const auto type = front.number(1);
  Statement out;
  out.run.bytes = front.array<32>();
  out.signer = front.array<32>();
  out.said_at_s = front.i64();
  if (type == 0 || type >= kStatementTypes) return malformed("is of a type that this version does not know");
  CheckedReader in(body);
  switch (static_cast<StatementType>(type)) {
    case StatementType::propose:
      out.what = read_manifest(in);
      break;
    case StatementType::approve:
      out.what = Approve{};
      break;
    case StatementType::begin:
      out.what = read_begin(in);
      break;
    case StatementType::finish: {
      const std::uint32_t rounds = in.u32();
      out.what = Finish{rounds, {in.array<32>()}};
      break;
    }
    case StatementType::stop:
      out.what = Stop{in.text(kLimits.reason_bytes_max)};
      break;
  }
  if (!in.done()) return malformed("has not the length of its parts");
  if (!crypto::verify(out.signer, signed_text(text), signature_of(bytes))) {
    return malformed("is not signed by its signer");
  }
  if (const auto* manifest = std::get_if<RunManifest>(&out.what)) {
    if (const auto fits = check(*manifest, out, body); !fits) return fits.error();
  }
  if (const auto* begin = std::get_if<Begin>(&out.what)) {
    if (!ascending(begin->approvals, [](const Approval& a) { return a.party; })) {
      return malformed("lists parties twice or not in order");
    }
    for (const Approval& approval : begin->approvals) {
      if (!verify_approval(out.run, approval)) return malformed("begins with an approval that nobody gave");
    }
  }
  return out;
}

}  // namespace hansa::protocols::runs
