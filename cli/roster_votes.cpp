// `hansa roster propose`, `approve`, `reject`, `suspend` and `leave`: what organisations decide. Signed with
// the organisation's key, which the node does not have.
#include "cli/mesh.hpp"

#include "src/node/roster_change.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <memory>
#include <thread>

namespace hansa::cli {
namespace {

using nlohmann::ordered_json;

struct VoteOptions {
  MeshOptions mesh;
  node::RosterChange change;
  std::string settle, organisation, reason;
  std::vector<std::string> ids;
  bool renew = false, yes = false, accept_double_signing = false;
  double wait_seconds = 0;
};

/// Looks again until the roster has this version, or the time is up.
Result<bool> wait_in_force(const MeshOptions& mesh, std::uint32_t version, double seconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  for (;;) {
    const auto roster = ask_node(mesh, "/api/v1/roster");
    if (!roster) return roster.error();
    if (roster->value("version", 0u) >= version) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

/// Exit 0: signed (and, where --wait-seconds is given, in force); 6 if that did not come in time.
int report_votes(const VoteOptions& options, std::vector<VoteOutcome> outcomes, bool json) {
  bool waiting = false;
  ordered_json list = ordered_json::array();
  std::string text;
  for (VoteOutcome& each : outcomes) {
    if (!each.in_force && options.wait_seconds > 0) {
      const auto there = wait_in_force(options.mesh, each.version, options.wait_seconds);
      if (!there) return fail(there.error(), json);
      each.in_force = *there;
      waiting = waiting || !*there;
    }
    list.push_back({{"proposal", each.id},
                    {"version", each.version},
                    {"in_force", each.in_force},
                    {"needed", each.needed},
                    {"approvals", each.approvals},
                    {"missing", each.missing},
                    {"changes", each.changes}});
    if (!text.empty()) text += "\n";
    if (each.in_force) {
      text += fmt::format("Roster version {} is in force.", each.version);
    } else {
      text += fmt::format("Proposal {} for version {}: approved by {} of {} needed ({}). Not yet: {}.",
                          each.id, each.version, each.approvals.size(), each.needed,
                          join(each.approvals, ", "), join(each.missing, ", "));
    }
  }
  print_done(json, {{"schema", "hansa.votes.v1"}, {"proposals", list}}, text);
  return waiting ? kExitWaiting : kExitOk;
}

int propose(const VoteOptions& options, bool json) {
  const node::RosterChange& c = options.change;
  const bool something = options.renew || !c.name.empty() || !c.policy.empty() || !c.removal.empty() ||
                         !c.remove.empty() || !c.pause.empty() || !c.resume.empty() || !c.max_nodes.empty() ||
                         !c.weight_cap.empty() || !options.settle.empty();
  if (!something) {
    return fail({ErrorKind::usage, "what is to change?",
                 "e.g. --renew, --remove ORG, --policy unanimous; `hansa roster propose --help`"},
                json);
  }
  const auto key = organisation_key(options.mesh);
  if (!key) return fail(key.error(), json);
  VoteOutcome outcome;
  const auto done = decide(
      options.mesh.folder(), *key, [&](node::Governance& g, const crypto::Identity& signer) -> Result<void> {
        const auto& chain = g.keeper().chain();
        if (chain.empty()) return Error{ErrorKind::missing, "there is no roster yet", "`hansa roster found`"};
        crypto::Hash256 branch = chain.head().hash;
        if (!options.settle.empty()) {
          const auto fork = chain.fork();
          if (!fork) return Error{ErrorKind::usage, "the roster is not forked", "`hansa roster show`"};
          std::vector<crypto::Hash256> branches;
          for (const auto* each : fork->branches) branches.push_back(each->hash);
          const auto chosen = the_one(branches, options.settle, "branch");
          if (!chosen) return chosen.error();
          branch = *chosen;
        }
        const auto draft = g.keeper().draft_on(branch, unix_now());
        if (!draft) return draft.error();
        auto next = node::apply(c, *draft);
        if (!next) return next.error();
        const auto proposed = g.keeper().propose(std::move(*next), signer, unix_now(), g.effects());
        if (!proposed) return proposed.error();
        outcome = vote_outcome(g.keeper(), *proposed);
        return {};
      });
  if (!done) return fail(done.error(), json);
  return report_votes(options, {outcome}, json);
}

/// Requests and proposals alike: what is asked for is approved.
int approve(const VoteOptions& options, bool json) {
  const auto key = organisation_key(options.mesh);
  if (!key) return fail(key.error(), json);
  const node::StateFolder folder = options.mesh.folder();
  if (options.accept_double_signing) {
    if (options.ids.size() != 1) {
      return fail(
          {ErrorKind::usage, "--accept-double-signing approves one proposal, which must be named", ""}, json);
    }
    if (const auto sure =
            confirmed(options.yes, "This can fork the consortium. Have you talked to all others?");
        !sure)
      return fail(sure.error(), json);
    VoteOutcome outcome;
    const auto done =
        decide(folder, *key, [&](node::Governance& g, const crypto::Identity& signer) -> Result<void> {
          std::vector<crypto::Hash256> known;
          for (const auto& each : g.keeper().proposals()) known.push_back(each.hash);
          const auto one = the_one(known, options.ids.front(), "proposal");
          if (!one) return one.error();
          const auto voted = g.keeper().approve(*one, signer, unix_now(), g.effects(), true);
          if (voted) outcome = vote_outcome(g.keeper(), *one);
          return voted;
        });
    return done ? report_votes(options, {outcome}, json) : fail(done.error(), json);
  }
  const auto as_requests = approve_requests(folder, *key, options.ids);
  if (as_requests) return report_votes(options, {*as_requests}, json);
  if (as_requests.error().kind != ErrorKind::missing) return fail(as_requests.error(), json);
  const auto as_proposals = approve_proposals(folder, *key, options.ids);
  if (!as_proposals) return fail(as_proposals.error(), json);
  return report_votes(options, *as_proposals, json);
}

int reject(const VoteOptions& options, bool json) {
  const auto key = organisation_key(options.mesh);
  if (!key) return fail(key.error(), json);
  std::string what;
  const auto done = decide(
      options.mesh.folder(), *key, [&](node::Governance& g, const crypto::Identity& signer) -> Result<void> {
        for (const std::string& id : options.ids) {
          std::vector<crypto::Hash256> requests, proposals;
          for (const auto& each : g.keeper().requests()) requests.push_back(each.id);
          for (const auto& each : g.keeper().proposals()) proposals.push_back(each.hash);
          const auto request = the_one(requests, id, "request");
          const auto proposal = the_one(proposals, id, "request or proposal");
          if (!request && !proposal) return proposal.error();
          const auto rejected = request ? g.keeper().reject_request(*request, signer, unix_now(), g.effects())
                                        : g.keeper().reject(*proposal, signer, unix_now(), g.effects());
          if (!rejected) return rejected;
        }
        return {};
      });
  if (!done) return fail(done.error(), json);
  return print_done(json, {{"schema", "hansa.done.v1"}, {"done", true}},
                    "Rejected: a signed promise never to approve it.");
}

int suspend(const VoteOptions& options, bool json) {
  const auto key = organisation_key(options.mesh);
  if (!key) return fail(key.error(), json);
  std::string name;
  std::int64_t until = 0;
  const auto done = decide(
      options.mesh.folder(), *key, [&](node::Governance& g, const crypto::Identity& signer) -> Result<void> {
        const auto& chain = g.keeper().chain();
        if (chain.empty()) return Error{ErrorKind::missing, "there is no roster yet", ""};
        const auto subject = node::find_organisation(chain.head().roster, options.organisation);
        if (!subject) return subject.error();
        name = chain.head().roster.find(*subject)->name;
        const auto demanded = g.keeper().suspend(*subject, options.reason, signer, unix_now(), g.effects());
        for (const auto& active : g.keeper().suspensions(unix_now())) {
          if (active.subject == *subject) until = active.until;
        }
        return demanded;
      });
  if (!done) return fail(done.error(), json);
  const std::string text =
      until > 0 ? fmt::format("{} is suspended until {}.", name, time_text(until))
                : fmt::format("Demanded. {} is out as soon as a second organisation demands it, too.", name);
  return print_done(
      json, {{"schema", "hansa.suspension.v1"}, {"subject", name}, {"in_force", until > 0}, {"until", until}},
      text);
}

int leave(const VoteOptions& options, bool json) {
  if (const auto sure = confirmed(options.yes, "The organisation leaves at once, with all its nodes."); !sure)
    return fail(sure.error(), json);
  const auto key = organisation_key(options.mesh);
  if (!key) return fail(key.error(), json);
  const auto done =
      decide(options.mesh.folder(), *key, [](node::Governance& g, const crypto::Identity& signer) {
        return g.keeper().leave(signer, unix_now(), g.effects());
      });
  if (!done) return fail(done.error(), json);
  return print_done(json, {{"schema", "hansa.done.v1"}, {"done", true}},
                    "Left. The others see it at once; they take the organisation off the roster by a vote.");
}

void add_propose_options(CLI::App& verb, Cli& cli, VoteOptions& options) {
  node::RosterChange& c = options.change;
  verb.add_flag("--renew", options.renew, "Change nothing but the expiry, 90 days from now");
  verb.add_option("--remove", c.remove, "An organisation that is to go; it has no vote on that");
  verb.add_flag("--revoke", c.revoke, "With --remove: its key can never come back");
  verb.add_option("--pause", c.pause, "An organisation that votes, but takes no part in runs");
  verb.add_option("--resume", c.resume, "An organisation that takes part again");
  cli.values[verb.add_option("--policy", c.policy,
                             "How many must sign: majority, supermajority, unanimous")] = {
      "majority", "supermajority", "unanimous"};
  cli.values[verb.add_option("--removal", c.removal,
                             "Who must sign a removal: policy (as many of the others) or all-others")] = {
      "policy", "all-others"};
  verb.add_option("--max-nodes", c.max_nodes, "ORG=N: nodes that it may have, 1 to 64");
  verb.add_option("--weight-cap", c.weight_cap, "ORG=SHARE: its largest share of a mean, up to 1");
  verb.add_option("--rename", c.name, "A new name of the consortium");
  verb.add_option("--settle", options.settle,
                  "While the roster is forked: the branch that goes on (its hash)");
}

}  // namespace

void add_roster_votes(Cli& cli, CLI::App& group) {
  const auto options = std::make_shared<VoteOptions>();
  const auto add = [&](const std::string& name, const std::string& what, const std::string& example,
                       int (*action)(const VoteOptions&, bool)) {
    return add_mesh_verb(cli, group, name, what, example, options, action, Opens::organisation_key);
  };
  const auto add_wait = [&](CLI::App& verb) {
    verb.add_option("--wait-seconds", options->wait_seconds,
                    "Wait until the version is in force; exit 6 if that takes longer");
  };
  CLI::App* verb = add("propose", "Propose the next version of the roster, and approve it",
                       "Examples:\n  hansa roster propose --renew\n"
                       "  hansa roster propose --remove \"Carib Air\" --revoke\n"
                       "  hansa roster propose --policy unanimous --max-nodes \"Bravo Jet=2\"",
                       propose);
  add_propose_options(*verb, cli, *options);
  add_wait(*verb);
  verb = add("approve",
             "Approve requests to join, or a proposal; without IDs all requests, or the one open proposal",
             "Examples:\n  hansa roster approve\n  hansa roster approve 3f2a --wait-seconds 60", approve);
  verb->add_option("ids", options->ids, "IDs of requests or proposals, or their beginnings");
  verb->add_flag("--accept-double-signing", options->accept_double_signing,
                 "Approve a second proposal for the same version; it can fork the consortium");
  verb->add_flag("--yes", options->yes, "Ask nothing");
  add_wait(*verb);
  verb = add("reject", "Reject requests or proposals: a signed promise never to approve them",
             "Example:\n  hansa roster reject 3f2a", reject);
  verb->add_option("ids", options->ids, "IDs of requests or proposals, or their beginnings")->required();
  verb = add("suspend", "Demand that an organisation be kept out for 72 hours; two demands put it in force",
             "Example:\n  hansa roster suspend \"Carib Air\" --reason \"key stolen\"", suspend);
  verb->add_option("organisation", options->organisation, "Its name or ID, or the beginning of one")
      ->required();
  verb->add_option("--reason", options->reason, "Seen by all")->required();
  verb = add("leave", "Leave the consortium with all nodes, at once", "Example:\n  hansa roster leave --yes",
             leave);
  verb->add_flag("--yes", options->yes, "Ask nothing");
}

}  // namespace hansa::cli
