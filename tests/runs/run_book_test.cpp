// Run books of several nodes over a bad network: whatever is lost, repeated or reordered, all come to know
// the same, and nobody trains in a run that it did not approve.
#include "protocols/runs/run_book.hpp"

#include <hansa/rng.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>

namespace hansa::protocols::runs {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;

crypto::Identity identity(std::uint64_t number) {
  return crypto::Identity::from_seed(crypto::Hasher("test/node").update_u64(number).finish().bytes);
}

/// Some nodes, what they have on disk, and the messages between them.
class Mesh {
 public:
  explicit Mesh(std::size_t nodes, std::uint64_t seed = 1) : rng_(seed, Purpose::initial_model) {
    for (std::size_t i = 0; i < nodes; ++i) {
      keys_.push_back(std::make_unique<crypto::Identity>(identity(i)));
      members_.push_back({keys_[i]->public_key(), "org " + std::to_string(i)});
    }
    disk_.resize(nodes);
    for (std::size_t i = 0; i < nodes; ++i) boot(i);
  }

  void boot(std::size_t i, Recovery recovery = {}) {
    if (books_.size() <= i) books_.resize(i + 1);
    books_[i] = std::make_unique<RunBook>(*keys_[i]);
    books_[i]->set_members(members_);
    RunEffects out;
    books_[i]->restore(disk_[i], now, out, std::move(recovery));
    perform(i, std::move(out));
  }

  [[nodiscard]] RunManifest manifest(std::uint32_t quorum) const {
    RunManifest m;
    m.approve_by_s = now + 600;
    m.quorum = quorum;
    m.name = "delays";
    m.config = "rounds = 3\n";
    for (const Member& member : members_) m.parties.push_back(member.node);
    return m;
  }

  template <class Command>
  auto command(std::size_t i, Command command) {
    RunEffects out;
    auto result = command(*books_[i], out);
    perform(i, std::move(out));
    return result;
  }
  void tick() {
    for (std::size_t i = 0; i < books_.size(); ++i) {
      RunEffects out;
      books_[i]->on_tick(now, out);
      perform(i, std::move(out));
    }
  }
  /// Every node compares itself with every other.
  void compare() {
    for (std::size_t i = 0; i < books_.size(); ++i) {
      for (std::size_t j = 0; j < books_.size(); ++j) {
        if (i == j) continue;
        RunEffects out;
        books_[i]->on_peer_up(key(j), out);
        perform(i, std::move(out));
      }
    }
  }
  /// Delivers until nothing is under way, with the faults set below.
  void deliver() {
    while (!wire_.empty()) {
      const std::size_t pick = reorder ? rng_.below(wire_.size()) : 0;
      const Packet packet = wire_[pick];
      if (rng_.uniform() >= duplicate) wire_.erase(wire_.begin() + static_cast<std::ptrdiff_t>(pick));
      if (rng_.uniform() < loss) continue;
      RunEffects out;
      books_[packet.to]->on_message(key(packet.from), packet.bytes, now, out);
      perform(packet.to, std::move(out));
    }
  }
  /// As a backup from before the last statements would: the node forgets all but the first `statements`.
  void forget(std::size_t i, std::size_t statements) {
    disk_[i].resize(std::min(disk_[i].size(), statements));
  }
  [[nodiscard]] const NodeKey& key(std::size_t i) const { return members_[i].node; }
  [[nodiscard]] const crypto::Identity& signer(std::size_t i) const { return *keys_[i]; }
  [[nodiscard]] RunBook& book(std::size_t i) { return *books_[i]; }
  [[nodiscard]] RunState state(std::size_t i, const RunId& run) const { return books_[i]->find(run)->state; }

  std::int64_t now = kNow;
  double loss = 0, duplicate = 0;
  bool reorder = false;
  std::vector<std::pair<std::size_t, PartyId>> begun;  ///< node, its party
  Round not_before = 0;                                ///< as the last one was told
  std::vector<std::size_t> ended;
  std::vector<Equivocation> caught;

 private:
  struct Packet {
    std::size_t from, to;
    Bytes bytes;
  };

