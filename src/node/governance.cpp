#include "src/node/governance.hpp"

#include "protocols/roster/layout.hpp"
#include "src/crypto/hash.hpp"
#include "src/node/keeper_rows.hpp"

#include <utility>

namespace hansa::node {

namespace roster = protocols::roster;

Result<Governance> Governance::open(const NodeKeys& keys, const http::NodeApi::KeeperState& state,
                                    std::int64_t now_s) {
  const auto rows = rows_of(state.records);
  if (!rows) return rows.error();
  const auto records = records_of(*rows);
  if (!records) return records.error();
  Governance result;
  result.base_ = state.base;
  result.keeper_ = std::make_unique<roster::RosterKeeper>(
      roster::KeeperConfig{.node = keys.node->public_key(), .organisation = keys.organisation});
  roster::KeeperEffects known;
  if (const auto started = result.keeper_->start(*records, now_s, known, state.recovering); !started)
    return started.error();
  return result;
}

http::NodeApi::KeeperChange Governance::change() const {
  http::NodeApi::KeeperChange change;
  change.base = base_;
  for (const roster::KeeperEffect& effect : effects_) {
    if (const auto* persist = std::get_if<roster::PersistRecord>(&effect)) {
      change.records.push_back(text_of(row_of(persist->record)));
    } else if (const auto* all = std::get_if<roster::TellAll>(&effect)) {
      change.messages.push_back(crypto::to_hex(all->message));
    } else if (const auto* tell = std::get_if<roster::Tell>(&effect)) {
      change.messages.push_back(crypto::to_hex(tell->message));
    }
  }
  return change;
}

roster::NodeCertificate make_certificate(const NodeKeys& keys, const crypto::Identity& organisation,
                                         const std::string& control, const std::string& bulk,
                                         std::uint64_t serial, std::int64_t now_s) {
  roster::NodeCertificate certificate;
  certificate.organisation = organisation.public_key();
  certificate.node = keys.node->public_key();
  certificate.curve = keys.curve.key.public_key();
  certificate.curve_epoch = keys.curve.epoch;
  if (!control.empty()) certificate.endpoints.control.push_back(control);
  if (!bulk.empty()) certificate.endpoints.bulk.push_back(bulk);
  certificate.serial = serial;
  certificate.issued_at = now_s;
  certificate.not_after = now_s + roster::kCertificateLifetime;
  roster::sign(certificate, organisation);
  return certificate;
}

}  // namespace hansa::node
