// Founding by hand, as docs/operations.md does it with the command: every step that a person takes is one
// here.
#include "tests/node/consortium.hpp"

#include "protocols/roster/layout.hpp"
#include "protocols/roster/ticket.hpp"
#include "src/crypto/random.hpp"
#include "src/store/key_files.hpp"
#include "tests/eventually.hpp"

#include <gtest/gtest.h>

#include <mutex>

namespace hansa::node::testing {

namespace roster = protocols::roster;

bool eventually(const std::function<bool()>& condition, std::chrono::seconds patience) {
  return test::eventually(condition, patience, std::chrono::milliseconds(10));
}

Consortium::Consortium(const std::filesystem::path& base, std::size_t members) : base_(base) {
  for (std::size_t i = 0; i < members; ++i) {
    auto member = std::make_unique<Member>();
    member->name = "org " + std::to_string(i);
    member->folder.root = base / ("node-" + std::to_string(i));
    const crypto::StretchCost cheap{.passes = 1, .memory_kib = 64};
    const auto made = make_state_folder(member->folder, crypto::SecretText("pass"), cheap);
    EXPECT_TRUE(made.ok()) << made.error().message;
    member->keys = load_node_keys(member->folder).value();
    member->organisation = std::make_unique<crypto::Identity>(
        store::load_organisation_key(member->folder.organisation_key(), crypto::SecretText("pass")).value());
    members_.push_back(std::move(member));
    start(i);
  }
}

Consortium::~Consortium() {
  for (auto& member : members_) {
    if (::testing::Test::HasFailure()) {
      for (const std::string& line : member->log())
        std::printf("%s | %s\n", member->name.c_str(), line.c_str());
    }
    member->core.reset();
  }
}

void Consortium::start(std::size_t i) {
  Member& member = *members_[i];
  CoreOptions options;
  options.folder = member.folder;
  options.membership = membership;
  options.key_notice = std::chrono::milliseconds(300);
  options.unix_time = [this] { return unix_now() + clock_ahead_s; };
  if (member.core == nullptr && !member.control_endpoint.empty()) {  // again where it was
    options.control_endpoint = member.control_endpoint;
    options.bulk_endpoint = member.bulk_endpoint;
  }
  options.log = [&member](const std::string& level, const std::string& text) {
    const std::lock_guard lock(member.log_mutex);
    member.log_lines.push_back(level + " " + text);
  };
  std::vector<std::string> endpoints;
  auto core = Core::open(std::move(options));
  ASSERT_TRUE(core.ok()) << core.error().message;
  member.core = std::move(core).value();
  if (member.control_endpoint.empty()) {
    const auto view = member.core->view();
    member.control_endpoint = view->control_endpoint;
    member.bulk_endpoint = view->bulk_endpoint;
  }
}

void Consortium::stop(std::size_t i) { members_[i]->core.reset(); }

void Consortium::crash(std::size_t i) {
  members_[i]->core->crash();
  members_[i]->core.reset();
}

void Consortium::decide(std::size_t i,
                        const std::function<void(roster::RosterKeeper&, roster::KeeperEffects&)>& decision) {
  Member& member = *members_[i];
  // News from others may arrive between the question and the answer; an operator's tool tries again as well.
  Result<void> changed;
  for (int attempt = 0; attempt < 20; ++attempt) {
    const auto state = member.core->keeper_state();
    ASSERT_TRUE(state.ok()) << state.error().message;
    auto governance = Governance::open(*member.keys, *state, unix_now());
    ASSERT_TRUE(governance.ok()) << governance.error().message;
    decision(governance->keeper(), governance->effects());
    changed = member.core->change_keeper(governance->change());
    if (changed.ok() || changed.error().hint != "try the command again") break;
  }
  ASSERT_TRUE(changed.ok()) << changed.error().message;
}

void Consortium::found() {
  const auto certificate = [&](Member& member) {
    const auto view = member.core->view();
    return make_certificate(*member.keys, *member.organisation, view->control_endpoint.substr(6),
                            view->bulk_endpoint.substr(6), 1, unix_now());
  };
  Member& first = *members_[0];
  decide(0, [&](roster::RosterKeeper& keeper, roster::KeeperEffects& out) {
    roster::FoundingDraft draft;
    draft.name = "test";
    draft.founder.key = first.organisation->public_key();
    draft.founder.name = first.name;
    draft.certificates = {certificate(first)};
    draft.created_at = unix_now();
    const auto done = keeper.found(draft, unix_now(), out);
    EXPECT_TRUE(done.ok()) << done.error().message;
  });
  const auto lobby = first.core->open_lobby(600);
  ASSERT_TRUE(lobby.ok()) << lobby.error().message;
  for (std::size_t i = 1; i < members_.size(); ++i) {
    Member& joiner = *members_[i];
    roster::Ticket ticket;
    decide(0, [&](roster::RosterKeeper& keeper, roster::KeeperEffects&) {
      std::array<std::byte, 16> token;
      crypto::random_bytes(token);
      auto made = keeper.invite(
          *first.organisation, token,
          {{first.keys->node->public_key(), first.keys->curve.key.public_key(), *lobby}}, 3600, unix_now());
      ASSERT_TRUE(made.ok()) << made.error().message;
      ticket = *made;
    });
    decide(i, [&](roster::RosterKeeper& keeper, roster::KeeperEffects& out) {
      roster::JoinRequest request;
      request.ticket = ticket;
      request.organisation = joiner.organisation->public_key();
      request.name = joiner.name;
      request.certificates = {certificate(joiner)};
      request.created_at = unix_now();
      roster::sign(request, *joiner.organisation);
      const auto done = keeper.join(request, unix_now(), out);
      EXPECT_TRUE(done.ok()) << done.error().message;
    });
  }
  ASSERT_TRUE(eventually([&] { return first.core->view()->requests.size() == members_.size() - 1; }));
  decide(0, [&](roster::RosterKeeper& keeper, roster::KeeperEffects& out) {
    std::vector<crypto::Hash256> ids;
    for (const auto& request : keeper.requests()) ids.push_back(request.id);
    const auto done = keeper.approve_requests(ids, *first.organisation, unix_now(), out);
    EXPECT_TRUE(done.ok()) << done.error().message;
  });
  for (std::size_t i = 1; i < members_.size(); ++i) {
    Member& joiner = *members_[i];
    ASSERT_TRUE(eventually([&] { return !joiner.core->view()->roster.proposals.empty(); }));
    decide(i, [&](roster::RosterKeeper& keeper, roster::KeeperEffects& out) {
      const auto done =
          keeper.approve(keeper.proposals().front().hash, *joiner.organisation, unix_now(), out);
      EXPECT_TRUE(done.ok()) << done.error().message;
    });
  }
  for (auto& member : members_) {
    EXPECT_TRUE(eventually([&] { return member->core->view()->roster.version == 1; })) << member->name;
  }
}

}  // namespace hansa::node::testing