  void perform(std::size_t i, RunEffects effects) {
    for (RunEffect& effect : effects) {
      if (auto* persist = std::get_if<PersistStatement>(&effect)) {
        disk_[i].push_back(persist->statement);
      } else if (auto* tell = std::get_if<Tell>(&effect)) {
        const auto to = std::find_if(members_.begin(), members_.end(),
                                     [&](const Member& m) { return m.node == tell->to; });
        wire_.push_back({i, static_cast<std::size_t>(to - members_.begin()), tell->message});
      } else if (auto* all = std::get_if<TellAll>(&effect)) {
        for (std::size_t j = 0; j < members_.size(); ++j) {
          if (j != i) wire_.push_back({i, j, all->message});
        }
      } else if (auto* begin = std::get_if<BeginTraining>(&effect)) {
        begun.emplace_back(i, begin->party);
        not_before = begin->not_before;
      } else if (std::holds_alternative<EndTraining>(effect)) {
        ended.push_back(i);
      } else if (auto* equivocation = std::get_if<Equivocation>(&effect)) {
        caught.push_back(*equivocation);
      }
    }
  }

  Rng rng_;
  std::vector<std::unique_ptr<crypto::Identity>> keys_;
  std::vector<Member> members_;
  std::vector<std::unique_ptr<RunBook>> books_;
  std::vector<std::vector<Bytes>> disk_;
  std::deque<Packet> wire_;
};

RunId propose(Mesh& mesh, std::uint32_t quorum) {
  const auto run = mesh.command(
      0, [&](RunBook& b, RunEffects& out) { return b.propose(mesh.manifest(quorum), mesh.now, out); });
  EXPECT_TRUE(run.ok());
  return *run;
}
void approve(Mesh& mesh, std::size_t node, const RunId& run) {
  const auto done =
      mesh.command(node, [&](RunBook& b, RunEffects& out) { return b.approve(run, mesh.now, out); });
  EXPECT_TRUE(done.ok()) << done.error().message;
}
void finish(Mesh& mesh, std::size_t node, const RunId& run, std::uint64_t model) {
  const auto done = mesh.command(node, [&](RunBook& b, RunEffects& out) {
    return b.finish(run, 3, crypto::Hasher("test/model").update_u64(model).finish(), mesh.now, out);
  });
  EXPECT_TRUE(done.ok()) << done.error().message;
}

TEST(RunBook, BeginsWhenEverybodyHasApprovedAndEndsWithOneModel) {
  Mesh mesh(3);
  const RunId run = propose(mesh, 3);
  mesh.deliver();
  approve(mesh, 0, run);
  approve(mesh, 1, run);
  mesh.deliver();
  EXPECT_TRUE(mesh.begun.empty()) << "the third has not been asked for its data yet";
  approve(mesh, 2, run);
  mesh.deliver();
  ASSERT_EQ(mesh.begun.size(), 3u);
  for (const auto& [node, party] : mesh.begun)
    EXPECT_EQ(mesh.book(0).find(run)->party_of(mesh.key(node)), party);
  for (std::size_t i = 0; i < 3; ++i) finish(mesh, i, run, 7);
  mesh.deliver();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(mesh.state(i, run), RunState::complete);
}

TEST(RunBook, TimeIsUpBeginsWithTheQuorumAndWithoutIt) {
  Mesh mesh(4);
  const RunId enough = propose(mesh, 3);
  mesh.deliver();
  for (const std::size_t i : {0u, 1u, 3u}) approve(mesh, i, enough);
  mesh.deliver();
  mesh.now += 601;
  mesh.tick();
  mesh.deliver();
  EXPECT_EQ(mesh.begun.size(), 3u);
  EXPECT_FALSE(mesh.book(2).find(enough)->party_of(mesh.key(2)));
  EXPECT_EQ(mesh.state(2, enough), RunState::running) << "it watches";

  const RunId lonely = propose(mesh, 4);
  mesh.deliver();
  approve(mesh, 1, lonely);
  mesh.deliver();
  mesh.now += 1000;
  mesh.tick();
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(mesh.state(i, lonely), RunState::expired);
}

TEST(RunBook, DifferentModelsAreSaid) {
  Mesh mesh(3);
  const RunId run = propose(mesh, 3);
  mesh.deliver();
  for (std::size_t i = 0; i < 3; ++i) approve(mesh, i, run);
  mesh.deliver();
  for (std::size_t i = 0; i < 3; ++i) finish(mesh, i, run, i == 2 ? 8 : 7);
  mesh.deliver();
  EXPECT_EQ(mesh.state(1, run), RunState::diverged);
}

TEST(RunBook, AnybodyCanStopForItself) {
  Mesh mesh(3);
  const RunId run = propose(mesh, 3);
  mesh.deliver();
  for (std::size_t i = 0; i < 3; ++i) approve(mesh, i, run);
  mesh.deliver();
  const auto stopped =
      mesh.command(1, [&](RunBook& b, RunEffects& out) { return b.stop(run, "audit", mesh.now, out); });
  ASSERT_TRUE(stopped.ok());
  mesh.deliver();
  EXPECT_EQ(mesh.state(0, run), RunState::stopped) << "three were wanted";
  EXPECT_EQ(mesh.ended.size(), 3u);
  EXPECT_EQ(mesh.book(2).find(run)->stopped.at(mesh.key(1)), "audit");
}

TEST(RunBook, ARestartKnowsWhatItSignedAndTrainsOn) {
  Mesh mesh(3);
  const RunId run = propose(mesh, 3);
  mesh.deliver();
  for (std::size_t i = 0; i < 3; ++i) approve(mesh, i, run);
  mesh.deliver();
  mesh.begun.clear();
  mesh.now += 50;
  for (std::size_t i = 0; i < 3; ++i) mesh.boot(i);
  EXPECT_EQ(mesh.begun.size(), 3u);
  approve(mesh, 1, run);  // says nothing new
  mesh.deliver();
  EXPECT_TRUE(mesh.caught.empty());
  finish(mesh, 1, run, 7);
  mesh.begun.clear();
  mesh.boot(1);
  EXPECT_TRUE(mesh.begun.empty()) << "it has finished";
}

TEST(RunBook, WhoLeavesTheRosterIsNotWaitedFor) {
  Mesh mesh(4);
  const RunId run = propose(mesh, 3);
  mesh.deliver();
  for (std::size_t i = 0; i < 4; ++i) approve(mesh, i, run);
  mesh.deliver();
  for (const std::size_t i : {0u, 1u, 2u}) finish(mesh, i, run, 7);
  mesh.deliver();
  EXPECT_EQ(mesh.state(0, run), RunState::running);
  std::vector<Member> rest;
  for (std::size_t i = 0; i < 3; ++i) rest.push_back({mesh.key(i), "org " + std::to_string(i)});
  mesh.book(0).set_members(rest);
  mesh.tick();
  EXPECT_EQ(mesh.state(0, run), RunState::complete);
  rest.push_back({mesh.key(3), "org 3"});
  mesh.book(0).set_members(rest);  // a suspension that is over
  mesh.tick();
  EXPECT_EQ(mesh.state(0, run), RunState::complete) << "for good";
}

TEST(RunBook, AModelCountsAsTheEndOnceTwoOthersHaveSignedForIt) {
  Mesh mesh(5);
  const RunId run = propose(mesh, 5);
  mesh.deliver();
  for (std::size_t i = 0; i < 5; ++i) approve(mesh, i, run);
  mesh.deliver();
  EXPECT_FALSE(mesh.book(0).agreed_end(run));
  finish(mesh, 1, run, 7);
  mesh.deliver();
  EXPECT_FALSE(mesh.book(0).agreed_end(run)) << "one party could name any model";
  finish(mesh, 2, run, 7);
  mesh.deliver();
  const auto end = mesh.book(0).agreed_end(run);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->model, crypto::Hasher("test/model").update_u64(7).finish());
  EXPECT_EQ(end->rounds, 3u);
  EXPECT_EQ(end->holders.size(), 2u);
  EXPECT_FALSE(mesh.book(1).agreed_end(run)) << "its own word does not count";
  finish(mesh, 3, run, 8);
  finish(mesh, 4, run, 8);
  mesh.deliver();
  EXPECT_FALSE(mesh.book(0).agreed_end(run)) << "two against two";
}

