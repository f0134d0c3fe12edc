// What differs between the round-based gossip methods. A `Party` runs the rounds (train, exchange, mix),
// waits, gives up, catches up; its strategy says who takes part, what is sent, what a message must look like,
// and how what arrived becomes the next model. Strategies are small and know nothing of time.
#pragma once

#include "protocols/machine.hpp"
#include "protocols/party/options.hpp"

#include <hansa/types.hpp>

#include <optional>
#include <span>
#include <vector>

namespace hansa::protocols {

/// A message waiting for its round.
struct Received {
  Round round = 0;
  std::uint32_t step = 0;
  PartyId from{};
  Message message;
};

/// Not thread-safe; lives and dies with its party.
class Strategy {
 public:
  explicit Strategy(const PartyOptions& options) : self_(options.self), run_(options.run) {}
  virtual ~Strategy() = default;
  Strategy(const Strategy&) = delete;
  Strategy& operator=(const Strategy&) = delete;

  /// Exchanges per round. A cohort needs two: pieces, then averages.
  [[nodiscard]] virtual std::uint32_t steps() const noexcept { return 1; }

  /// Parties whose message of (round, step) the mix wants, ascending, without self.
  virtual void expected(Round round, std::uint32_t step, std::vector<PartyId>& out) const = 0;

  /// Sends `own` (the trained model; in later steps what the previous step's task gave).
  virtual void send(Round round, std::uint32_t step, const ParametersRef& own, Effects& out) = 0;

  /// Where `message` belongs, or why it is refused. Must not trust anything in it.
  struct Place {
    Round round = 0;
    std::uint32_t step = 0;
  };
  using Placement = std::variant<Place, RejectReason>;
  [[nodiscard]] virtual Placement place(PartyId from, const Message& message) const = 0;

  /// The task that ends (round, step): `arrived` holds at most one message per sender, ascending by sender.
  /// For the last step the party adds the next round's training to it.
  virtual MixAndTrain combine(Round round, std::uint32_t step, const ParametersRef& own,
                              std::span<const Received> arrived) = 0;

  /// If set, this is performed instead of the task that combine() has just returned, with the same result but
  /// exact integer arithmetic.
  virtual std::optional<FixedPointMean> exact_mean(const MixAndTrain&) { return std::nullopt; }

  /// True if messages of past rounds still count (push-sum's mass does).
  [[nodiscard]] virtual bool keeps_late() const noexcept { return false; }
  /// The scale of the next local update, see MixAndTrain::step_scale.
  [[nodiscard]] virtual float step_scale() const noexcept { return 1; }
  [[nodiscard]] virtual double mass() const noexcept { return 1; }

  // Bookkeeping that survives crashes; only push-sum has any.
  virtual void save(Record&) const {}
  virtual void restore(const Record&) {}
  /// Called in this order around the Persist that ends a round: `prepare` may change state that the record
  /// must hold, `committed` may send what had to wait for it.
  virtual void prepare(Round, const ParametersRef&, Time) {}
  virtual void committed(Effects&) {}
  /// False if this strategy knows no acknowledgements.
  virtual bool on_ack(PartyId, const ShareAck&) { return false; }
  /// `peer` gave a sign of life.
  virtual void on_heard(PartyId, Time) {}
  /// A message that was handled long ago came again: its acknowledgement must have been lost.
  virtual void on_duplicate(PartyId, const Message&, Effects&) {}
  /// Retransmission: when, and what.
  [[nodiscard]] virtual std::optional<Time> next_retransmission() const { return std::nullopt; }
  virtual void retransmit(Time, Effects&) {}

 protected:
  [[nodiscard]] PartyId self() const noexcept { return self_; }
  [[nodiscard]] const RunOptions& run() const noexcept { return *run_; }

 private:
  PartyId self_;
  std::shared_ptr<const RunOptions> run_;
};

}  // namespace hansa::protocols
