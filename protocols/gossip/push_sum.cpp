// Push-sum / stochastic gradient push (Kempe et al. 2003; Assran et al. 2019), made safe against lost
// messages.
//
// Each party holds mass w and a model z (the paper's x / w). A round splits the mass over the out-neighbours
// and itself, column-stochastically; what a party holds afterwards is the mass it kept plus the mass that
// arrived, and its model is their average weighted by mass. Sum of mass and sum of mass * z over parties and
// messages in flight never change by mixing: only training moves them.
//
// A lost message would take mass away, a repeated one would mint it. So a share stays with its sender until
// the receiver acknowledges it, is sent again when no acknowledgement comes, and is absorbed once, however
// often it arrives. Order of durability: the split and the pending shares are recorded before a share leaves;
// an absorbed share is recorded before its acknowledgement leaves. A crash at any moment therefore loses and
// mints nothing.
#include "protocols/gossip/mixing.hpp"
#include "protocols/gossip/registry.hpp"
#include "protocols/party/party.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <utility>

namespace hansa::protocols {
namespace {

constexpr std::uint32_t kAttemptsMax = 24;  // then the share waits for its receiver to be heard of again
constexpr std::uint32_t kPendingPerReceiverMax = 32;  // a silent receiver must not cost a model every round
constexpr std::uint32_t kBackoffDoublingsMax = 4;  // 16 times the deadline's floor between attempts, at most

// A party that gives and no longer receives (its senders are gone, or finished before it) would halve its
// mass every round, and the paper's step of 1 / mass would grow until the model overflows. Below this mass it
// gives ever smaller parts: the mass then falls like 1 / sqrt(rounds), and no share is ever zero. Any split
// that adds up conserves mass, so nothing else changes; on regular graphs the mass of a healthy party is 1.
constexpr double kMassLow = 0.125;
constexpr double kStepScaleMax = 8;

class PushSum final : public Strategy {
 public:
  explicit PushSum(const PartyOptions& options) : Strategy(options) {
    HANSA_ASSERT(run().topology != nullptr);
  }

  void expected(Round round, std::uint32_t, std::vector<PartyId>& out) const override {
    for (const auto& neighbour : run().topology->in(round, self())) out.push_back(neighbour.party);
  }

  /// Splits the mass for `round`. What is kept is what is left after the shares, so that nothing is lost to
  /// rounding twice.
  void prepare(Round round, const ParametersRef& model, Time now) override {
    double kept = mass_;
    const double scarcity = mass_ < kMassLow ? mass_ / kMassLow : 1.0;
    for (const auto& neighbour : run().topology->out(round, self())) {
      if (pending_for(neighbour.party) >= kPendingPerReceiverMax) continue;
      const double share = mass_ * neighbour.weight * scarcity * scarcity;
      kept -= share;
      const Transfer transfer{{neighbour.party, ++last_sequence(neighbour.party), round, share, model},
                              now + run().deadline.floor,
                              0};
      pending_.push_back(transfer);
    }
    mass_ = kept;
  }

  void send(Round round, std::uint32_t, const ParametersRef&, Effects& out) override {
    for (const Transfer& transfer : pending_) {
      if (transfer.share.round == round) out.send(transfer.share.to, message_for(transfer.share));
    }
  }

  [[nodiscard]] Placement place(PartyId from, const Message& message) const override {
    const auto model = usable_model(run(), message);
    if (const auto* reason = std::get_if<RejectReason>(&model)) return *reason;
    const auto& share = *std::get<const ModelMessage*>(model);
    // At most one share per edge and round, and never more mass than all parties began with.
    if (share.sequence == 0 || share.sequence > share.round + 1ULL) return RejectReason::unexpected_sender;
    if (share.weight > run().parties) return RejectReason::bad_weight;
    const auto senders = run().topology->in(share.round, self());
    const auto at = std::lower_bound(senders.begin(), senders.end(), from,
                                     [](const topology::Neighbour& a, PartyId b) { return a.party < b; });
    if (at == senders.end() || at->party != from) return RejectReason::unexpected_sender;
    if (is_absorbed(from, share.sequence)) return RejectReason::duplicate;
    return Place{share.round, 0};
  }

  MixAndTrain combine(Round, std::uint32_t, const ParametersRef& own,
                      std::span<const Received> arrived) override {
    std::vector<Contribution> contributions;
    double total = mass_;
    contributions.push_back({self(), mass_, Slice::whole(own)});
    for (const Received& received : arrived) {
      const auto& share = std::get<ModelMessage>(received.message);
      if (!absorb(received.from, share.sequence)) continue;  // arrived twice before we mixed
      contributions.push_back({received.from, share.weight, share.model});
      total += share.weight;
    }
    mass_ = total;
    return {.size = run().parameter_count, .terms = average(std::move(contributions), 0, false)};
  }

  [[nodiscard]] bool keeps_late() const noexcept override { return true; }
  [[nodiscard]] float step_scale() const noexcept override {
    return static_cast<float>(std::min(1.0 / mass_, kStepScaleMax));
  }
  [[nodiscard]] double mass() const noexcept override { return mass_; }

