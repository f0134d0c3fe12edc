// An organisation's own nodes, which it manages alone: certificates, connection keys, further nodes and their
// end.
#include "protocols/roster/admission.hpp"
#include "protocols/roster/identity.hpp"
#include "protocols/roster/keeper.hpp"

#include <algorithm>

namespace hansa::protocols::roster {
namespace {

Error refuse(std::string message, std::string hint = {}) {
  return {.kind = ErrorKind::usage, .message = std::move(message), .hint = std::move(hint)};
}
Error not_taken(KeeperReject reason) {
  return refuse("this is not possible now: " + std::string(keeper_reject_name(reason)),
                "look at hansa roster show and at the clock");
}

}  // namespace

Result<void> RosterKeeper::publish(const NodeCertificate& certificate, UnixTime now, KeeperEffects& out) {
  if (certificate.organisation != config_.organisation)
    return refuse("the certificate is of another organisation");
  if (chain_.empty()) return refuse("there is no roster yet", "found one, or join with a ticket");
  const auto nodes = own_nodes();
  const Organisation* own = chain_.head().roster.find(config_.organisation);
  const bool is_new =
      !certificate.retired && std::none_of(nodes.begin(), nodes.end(), [&](const NodeEntry* entry) {
        return entry->certificate.node == certificate.node;
      });
  if (own != nullptr && is_new && nodes.size() >= own->max_nodes) {
    return refuse("this organisation may have " + std::to_string(own->max_nodes) + " nodes and has them",
                  "retire one (hansa node leave ID), or let the others vote for more: hansa roster propose "
                  "--max-nodes \"" +
                      own->name + "=" + std::to_string(own->max_nodes + 1) + "\"");
  }
  const Bytes object = encode(certificate);
  if (const auto readable = decode_certificate(object); !readable) return readable.error();
  if (certificate.serial < next_serial()) {
    return refuse("the serial must be at least " + std::to_string(next_serial()));
  }
  if (const Outcome refused = take_certificate(object, now, out)) return not_taken(*refused);
  out.emplace_back(TellAll{object});
  return {};
}

Result<void> RosterKeeper::publish(const CurveRotation& rotation, UnixTime now, KeeperEffects& out) {
  const Bytes object = encode(rotation);
  if (const Outcome refused = take_rotation(object, now, out)) return not_taken(*refused);
  out.emplace_back(TellAll{object});
  return {};
}

std::vector<const NodeEntry*> RosterKeeper::own_nodes() const {
  return nodes_.nodes_of(config_.organisation, kCertificatesKept);
}

Result<void> RosterKeeper::may_admit(const NodeRequest& request, UnixTime now) const {
  if (request.organisation != id_of(config_.organisation).hash) {
    return refuse("the request is to another organisation than this node's",
                  "`hansa init --node-of` wants the ID that `hansa keys status` shows here");
  }
  if (!check(request)) return refuse("the request is damaged or not signed by its node", "make a new one");
  if (request.created_at > now + kClockSkew) {
    return refuse("the request is dated ahead of this machine's clock", "check both clocks (timedatectl)");
  }
  if (request.created_at + kAdmissionLifetime < now) {
    return refuse("the request is older than a week", "make a new one: hansa node request");
  }
  if (!member()) return refuse("this organisation is not a member of a consortium");
  if (departures_.contains(config_.organisation)) return refuse("this organisation has left");
  if (suspended(now).contains(config_.organisation)) {
    return refuse("this organisation is suspended", "wait until that is over: hansa roster show");
  }
  if (chain_.fork()) return refuse("the roster is forked", "settle that first: hansa roster show");
  for (const auto& [key, organisation] : organisations()) {
    const NodeEntry* known = nodes_.find(key, request.node);
    if (known == nullptr) continue;
    if (key != config_.organisation && !known->certificate.retired) {
      return refuse("the node is one of " + organisation->name, "make a node of your own: hansa init");
    }
    if (key == config_.organisation && request.curve_epoch < known->curve().epoch) {
      return refuse("the node has replaced its connection key since it made this request",
                    "make a new one: hansa node request");
    }
  }
  return {};
}

Result<NodeAdmission> RosterKeeper::admit(const NodeRequest& request, const crypto::Identity& organisation,
                                          UnixTime now, KeeperEffects& out) {
  if (auto allowed = may_sign(organisation); !allowed) return allowed.error();
  if (auto allowed = may_admit(request, now); !allowed) return allowed.error();
  NodeCertificate certificate{.organisation = config_.organisation,
                              .node = request.node,
                              .curve = request.curve,
                              .curve_epoch = request.curve_epoch,
                              .endpoints = request.endpoints,
                              .serial = next_serial(),
                              .issued_at = now,
                              .not_after = now + kCertificateLifetime};
  sign(certificate, organisation);
  if (auto published = publish(certificate, now, out); !published) return published.error();
  NodeAdmission admission{.organisation = config_.organisation,
                          .node = request.node,
                          .head = chain_.head().hash,
                          .issued_at = now};
  for (std::uint32_t number = 1; number <= chain_.head().roster.version; ++number) {
    const SignedRoster& version = *chain_.at(number);
    for (const Hash256& branch : version.roster.settles)
      admission.versions.push_back(encode(*chain_.find(branch)));
    admission.versions.push_back(encode(version));
  }
  for (const auto& [key, member] : organisations()) {
    for (Bytes& object : nodes_.objects_of(key)) admission.objects.push_back(std::move(object));
  }
  sign(admission, organisation);
  return admission;
}

Result<NodeCertificate> RosterKeeper::retire(const PublicKey& node, const crypto::Identity& organisation,
                                             UnixTime now, KeeperEffects& out) {
  if (auto allowed = may_sign(organisation); !allowed) return allowed.error();
  const NodeEntry* entry = nodes_.find(config_.organisation, node);
  if (entry == nullptr || entry->certificate.retired) {
    return refuse("this organisation has no such node", "hansa roster show lists its nodes");
  }
  NodeCertificate last = entry->certificate;
  last.serial = next_serial();
  last.issued_at = now;
  last.not_after = now + kCertificateLifetime;
  last.retired = true;
  sign(last, organisation);
  if (auto published = publish(last, now, out); !published) return published.error();
  return last;
}

}  // namespace hansa::protocols::roster