TEST(RunBook, ANodeThatForgotSignsNothingBeforeOthersHaveToldIt) {
  for (const bool forgets_the_run : {false, true}) {
    Mesh mesh(4);
    const RunId run = propose(mesh, 4);
    mesh.deliver();
    for (std::size_t i = 0; i < 4; ++i) approve(mesh, i, run);
    mesh.deliver();
    for (const std::size_t i : {1u, 2u, 3u}) mesh.book(i).saw(run, mesh.key(0), i == 2 ? 9 : 4);
    finish(mesh, 0, run, 7);
    mesh.deliver();
    mesh.forget(0, forgets_the_run ? 0 : 1);  // nothing, or the manifest alone
    mesh.begun.clear();
    mesh.now += 100;  // a second signature would be another statement
    mesh.boot(0, {.organisations = 2, .promised = {}});
    const auto refused = [&](const char* when) {
      if (forgets_the_run) return;
      const auto said =
          mesh.command(0, [&](RunBook& b, RunEffects& out) { return b.approve(run, mesh.now, out); });
      EXPECT_FALSE(said.ok()) << when;
    };
    refused("nobody was asked");
    EXPECT_TRUE(mesh.book(0).recovering());
    const auto meets = [&](std::size_t peer) {
      mesh.command(0, [&](RunBook& b, RunEffects& out) { return b.on_peer_up(mesh.key(peer), out), 0; });
      mesh.deliver();
    };
    meets(1);
    EXPECT_TRUE(mesh.book(0).recovering()) << "one alone could keep something back";
    meets(1);
    EXPECT_TRUE(mesh.book(0).recovering()) << "the same again";
    meets(2);
    EXPECT_FALSE(mesh.book(0).recovering());
    approve(mesh, 0, run);
    finish(mesh, 0, run, 8);  // it has finished with 7, and knows that again
    mesh.deliver();
    EXPECT_TRUE(mesh.caught.empty());
    EXPECT_EQ(mesh.book(3).find(run)->finished.at(mesh.key(0)).model,
              crypto::Hasher("test/model").update_u64(7).finish());
    EXPECT_TRUE(mesh.begun.empty());
  }
}

