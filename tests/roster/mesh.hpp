// Several keepers with a disk each, and a network between them that can lose and reorder. Time is a number.
#pragma once

#include "protocols/roster/keeper.hpp"
#include "tests/roster/support.hpp"

#include <hansa/rng.hpp>

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

namespace hansa::protocols::roster {

/// One organisation with one node.
struct Party {
  explicit Party(std::uint8_t i)
      : number(i),
        key(identity_number(i)),
        node(identity_number(i, 1).public_key()),
        keeper({.node = node, .organisation = key.public_key()}) {}

  [[nodiscard]] const PublicKey& org() const { return key.public_key(); }
  [[nodiscard]] std::vector<Record> records() const {
    std::vector<Record> out;
    for (const auto& [where, value] : disk) out.push_back({where.first, where.second, value});
    return out;
  }
  [[nodiscard]] std::size_t count(EventKind kind) const {
    return static_cast<std::size_t>(
        std::count_if(events.begin(), events.end(), [&](const KeeperEvent& e) { return e.kind == kind; }));
  }

  std::uint8_t number;
  crypto::Identity key;
  PublicKey node;
  RosterKeeper keeper;
  std::map<std::pair<RecordKind, Bytes>, Bytes> disk;
  std::vector<KeeperEvent> events;
  bool online = true;
};

class Mesh {
 public:
  explicit Mesh(std::uint64_t seed = 1) : rng_(seed, Purpose::test) {}

  /// The first n organisations, with version 1 and all certificates on their disks.
  static std::unique_ptr<Mesh> established(std::size_t n, std::uint64_t seed = 1,
                                           Policy policy = Policy::supermajority) {
    auto mesh = std::make_unique<Mesh>(seed);
    const SignedRoster genesis = genesis_of(first_members(n), policy);
    for (std::uint8_t i = 0; i < n; ++i) {
      Party& party = mesh->add(i);
      const auto& hash = genesis.hash.bytes;
      party.disk[{RecordKind::version, Bytes(hash.begin(), hash.end())}] = encode(genesis);
      for (std::uint8_t j = 0; j < n; ++j) {
        const Bytes object = encode(certificate_of(j, j, 1));
        const Hash256 id = object_id(object);
        party.disk[{RecordKind::object, Bytes(id.bytes.begin(), id.bytes.end())}] = object;
      }
      mesh->start(party);
    }
    mesh->settle();
    return mesh;
  }

  Party& add(std::uint8_t number) {
    parties_.push_back(std::make_unique<Party>(number));
    return *parties_.back();
  }
  Party& operator[](std::size_t i) { return *parties_[i]; }
  [[nodiscard]] std::size_t size() const { return parties_.size(); }

  void start(Party& party, bool recovering = false) {
    KeeperEffects out;
    const auto started = party.keeper.start(party.records(), now, out, recovering);
    ASSERT_TRUE(started.ok()) << started.error().message;
    perform(party, out);
  }
  /// A crash: all but the disk is gone.
  void restart(Party& party, bool recovering = false) {
    party.keeper = RosterKeeper({.node = party.node, .organisation = party.org()});
    start(party, recovering);
  }

  /// Runs `command(effects)` at `party`, performs what it wants, returns what it returns.
  template <class Command>
  auto run(Party& party, Command command) {
    KeeperEffects out;
    auto result = command(out);
    perform(party, out);
    return result;
  }

  void perform(Party& party, KeeperEffects& effects) {
    for (KeeperEffect& effect : effects) {
      if (auto* persisted = std::get_if<PersistRecord>(&effect)) {
        const auto where = std::pair(persisted->record.kind, persisted->record.key);
        if (persisted->record.value.empty()) {
          party.disk.erase(where);
        } else {
          party.disk[where] = std::move(persisted->record.value);
        }
      } else if (auto* tell = std::get_if<Tell>(&effect)) {
        post(party, tell->to, tell->message);
      } else if (auto* all = std::get_if<TellAll>(&effect)) {
        for (const auto& other : parties_) {
          if (other.get() != &party && other->node != all->except) post(party, other->node, all->message);
        }
      } else {
        party.events.push_back(std::move(std::get<Notify>(effect).event));
      }
    }
  }

  /// `message` as if `from` had sent it.
  void inject(const PublicKey& from, Party& to, const Bytes& message) {
    queue_.push_back({from, &to, message});
  }