  void save(Record& record) const override {
    record.mass = mass_;
    record.absorbed = absorbed_;
    record.shares_sent = shares_sent_;
    for (const Transfer& transfer : pending_) record.pending.push_back(transfer.share);
  }

  void restore(const Record& record) override {
    mass_ = record.mass;
    absorbed_ = record.absorbed;
    shares_sent_ = record.shares_sent;
    for (const PendingShare& share : record.pending) pending_.push_back({share, Time{0}, 0});
  }

  void committed(Effects& out) override {
    for (const auto& [to, sequence] : acknowledgements_due_) out.send(to, ShareAck{sequence});
    acknowledgements_due_.clear();
  }

  bool on_ack(PartyId from, const ShareAck& ack) override {
    std::erase_if(pending_, [&](const Transfer& transfer) {
      return transfer.share.to == from && transfer.share.sequence == ack.sequence;
    });
    return true;
  }

  void on_heard(PartyId peer, Time now) override {
    for (Transfer& transfer : pending_) {
      if (transfer.share.to == peer && transfer.attempts >= kAttemptsMax) transfer = {transfer.share, now, 0};
    }
  }

  void on_duplicate(PartyId from, const Message& message, Effects& out) override {
    const auto sequence = std::get<ModelMessage>(message).sequence;
    const auto due = std::pair(from, sequence);
    const bool waiting = std::find(acknowledgements_due_.begin(), acknowledgements_due_.end(), due) !=
                         acknowledgements_due_.end();
    if (!waiting) out.send(from, ShareAck{sequence});  // recorded long ago: may be said at once
  }

  [[nodiscard]] std::optional<Time> next_retransmission() const override {
    std::optional<Time> next;
    for (const Transfer& transfer : pending_) {
      if (transfer.attempts < kAttemptsMax && (!next || transfer.due < *next)) next = transfer.due;
    }
    return next;
  }

  void retransmit(Time now, Effects& out) override {
    for (Transfer& transfer : pending_) {
      if (transfer.attempts >= kAttemptsMax || transfer.due > now) continue;
      out.send(transfer.share.to, message_for(transfer.share));
      ++transfer.attempts;
      transfer.due = now + run().deadline.floor * (1 << std::min(transfer.attempts, kBackoffDoublingsMax));
    }
  }

 private:
  struct Transfer {
    PendingShare share;
    Time due{};
    std::uint32_t attempts = 0;
  };

  static Message message_for(const PendingShare& share) {
    return ModelMessage{.round = share.round,
                        .weight = share.mass,
                        .sequence = share.sequence,
                        .model = Slice::whole(share.model)};
  }

  [[nodiscard]] std::size_t pending_for(PartyId to) const {
    return static_cast<std::size_t>(std::count_if(pending_.begin(), pending_.end(),
                                                  [to](const Transfer& t) { return t.share.to == to; }));
  }

  std::uint64_t& last_sequence(PartyId to) {
    const auto at = std::lower_bound(shares_sent_.begin(), shares_sent_.end(), to,
                                     [](const auto& entry, PartyId party) { return entry.first < party; });
    if (at != shares_sent_.end() && at->first == to) return at->second;
    return shares_sent_.insert(at, {to, 0})->second;
  }

  [[nodiscard]] bool is_absorbed(PartyId from, std::uint64_t sequence) const {
    const auto at = std::find_if(absorbed_.begin(), absorbed_.end(),
                                 [&](const AbsorbedShares& entry) { return entry.from == from; });
    if (at == absorbed_.end()) return false;
    return sequence <= at->through || std::binary_search(at->above.begin(), at->above.end(), sequence);
  }

  /// Marks a share as absorbed and owes an acknowledgement; false if it already was.
  bool absorb(PartyId from, std::uint64_t sequence) {
    if (is_absorbed(from, sequence)) return false;
    auto at = std::find_if(absorbed_.begin(), absorbed_.end(),
                           [&](const AbsorbedShares& entry) { return entry.from == from; });
    if (at == absorbed_.end()) at = absorbed_.insert(absorbed_.end(), AbsorbedShares{from, 0, {}});
    at->above.insert(std::lower_bound(at->above.begin(), at->above.end(), sequence), sequence);
    while (!at->above.empty() && at->above.front() == at->through + 1) {
      at->above.erase(at->above.begin());
      ++at->through;
    }
    acknowledgements_due_.emplace_back(from, sequence);
    return true;
  }

  double mass_ = 1;
  std::vector<Transfer> pending_;
  std::vector<AbsorbedShares> absorbed_;
  std::vector<std::pair<PartyId, std::uint64_t>> shares_sent_;  // ascending by party
  std::vector<std::pair<PartyId, std::uint64_t>> acknowledgements_due_;
};

}  // namespace

std::unique_ptr<Machine> make_push_sum(PartyOptions options) {
  auto strategy = std::make_unique<PushSum>(options);
  return std::make_unique<Party>(std::move(options), std::move(strategy));
}

}  // namespace hansa::protocols