TEST(RunBook, ANodeThatForgotTrainsBehindTheRoundsThatOthersHaveSeen) {
  Mesh mesh(4);
  const RunId run = propose(mesh, 4);
  mesh.deliver();
  for (std::size_t i = 0; i < 4; ++i) approve(mesh, i, run);
  mesh.deliver();
  mesh.book(1).saw(run, mesh.key(0), 4);
  mesh.book(2).saw(run, mesh.key(0), 9);
  mesh.book(2).saw(run, mesh.key(3), 30);  // somebody else's
  mesh.begun.clear();
  mesh.boot(0, {.organisations = 3, .promised = {}});
  EXPECT_TRUE(mesh.begun.empty());
  mesh.compare();
  mesh.deliver();
  ASSERT_EQ(mesh.begun.size(), 1u);
  EXPECT_EQ(mesh.not_before, 9u);
}

TEST(RunBook, APromiseWhoseStatementIsLostIsNotReplaced) {
  Mesh mesh(3);
  const RunId run = propose(mesh, 3);
  mesh.deliver();
  for (std::size_t i = 0; i < 3; ++i) approve(mesh, i, run);
  mesh.deliver();
  mesh.boot(1, {.organisations = 0, .promised = {{run, StatementType::finish}}});
  const auto again = mesh.command(
      1, [&](RunBook& b, RunEffects& out) { return b.finish(run, 3, Hash256{}, mesh.now, out); });
  EXPECT_FALSE(again.ok());
  EXPECT_TRUE(
      mesh.command(1, [&](RunBook& b,
                          RunEffects& out) { return b.stop(run, "other things it may say", mesh.now, out); })
          .ok());
}

TEST(RunBook, StrangersAndLateComersChangeNothing) {
  Mesh mesh(3);
  const RunId run = propose(mesh, 2);
  mesh.deliver();
  const crypto::Identity stranger = identity(99);
  const auto hear = [&](const Bytes& statement) {
    Bytes message{std::byte{1}};
    message.insert(message.end(), statement.begin(), statement.end());
    mesh.command(1, [&](RunBook& b, RunEffects& out) {
      b.on_message(mesh.key(2), message, mesh.now, out);
      return 0;
    });
  };
  hear(sign_statement(stranger, run, mesh.now, Approve{}));
  EXPECT_EQ(mesh.book(1).rejected(RunReject::not_allowed), 1u);
  hear(sign_statement(mesh.signer(2), run, mesh.now, Begin{}));  // not the proposer
  EXPECT_EQ(mesh.book(1).rejected(RunReject::not_allowed), 2u);
  hear(sign_statement(mesh.signer(0), run, mesh.now, Begin{}));  // without the quorum
  EXPECT_EQ(mesh.book(1).rejected(RunReject::not_allowed), 3u);
  RunManifest foreign = mesh.manifest(2);
  foreign.proposer = stranger.public_key();
  hear(sign_statement(stranger, {}, mesh.now, foreign));
  EXPECT_EQ(mesh.book(1).rejected(RunReject::unlisted), 1u);
  RunManifest future = mesh.manifest(2);
  future.proposer = mesh.key(2);
  std::sort(future.parties.begin(), future.parties.end());
  future.created_at_s = mesh.now + 3600;
  hear(sign_statement(mesh.signer(2), {}, mesh.now, future));
  EXPECT_EQ(mesh.book(1).rejected(RunReject::clock), 1u);
  EXPECT_EQ(mesh.book(1).runs().size(), 1u);
}

