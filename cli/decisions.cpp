// Decisions about the consortium, as an operator takes them: each is worked out on a copy of the node's
// keeper with the organisation's key, and handed over whole (decide in mesh.cpp).
#include "cli/mesh.hpp"

#include "protocols/roster/identity.hpp"
#include "protocols/roster/layout.hpp"
#include "protocols/roster/ticket.hpp"
#include "src/node/roster_change.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

namespace hansa::cli {

namespace roster = protocols::roster;

Result<roster::Endpoints> own_endpoints(const node::StateFolder& folder) {
  const auto config = read_node_config(folder);
  if (!config) return config.error();
  roster::Endpoints endpoints;
  for (const auto& [list, bound] :
       {std::pair(&endpoints.control, &config->control), std::pair(&endpoints.bulk, &config->bulk)}) {
    if (!bound->empty()) list->push_back(config->advertise + bound->substr(bound->rfind(':')));
  }
  return endpoints;
}

Result<roster::NodeCertificate> own_certificate(const node::StateFolder& folder,
                                                const crypto::Identity& organisation, std::uint64_t serial) {
  const auto endpoints = own_endpoints(folder);
  if (!endpoints) return endpoints.error();
  auto keys = node::load_node_keys(folder);
  if (!keys) return keys.error();
  const auto first = [](const std::vector<std::string>& list) { return list.empty() ? "" : list.front(); };
  return node::make_certificate(*keys, organisation, first(endpoints->control), first(endpoints->bulk),
                                serial, unix_now());
}

namespace {

/// Those of `known` that the operator names; all of them without names.
Result<std::vector<crypto::Hash256>> named(const std::vector<crypto::Hash256>& known,
                                           const std::vector<std::string>& ids, const std::string& what) {
  std::vector<crypto::Hash256> chosen;
  for (const std::string& id : ids) {
    const auto one = the_one(known, id, what);
    if (!one) return one.error();
    if (std::find(chosen.begin(), chosen.end(), *one) == chosen.end()) chosen.push_back(*one);
  }
  if (ids.empty()) chosen = known;
  if (chosen.empty()) {
    return Error{ErrorKind::missing, "there is no open " + what, "`hansa roster show` lists what is open"};
  }
  return chosen;
}

}  // namespace

Result<void> found_consortium(const node::StateFolder& folder, const crypto::Identity& organisation,
                              const std::string& consortium, const std::string& policy) {
  const auto chosen = node::apply({.policy = policy}, {});
  if (!chosen) return chosen.error();
  return decide(folder, organisation, [&](node::Governance& g, const crypto::Identity& key) -> Result<void> {
    const auto config = read_node_config(folder);
    if (!config) return config.error();
    auto certificate = own_certificate(folder, key, 1);
    if (!certificate) return certificate.error();
    roster::FoundingDraft draft;
    draft.name = consortium;
    draft.policy = chosen->policy;
    draft.founder.key = key.public_key();
    draft.founder.name = config->organisation;
    draft.certificates = {*certificate};
    draft.created_at = unix_now();
    return g.keeper().found(draft, unix_now(), g.effects());
  });
}

Result<void> join_consortium(const node::StateFolder& folder, const crypto::Identity& organisation,
                             const std::string& text) {
  const auto ticket = roster::parse_ticket(text, unix_now());
  if (!ticket) return ticket.error();
  return decide(folder, organisation, [&](node::Governance& g, const crypto::Identity& key) -> Result<void> {
    const auto config = read_node_config(folder);
    if (!config) return config.error();
    auto certificate = own_certificate(folder, key, g.keeper().next_serial());
    if (!certificate) return certificate.error();
    roster::JoinRequest request;
    request.ticket = *ticket;
    request.organisation = key.public_key();
    request.name = config->organisation;
    request.certificates = {*certificate};
    request.created_at = unix_now();
    roster::sign(request, key);
    return g.keeper().join(request, unix_now(), g.effects());
  });
}

VoteOutcome vote_outcome(const roster::RosterKeeper& keeper, const crypto::Hash256& proposal) {
  VoteOutcome outcome;
  outcome.id = proposal.hex().substr(0, 8);
  if (const roster::SignedRoster* version = keeper.chain().find(proposal)) {
    outcome.version = version->roster.version;
    outcome.in_force = true;
    for (const auto& signature : version->signatures) {
      const roster::Organisation* signer = version->roster.find(signature.organisation);
      if (signer != nullptr) outcome.approvals.push_back(signer->name);
    }
    outcome.needed = outcome.approvals.size();
    return outcome;
  }
  for (const roster::ProposalView& view : keeper.proposals()) {
    if (view.hash != proposal) continue;
    const auto name = [&](const crypto::PublicKey& key) {
      const roster::Organisation* known = view.roster.find(key);
      if (known == nullptr && !keeper.chain().empty()) known = keeper.chain().head().roster.find(key);
      return known != nullptr ? known->name : roster::short_text(roster::id_of(key));
    };
    outcome.version = view.roster.version;
    outcome.changes = view.changes;
    outcome.needed = std::max({view.tally.before.needed, view.tally.after.needed, view.tally.common.needed});
    if (outcome.version == 1) outcome.needed = view.roster.organisations.size();  // all founders
    std::set<crypto::PublicKey> could = view.tally.before.electorate;
    could.insert(view.tally.after.electorate.begin(), view.tally.after.electorate.end());
    for (const crypto::PublicKey& key : view.approvals) outcome.approvals.push_back(name(key));
    for (const crypto::PublicKey& key : could) {
      if (!view.approvals.contains(key) && !view.rejections.contains(key))
        outcome.missing.push_back(name(key));
    }
  }
  return outcome;
}

Result<VoteOutcome> approve_requests(const node::StateFolder& folder, const crypto::Identity& organisation,
                                     const std::vector<std::string>& ids) {
  VoteOutcome outcome;
  const auto done =
      decide(folder, organisation, [&](node::Governance& g, const crypto::Identity& key) -> Result<void> {
        std::vector<crypto::Hash256> known;
        for (const auto& request : g.keeper().requests()) known.push_back(request.id);
        const auto chosen = named(known, ids, "request");
        if (!chosen) return chosen.error();
        const auto proposed = g.keeper().approve_requests(*chosen, key, unix_now(), g.effects());
        if (!proposed) return proposed.error();
        outcome = vote_outcome(g.keeper(), *proposed);
        return {};
      });
  if (!done) return done.error();
  return outcome;
}

Result<std::vector<VoteOutcome>> approve_proposals(const node::StateFolder& folder,
                                                   const crypto::Identity& organisation,
                                                   const std::vector<std::string>& ids) {
  std::vector<VoteOutcome> outcomes;
  const auto done =
      decide(folder, organisation, [&](node::Governance& g, const crypto::Identity& key) -> Result<void> {
        std::vector<crypto::Hash256> known;
        for (const auto& proposal : g.keeper().proposals()) {
          const bool voted =
              proposal.approvals.contains(key.public_key()) || proposal.rejections.contains(key.public_key());
          if (!ids.empty() || !voted) known.push_back(proposal.hash);
        }
        if (ids.empty() && known.size() > 1) {
          return Error{ErrorKind::usage, "more than one proposal is open, and each excludes the others",
                       "name one: `hansa roster show` lists them"};
        }
        const auto chosen = named(known, ids, "proposal");
        if (!chosen) return chosen.error();
        outcomes.clear();
        for (const crypto::Hash256& proposal : *chosen) {
          const auto voted = g.keeper().approve(proposal, key, unix_now(), g.effects());
          if (!voted) return voted.error();
          outcomes.push_back(vote_outcome(g.keeper(), proposal));
        }
        return {};
      });
  if (!done) return done.error();
  return outcomes;
}

}  // namespace hansa::cli
