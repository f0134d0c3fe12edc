// The adversary of secure cohorts: in every cohort of every round it owns f members, as many as the cohort
// promises to withstand, and puts together what it learns from all attempts at the round's sum.
#pragma once

#include "sim/observer.hpp"

#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace hansa::sim {

/// Not thread-safe. Memory: a few kilobytes per session.
class CohortObserver final : public Observer {
 public:
  /// `run` is that of an aggregation = "secure" run with cohorts.
  CohortObserver(std::shared_ptr<const protocols::RunOptions> run, CohortsSource cohorts);

  void on_sent(PartyId from, PartyId to, const protocols::Message& message) override;
  void on_delivered(PartyId from, PartyId to, const protocols::Message& message) override;

  Findings close() override;

  /// The members of `party`'s cohort in `round` that work together: f of them, drawn from the run's seed.
  /// Ascending.
  [[nodiscard]] static std::vector<PartyId> coalition_of(const protocols::RunOptions& run, Round round,
                                                         const std::vector<PartyId>& cohort);
  [[nodiscard]] std::size_t rounds_kept() const noexcept override { return rounds_.size(); }

 private:
  using PacketRef = std::shared_ptr<const std::vector<std::byte>>;
  /// One session, as the coalition's members see it. Packets wait until the session's id is known.
  struct Session {
    std::uint32_t attempt = 0;
    secure_sum::Hash256 first_id;
    std::vector<PartyId> members;
    secure_sum::CoalitionView view;
    std::vector<std::optional<secure_sum::Bytes>> adverts;
    std::optional<secure_sum::Hash256> id;
    std::vector<PacketRef> waiting;
    PacketRef last;  ///< a broadcast is one packet, sent many times
  };
  /// One attempt at a sum by a member of the coalition: its ADVERT and to whom it went, which are the
  /// session's members; and what came before.
  struct Begun {
    PacketRef advert;
    std::vector<PartyId> members;
    Session* session = nullptr;
    std::vector<PacketRef> early;
  };
  struct Cohort {
    std::vector<PartyId> members, coalition;
    std::map<std::pair<PartyId, std::uint32_t>, Begun> begun;  // by party and attempt
    std::vector<std::unique_ptr<Session>> sessions;
  };
  struct Part;  // a session when it is judged
  struct RoundFacts {
    std::vector<std::uint32_t> cohort_of;  // by party
    std::vector<Cohort> cohorts;
  };

  RoundFacts* facts_of(Round round);
  [[nodiscard]] Begun* begun_by(PartyId party, const protocols::SecurePacketMessage& message,
                                Cohort*& cohort);
  void open(Cohort& cohort, std::uint32_t attempt, Begun& begun);
  void hold(Session& session, const PacketRef& packet);
  void heard(PartyId from, Round round);
  void judge(Cohort& cohort);
  [[nodiscard]] std::vector<secure_sum::Row> equations(const Cohort& cohort, std::vector<Part>& parts,
                                                       std::uint32_t parameter);

  std::shared_ptr<const protocols::RunOptions> run_;
  CohortsSource cohorts_;
  std::map<Round, RoundFacts> rounds_;
  RoundsInUse in_use_;
  Findings findings_;
};

}  // namespace hansa::sim