TEST(RunBook, TwoListsOfOneProposerAreEvidence) {
  Mesh mesh(4);
  const RunId run = propose(mesh, 3);
  mesh.deliver();
  for (std::size_t i = 0; i < 4; ++i) approve(mesh, i, run);
  mesh.deliver();
  Begin other = *mesh.book(1).find(run)->begin;
  const Hash256 first = mesh.book(1).find(run)->training_id();
  other.approvals.pop_back();
  Bytes message{std::byte{1}};
  const Bytes statement = sign_statement(mesh.signer(0), run, mesh.now, other);
  message.insert(message.end(), statement.begin(), statement.end());
  mesh.command(1, [&](RunBook& b, RunEffects& out) {
    b.on_message(mesh.key(0), message, mesh.now, out);
    return 0;
  });
  ASSERT_EQ(mesh.caught.size(), 1u);
  EXPECT_EQ(mesh.caught[0].signer, mesh.key(0));
  EXPECT_TRUE(read_statement(mesh.caught[0].first).ok());
  EXPECT_TRUE(read_statement(mesh.caught[0].second).ok());
  EXPECT_EQ(mesh.book(1).find(run)->training_id(), first);
}

TEST(RunBook, AllAgreeOverABadNetwork) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const std::size_t nodes = 3 + seed % 4;
    Mesh mesh(nodes, seed);
    mesh.loss = 0.3;
    mesh.duplicate = 0.1;
    mesh.reorder = true;
    const RunId run = propose(mesh, 3);
    mesh.deliver();
    const auto everybody_knows = [&] {
      for (std::size_t i = 0; i < nodes; ++i) {
        if (mesh.book(i).find(run) == nullptr) return false;
      }
      return true;
    };
    for (int i = 0; i < 50 && !everybody_knows(); ++i) mesh.compare(), mesh.deliver();
    ASSERT_TRUE(everybody_knows());
    for (std::size_t i = 0; i < nodes; ++i) approve(mesh, i, run);
    if (seed % 3 == 0) mesh.boot(seed % nodes);
    mesh.deliver();
    mesh.loss = 0;
    mesh.compare();
    mesh.deliver();
    for (std::size_t i = 0; i < nodes; ++i) {
      EXPECT_EQ(mesh.state(i, run), RunState::running);
      EXPECT_EQ(mesh.book(i).find(run)->training_id(), mesh.book(0).find(run)->training_id());
    }
    EXPECT_TRUE(mesh.caught.empty());
    EXPECT_GE(mesh.begun.size(), nodes);
  }
}

TEST(RunStatement, ReadsOnlyWhatWasSigned) {
  Mesh mesh(3);
  RunManifest manifest = mesh.manifest(2);
  manifest.proposer = mesh.key(0);
  std::sort(manifest.parties.begin(), manifest.parties.end());
  const std::vector<decltype(Statement::what)> all = {manifest, Approve{}, Begin{}, Finish{3, {}},
                                                      Stop{"why"}};
  for (const auto& what : all) {
    const Bytes bytes = sign_statement(mesh.signer(0), {}, kNow, what);
    const auto read = read_statement(bytes);
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(read->what.index(), what.index());
    for (std::size_t i = 0; i < bytes.size(); i += 1 + i / 40) {
      Bytes broken = bytes;
      broken[i] ^= std::byte{4};
      EXPECT_FALSE(read_statement(broken).ok()) << "byte " << i << " of type " << what.index();
      EXPECT_FALSE(read_statement(BytesView(bytes).first(i)).ok()) << i;
    }
    Bytes longer = bytes;
    longer.push_back(std::byte{0});
    EXPECT_FALSE(read_statement(longer).ok());
  }
}

}  // namespace
}  // namespace hansa::protocols::runs