  /// Delivers until nothing is under way, then lets time pass `rounds` times.
  void settle(int rounds = 4) {
    for (int i = 0; i < rounds; ++i) {
      deliver();
      now += 11;
      tick();
    }
    deliver();
  }
  void deliver() {
    std::size_t budget = 50'000;
    while (!queue_.empty()) {
      if (budget-- == 0) {
        queue_.clear();
        FAIL() << "the keepers talk without end";
      }
      if (reorder && queue_.size() > 1)
        std::swap(queue_.front(), queue_[rng_.below(std::min<std::size_t>(queue_.size(), 8))]);
      const Letter letter = std::move(queue_.front());
      queue_.pop_front();
      if (!letter.to->online) continue;
      KeeperEffects out;
      letter.to->keeper.on_message(letter.from, letter.message, now, out);
      ++delivered;
      perform(*letter.to, out);
    }
  }
  void tick() {
    for (const auto& party : parties_) {
      if (!party->online) continue;
      KeeperEffects out;
      party->keeper.on_tick(now, out);
      perform(*party, out);
    }
  }
  [[nodiscard]] bool agree() const {
    const RosterHint first = parties_.front()->keeper.hint();
    return std::all_of(parties_.begin(), parties_.end(),
                       [&](const auto& p) { return p->keeper.hint() == first; });
  }

  UnixTime now = kNow;
  double loss = 0;
  bool reorder = false;
  std::size_t delivered = 0, largest = 0;
  /// Pairs (from, to) that cannot talk.
  std::set<std::pair<PublicKey, PublicKey>> cut;

 private:
  struct Letter {
    PublicKey from;
    Party* to;
    Bytes message;
  };
  void post(Party& from, const PublicKey& to, const Bytes& message) {
    if (!from.online || cut.contains({from.node, to})) return;
    largest = std::max(largest, message.size());
    if (loss > 0 && rng_.uniform() < loss) return;
    for (const auto& party : parties_) {
      if (party->node == to) queue_.push_back({from.node, party.get(), message});
    }
  }

  std::vector<std::unique_ptr<Party>> parties_;
  std::deque<Letter> queue_;
  Rng rng_;
};

// The commands that tests need most.
inline Result<Hash256> propose(Mesh& mesh, Party& by, Roster next) {
  return mesh.run(
      by, [&](KeeperEffects& out) { return by.keeper.propose(std::move(next), by.key, mesh.now, out); });
}
inline Result<void> approve(Mesh& mesh, Party& by, const Hash256& proposal, bool force = false) {
  return mesh.run(
      by, [&](KeeperEffects& out) { return by.keeper.approve(proposal, by.key, mesh.now, out, force); });
}
inline Result<void> reject(Mesh& mesh, Party& by, const Hash256& proposal) {
  return mesh.run(by, [&](KeeperEffects& out) { return by.keeper.reject(proposal, by.key, mesh.now, out); });
}
inline Result<void> suspend(Mesh& mesh, Party& by, const Party& subject) {
  return mesh.run(by, [&](KeeperEffects& out) {
    return by.keeper.suspend(subject.org(), "sent two models in one round", by.key, mesh.now, out);
  });
}
inline Roster removal_of(const RosterKeeper& keeper, const PublicKey& subject, UnixTime now) {
  Roster next = keeper.draft(now);
  std::erase_if(next.organisations, [&](const Organisation& o) { return o.key == subject; });
  return next;
}
inline Bootstrap bootstrap_of(const Party& party) {
  return {party.node, curve_number(party.number).public_key(), "fl.example:7717"};
}
inline Result<Ticket> invite(Mesh& mesh, Party& by, std::uint8_t token, UnixTime lifetime = kTicketLifetime) {
  std::array<std::byte, 16> bytes{};
  bytes[0] = static_cast<std::byte>(token);
  return by.keeper.invite(by.key, bytes, {bootstrap_of(by)}, lifetime, mesh.now);
}
inline JoinRequest request_of(const Party& joiner, const Ticket& ticket, UnixTime now) {
  JoinRequest out{.ticket = ticket,
                  .organisation = joiner.org(),
                  .name = organisation_number(joiner.number).name,
                  .certificates = {certificate_of(joiner.number, joiner.number, 1, now)},
                  .created_at = now};
  sign(out, joiner.key);
  return out;
}
inline Result<void> join(Mesh& mesh, Party& joiner, const Ticket& ticket) {
  return mesh.run(joiner, [&](KeeperEffects& out) {
    return joiner.keeper.join(request_of(joiner, ticket, mesh.now), mesh.now, out);
  });
}
inline std::vector<Hash256> request_ids(const RosterKeeper& keeper) {
  std::vector<Hash256> out;
  for (const RequestView& view : keeper.requests()) out.push_back(view.id);
  return out;
}

}  // namespace hansa::protocols::roster
