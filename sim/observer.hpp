// The adversary of a simulated secure run, and what it finds out. It owns some parties, no more than the run
// promises to withstand, and keeps what the packets that these receive and send say about the others' inputs.
// When a round is over it computes what follows from all of it and counts the inputs that are determined. A
// protocol that works gives it nothing but sums over enough inputs, so the count is zero; any other number is
// a fault to be found.
//
// It reads the bytes that travel, never a party's memory, and it cannot see less than a real coalition would:
// a share that was sealed for a colluder counts as opened (protocols/secure_sum/leakage.hpp).
#pragma once

#include "protocols/party/options.hpp"
#include "protocols/secure_sum/leakage.hpp"
#include "src/exec/driver.hpp"
#include "topology/cohorts.hpp"

#include <hansa/types.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace hansa::sim {

namespace secure_sum = protocols::secure_sum;

/// What an observer has seen.
struct Findings {
  std::uint64_t inputs_exposed = 0;  ///< (party, round): what an honest party put into a sum is determined
  std::uint64_t sessions = 0;        ///< that the coalition took part in
  std::uint64_t sums_learnt = 0;     ///< sessions of which the coalition knows a sum, as it may
  std::uint64_t late = 0;            ///< packets that matter and came after their round had been judged
};

/// Not thread-safe; called in the order of events.
class Observer : public exec::MessageTap {
 public:
  /// Judges what is left. Call once, after the driver is done.
  virtual Findings close() = 0;
  /// Rounds whose facts are in memory: those that some party is still in, and two more.
  [[nodiscard]] virtual std::size_t rounds_kept() const noexcept = 0;
};

/// How the parties fall into cohorts; asked when the first packet of a round's sum is sent, since they may
/// draw that together before the first round (protocols/beacon/).
using CohortsSource = std::function<topology::CohortOptions()>;

/// The observer that fits the run; null if nothing in it is secure.
std::unique_ptr<Observer> make_observer(std::shared_ptr<const protocols::RunOptions> run,
                                        CohortsSource cohorts);

/// Which rounds are over, from the rounds that parties are heard in.
class RoundsInUse {
 public:
  explicit RoundsInUse(std::uint32_t parties) : latest_(parties, 0), parties_at_{{0, parties}} {}
  void heard(PartyId from, Round round);
  /// Nothing that matters is sent any more in rounds below. Never goes back.
  [[nodiscard]] Round first() const noexcept;

 private:
  std::vector<Round> latest_;                  // by party: the round of its last packet
  std::map<Round, std::uint32_t> parties_at_;  // how many parties have that as their latest
};

/// Whether a packet can say anything about an input. Those of the setup cannot: a party that comes back after
/// many rounds begins with them, in a round that is over, and gets no further.
[[nodiscard]] bool says_something(secure_sum::BytesView packet) noexcept;

}  // namespace hansa::sim
