// All versions live in one map by hash; the own branch is a vector of pointers into it, so that switching
// branches moves no roster.
#include "protocols/roster/chain.hpp"

#include <hansa/assert.hpp>

#include <algorithm>

namespace hansa::protocols::roster {

Result<Added> RosterChain::add(SignedRoster next) {
  if (all_.contains(next.hash)) return Added::known;
  if (next.roster.version == 1) {
    const Hash256 wanted = empty() ? expected_.value_or(next.hash) : consortium();
    if (next.hash != wanted) {
      return Error{.kind = ErrorKind::bad_data, .message = "roster version 1: belongs to another consortium"};
    }
    if (auto checked = check_genesis(next); !checked) return checked.error();
    auto kept = std::make_unique<const SignedRoster>(std::move(next));
    main_.push_back(kept.get());
    all_.emplace(kept->hash, std::move(kept));
    return Added::extended;
  }
  const SignedRoster* previous = find(next.roster.previous);
  if (previous == nullptr) return Added::orphan;
  std::optional<Branches> branches;
  if (!next.roster.settles.empty()) {
    branches = branches_of(next);
    if (!branches) return Added::orphan;
  }
  if (auto checked = check_successor(*previous, next, branches ? &*branches : nullptr); !checked) {
    return checked.error();
  }
  const bool extends = previous == main_.back();
  if (!extends && all_.size() - main_.size() >= kSideVersionsMax) {
    return Error{.kind = ErrorKind::failed,
                 .message = "the roster has too many branches to keep another version"};
  }
  auto kept = std::make_unique<const SignedRoster>(std::move(next));
  const SignedRoster* added = kept.get();
  all_.emplace(added->hash, std::move(kept));
  if (extends) {
    main_.push_back(added);
    return Added::extended;
  }
  if (branches) {
    // Follow a settlement that gives up our branch, unless ours has settled the same fork the other way.
    const bool ours = std::any_of(branches->siblings.begin() + 1, branches->siblings.end(),
                                  [&](const SignedRoster* given_up) { return on_main(*given_up); });
    if (ours && !settled(*branches->siblings.front())) {
      switch_to(added);
      return Added::switched;
    }
  }
  return Added::branched;
}

const SignedRoster& RosterChain::head() const {
  HANSA_ASSERT(!main_.empty());
  return *main_.back();
}

Hash256 RosterChain::consortium() const { return main_.empty() ? Hash256{} : main_.front()->hash; }

const SignedRoster* RosterChain::at(std::uint32_t version) const noexcept {
  return version >= 1 && version <= main_.size() ? main_[version - 1] : nullptr;
}

const SignedRoster* RosterChain::find(const Hash256& hash) const noexcept {
  const auto found = all_.find(hash);
  return found == all_.end() ? nullptr : found->second.get();
}

const SignedRoster* RosterChain::ancestor(const SignedRoster* from, std::uint32_t version) const noexcept {
  while (from != nullptr && from->roster.version > version) {
    if (on_main(*from)) return at(version);
    from = find(from->roster.previous);
  }
  return from;
}

bool RosterChain::on_main(const SignedRoster& roster) const noexcept {
  return at(roster.roster.version) == &roster;
}

std::optional<Branches> RosterChain::branches_of(const SignedRoster& next) const {
  const SignedRoster* first = next.roster.settles.empty() ? nullptr : find(next.roster.settles.front());
  if (first == nullptr || first->roster.version < 2) return std::nullopt;
  const SignedRoster* previous = find(next.roster.previous);
  const SignedRoster* chosen = ancestor(previous, first->roster.version);
  if (chosen == nullptr || chosen->roster.version != first->roster.version) return std::nullopt;
  Branches out;
  out.common = find(first->roster.previous);
  out.siblings.push_back(chosen);
  for (const Hash256& hash : next.roster.settles) {
    const SignedRoster* given_up = find(hash);
    if (given_up == nullptr || given_up == chosen) return std::nullopt;
    out.siblings.push_back(given_up);
  }
  for (const SignedRoster* sibling : out.siblings) {
    if (sibling->roster.previous != out.common->hash) return std::nullopt;
  }
  return out;
}

bool RosterChain::settled(const SignedRoster& side) const {
  const auto names = [](const SignedRoster& roster, const Hash256& hash) {
    return std::binary_search(roster.roster.settles.begin(), roster.roster.settles.end(), hash);
  };
  const bool given_up = std::any_of(main_.begin() + side.roster.version, main_.end(),
                                    [&](const SignedRoster* later) { return names(*later, side.hash); });
  if (!given_up) return false;
  // Unless the other branch was settled upon as well: then two settlements contradict each other.
  const SignedRoster* own = at(side.roster.version);
  return std::none_of(all_.begin(), all_.end(), [&](const auto& entry) {
    const SignedRoster& other = *entry.second;
    return !on_main(other) && names(other, own->hash) && ancestor(&other, side.roster.version) == &side;
  });
}

void RosterChain::switch_to(const SignedRoster* head) {
  std::vector<const SignedRoster*> path;
  for (const SignedRoster* at_path = head; !on_main(*at_path); at_path = find(at_path->roster.previous)) {
    path.push_back(at_path);
  }
  main_.resize(path.back()->roster.version - 1);
  main_.insert(main_.end(), path.rbegin(), path.rend());
}

std::vector<const SignedRoster*> RosterChain::evidence() const {
  std::vector<const SignedRoster*> out;
  for (const auto& [hash, roster] : all_) {
    if (on_main(*roster)) continue;
    const SignedRoster* previous = find(roster->roster.previous);
    if (previous != nullptr && on_main(*previous)) out.push_back(roster.get());
  }
  std::stable_sort(out.begin(), out.end(), [](const SignedRoster* a, const SignedRoster* b) {
    return a->roster.version < b->roster.version;
  });
  return out;
}

std::optional<Fork> RosterChain::fork() const {
  std::optional<Fork> out;
  if (all_.size() == main_.size()) return out;
  for (const SignedRoster* side : evidence()) {
    if (out ? side->roster.version != out->version : settled(*side)) continue;
    if (!out) {
      const std::uint32_t version = side->roster.version;
      out = Fork{.version = version, .common = at(version - 1), .branches = {at(version)}};
    }
    if (!settled(*side)) out->branches.push_back(side);
  }
  return out;
}

std::vector<const SignedRoster*> RosterChain::current() const {
  if (empty()) return {};
  std::vector<const SignedRoster*> out{&head()};
  if (const auto open = fork()) {
    out.push_back(open->common);
    for (const auto& [hash, roster] : all_) {
      if (!on_main(*roster) && roster->roster.version >= open->version) out.push_back(roster.get());
    }
  }
  return out;
}

}  // namespace hansa::protocols::roster
