#include "src/node/governance.hpp"

#include "protocols/roster/layout.hpp"
#include "src/crypto/hash.hpp"
#include "src/node/hex.hpp"

#include <utility>

namespace hansa::node {

namespace roster = protocols::roster;

Result<Governance> Governance::open(const NodeKeys& keys, const http::NodeApi::KeeperState& state,
                                    std::int64_t now_s) {
  std::vector<roster::Record> records;
  for (const auto& [key_text, value_text] : state.records) {
    auto key = from_hex(key_text), value = from_hex(value_text);
    if (!key || !value || key->empty()) {
      return Error{ErrorKind::bad_data, "the node's roster cannot be read",
                   "is the node of another version?"};
    }
    records.push_back({static_cast<roster::RecordKind>((*key)[0]), {key->begin() + 1, key->end()}, *value});
  }
  Governance result;
  result.base_ = state.base;
  result.keeper_ = std::make_unique<roster::RosterKeeper>(
      roster::KeeperConfig{.node = keys.node->public_key(), .organisation = keys.organisation});
  roster::KeeperEffects known;
  if (const auto started = result.keeper_->start(records, now_s, known); !started) return started.error();
  return result;
}

http::NodeApi::KeeperChange Governance::change() const {
  http::NodeApi::KeeperChange change;
  change.base = base_;
  for (const roster::KeeperEffect& effect : effects_) {
    if (const auto* persist = std::get_if<roster::PersistRecord>(&effect)) {
      roster::Bytes key{static_cast<std::byte>(persist->record.kind)};
      key.insert(key.end(), persist->record.key.begin(), persist->record.key.end());
      change.records.emplace_back(crypto::to_hex(key), crypto::to_hex(persist->record.value));
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
