// Names become keys here, and nothing else is decided: whether a change may be proposed is for the rules of
// protocols/roster.
#include "src/node/roster_change.hpp"

#include "protocols/roster/identity.hpp"
#include "protocols/roster/layout.hpp"
#include "src/node/keeper_rows.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace hansa::node {

namespace roster = protocols::roster;

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

Error refuse(std::string message, std::string hint = {}) {
  return {ErrorKind::usage, std::move(message), std::move(hint)};
}

roster::Organisation* entry_of(roster::Roster& next, const roster::PublicKey& key) {
  const auto found = std::find_if(next.organisations.begin(), next.organisations.end(),
                                  [&](const roster::Organisation& each) { return each.key == key; });
  return found == next.organisations.end() ? nullptr : &*found;
}

/// "Bravo Jet=2" -> its entry and "2".
Result<std::pair<roster::Organisation*, std::string>> assignment(roster::Roster& next,
                                                                 std::string_view text) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals + 1 == text.size()) {
    return refuse("expected ORGANISATION=NUMBER, found \"" + std::string(text) + "\"");
  }
  const auto key = find_organisation(next, text.substr(0, equals));
  if (!key) return key.error();
  return std::pair(entry_of(next, *key), std::string(text.substr(equals + 1)));
}

Result<void> set_limits(const RosterChange& change, roster::Roster& next) {
  for (const std::string& text : change.max_nodes) {
    const auto wanted = assignment(next, text);
    if (!wanted) return wanted.error();
    unsigned number = 0;
    const std::string& digits = wanted->second;
    const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (bad != std::errc() || end != digits.data() + digits.size() || number < 1 ||
        number > roster::kNodesPerOrganisationMax) {
      return refuse("an organisation may have 1 to 64 nodes, not \"" + digits + "\"");
    }
    wanted->first->max_nodes = static_cast<std::uint16_t>(number);
  }
  for (const std::string& text : change.weight_cap) {
    const auto wanted = assignment(next, text);
    if (!wanted) return wanted.error();
    char* end = nullptr;
    const double share = std::strtod(wanted->second.c_str(), &end);
    if (*end != '\0' || !(share > 0) || share > 1) {
      return refuse("a weight cap is a share above 0 and at most 1, not \"" + wanted->second + "\"");
    }
    wanted->first->weight_cap = static_cast<std::uint32_t>(std::llround(share * roster::kWeightCapWhole));
  }
  return {};
}

Result<void> set_status(const std::vector<std::string>& names, roster::OrganisationStatus status,
                        roster::Roster& next) {
  for (const std::string& name : names) {
    const auto key = find_organisation(next, name);
    if (!key) return key.error();
    entry_of(next, *key)->status = status;
  }
  return {};
}

}  // namespace

Result<roster::PublicKey> find_organisation(const roster::Roster& members, std::string_view text) {
  const std::string wanted = lower(text);
  std::vector<const roster::Organisation*> begins;
  std::string names;
  for (const roster::Organisation& each : members.organisations) {
    const std::string name = lower(each.name), id = lower(roster::to_text(roster::id_of(each.key)));
    if (name == wanted || id == wanted) return each.key;
    if (!wanted.empty() && (name.starts_with(wanted) || id.starts_with(wanted))) begins.push_back(&each);
    names += (names.empty() ? "" : ", ") + each.name;
  }
  if (begins.size() == 1) return begins.front()->key;
  if (begins.empty()) return refuse("there is no organisation \"" + std::string(text) + "\"", names);
  return refuse("\"" + std::string(text) + "\" can mean more than one organisation", names);
}

Result<roster::Roster> apply(const RosterChange& change, roster::Roster next) {
  if (!change.name.empty()) next.name = change.name;
  if (change.policy == "majority") {
    next.policy = roster::Policy::majority;
  } else if (change.policy == "supermajority") {
    next.policy = roster::Policy::supermajority;
  } else if (change.policy == "unanimous") {
    next.policy = roster::Policy::unanimous;
  } else if (!change.policy.empty()) {
    return refuse("there is no policy \"" + change.policy + "\"", "majority, supermajority or unanimous");
  }
  if (change.removal == "policy") {
    next.removal = roster::RemovalPolicy::policy;
  } else if (change.removal == "all-others") {
    next.removal = roster::RemovalPolicy::all_others;
  } else if (!change.removal.empty()) {
    return refuse("there is no rule \"" + change.removal + "\" for removals", "policy or all-others");
  }
  if (change.revoke && change.remove.empty()) {
    return refuse("only the key of an organisation that is removed can be revoked", "add --remove ORG");
  }
  if (const auto set = set_status(change.pause, roster::OrganisationStatus::paused, next); !set)
    return set.error();
  if (const auto set = set_status(change.resume, roster::OrganisationStatus::active, next); !set)
    return set.error();
  if (const auto set = set_limits(change, next); !set) return set.error();
  if (!change.remove.empty()) {
    const auto key = find_organisation(next, change.remove);
    if (!key) return key.error();
    std::erase_if(next.organisations, [&](const roster::Organisation& each) { return each.key == *key; });
    if (change.revoke) {
      next.revoked.insert(std::lower_bound(next.revoked.begin(), next.revoked.end(), *key), *key);
    }
  }
  return next;
}

RosterCheck check_roster(const http::NodeApi::KeeperState& state) {
  RosterCheck check;
  std::vector<roster::SignedRoster> versions;
  const auto rows = rows_of(state.records);
  const auto records = rows ? records_of(*rows) : Result<std::vector<roster::Record>>(rows.error());
  if (!records) {
    check.problem = records.error().message;
    return check;
  }
  for (const roster::Record& record : *records) {
    if (record.kind != roster::RecordKind::version) continue;
    auto decoded = roster::decode_signed_roster(record.value);
    if (!decoded) {
      check.problem = decoded.error().message;
      return check;
    }
    versions.push_back(std::move(decoded).value());
  }
  std::sort(versions.begin(), versions.end(), [](const auto& a, const auto& b) {
    return std::pair(a.roster.version, a.hash) < std::pair(b.roster.version, b.hash);
  });
  roster::RosterChain chain;
  roster::Roster before;
  for (roster::SignedRoster& next : versions) {
    const roster::SignedRoster shown = next;
    const auto added = chain.add(std::move(next));
    if (!added || *added == roster::Added::orphan) {
      check.problem = added ? "roster version " + std::to_string(shown.roster.version) +
                                  " follows a version that is not here"
                            : added.error().message;
      return check;
    }
    CheckedVersion version{shown.roster.version, shown.hash, {}, 0, {}};
    for (const roster::RosterSignature& signature : shown.signatures) {
      const roster::Organisation* signer = shown.roster.find(signature.organisation);
      if (signer == nullptr) signer = before.find(signature.organisation);
      version.signers.push_back(
          signer != nullptr ? signer->name : roster::short_text(roster::id_of(signature.organisation)));
    }
    const std::size_t n = shown.roster.organisations.size();
    version.needed = shown.roster.version == 1 ? n : roster::votes_needed(shown.roster.policy, n);
    version.changes = shown.roster.version == 1 ? std::vector{"founds " + shown.roster.name}
                                                : roster::changes(before, shown.roster);
    before = shown.roster;
    check.versions.push_back(std::move(version));
  }
  if (!chain.empty()) check.consortium = roster::to_text({chain.consortium()});
  check.forked = chain.fork().has_value();
  return check;
}

}  // namespace hansa::node
