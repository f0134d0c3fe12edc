// Cohort all-reduce (Moshpit SGD, Ryabinin et al. 2021): each round a public draw cuts the parties into
// cohorts. In a cohort of n, member k owns piece k of the model. First everybody sends each owner its piece;
// then each owner sends the average of its piece to everybody: 2 (n-1)/n models of traffic, and all members
// end with the same bits. On a grid of side^2 parties, rows and columns in turn, two rounds without training
// give the exact global average.
//
// Without faults the average is exact. If an owner is missing, members keep their own piece; if a
// contribution is missing, the owner averages the others and says what total weight its average has.
#include "protocols/beacon/gate.hpp"
#include "protocols/gossip/mixing.hpp"
#include "protocols/gossip/pieces.hpp"
#include "protocols/gossip/registry.hpp"
#include "protocols/gossip/secure_cohort.hpp"
#include "protocols/party/party.hpp"
#include "topology/cohorts.hpp"

#include <hansa/assert.hpp>

#include <algorithm>

namespace hansa::protocols {
namespace {

class Cohort final : public Strategy {
 public:
  explicit Cohort(const PartyOptions& options)
      : Strategy(options),
        own_weight_(own_weight(options)),
        carried_weight_(own_weight_),
        base_(options.run->initial_model) {}

  [[nodiscard]] std::uint32_t steps() const noexcept override { return 2; }

  void expected(Round round, std::uint32_t step, std::vector<PartyId>& out) const override {
    const auto& members = members_of(round);
    if (step == 0 && piece(round, self()).count == 0) return;  // nobody sends us an empty piece
    for (const PartyId member : members) {
      if (member == self() || (step == 1 && piece(round, member).count == 0)) continue;
      out.push_back(member);
    }
  }

  void send(Round round, std::uint32_t step, const ParametersRef& own, Effects& out) override {
    const double weight = weight_in(round);
    if (step == 0) model_ = own;
    const Piece mine = piece(round, self());
    for (const PartyId member : members_of(round)) {
      if (member == self()) continue;
      if (step == 1 && has_mean(own, mine)) {
        out.send(member, MeanChunkMessage{round, mine.offset, mean_weight_, Slice::whole(own)});
      }
      const Piece theirs = piece(round, member);
      if (step == 0 && theirs.count > 0) {
        out.send(member, ChunkMessage{round, theirs.offset, weight, {own, theirs.offset, theirs.count}});
      }
    }
  }

  [[nodiscard]] Placement place(PartyId from, const Message& message) const override {
    if (const auto* chunk = std::get_if<ChunkMessage>(&message)) return check(from, *chunk, self(), 0);
    if (const auto* mean = std::get_if<MeanChunkMessage>(&message)) return check(from, *mean, from, 1);
    return RejectReason::unexpected_type;
  }

  MixAndTrain combine(Round round, std::uint32_t step, const ParametersRef& own,
                      std::span<const Received> arrived) override {
    return step == 0 ? average_own_piece(round, arrived) : assemble(round, own, arrived);
  }

  /// In "plain-fixed" the owner averages with the secure sum's integers.
  std::optional<FixedPointMean> exact_mean(const MixAndTrain& task) override {
    if (run().aggregation != Aggregation::plain_fixed || task.terms.empty()) return std::nullopt;
    const auto format = secure_sum::fixed_point_format(run().secure.lane, run().secure.clip, members_.size());
    HANSA_ASSERT(format.ok());  // checked when the run was set up
    const bool deltas = sums_deltas(run().secure);
    const Piece mine = piece(members_round_, self());
    FixedPointMean mean{.format = *format,
                        .chunk = chunk_of_self(),
                        .compression = compression(members_round_),
                        .base = {model_, mine.offset, mine.count},
                        .deltas = deltas};
    if (deltas) mean.base = base_piece_.count > 0 ? base_piece_ : Slice{base_, mine.offset, mine.count};
    mean_weight_ = 0;
    for (std::size_t i = 0; i < task.terms.size(); ++i) {
      const double weight = sum_weight(run().secure, *format, contribution_weights_[i]);
      mean_weight_ += secure_sum::rounded_weight(*format, weight);
      mean.terms.push_back({task.terms[i].source, weight, contributors_[i]});
    }
    mean_weight_ *= static_cast<double>(run().secure.weight_max);
    return mean;
  }

  void save(Record& record) const override { record.mass = carried_weight_; }
  void restore(const Record& record) override {
    carried_weight_ = record.mass;
    base_ = record.model;
  }

 private:
  template <class PieceMessage>
  Placement check(PartyId from, const PieceMessage& message, PartyId owner, std::uint32_t step) const {
    if (message.round >= run().rounds || from == self()) return RejectReason::unexpected_sender;
    const auto& members = members_of(message.round);
    if (!std::binary_search(members.begin(), members.end(), from)) return RejectReason::unexpected_sender;
    const Piece place = piece(message.round, owner);
    if (place.count == 0 || message.offset != place.offset || !usable_slice(message.piece, place.count)) {
      return RejectReason::wrong_size;
    }
    if (!usable_weight(message.weight)) return RejectReason::bad_weight;
    return Place{message.round, step};
  }

  /// False for an empty piece, and for one that could not be averaged exactly because an input was not
  /// finite.
  static bool has_mean(const ParametersRef& own, const Piece& mine) noexcept {
    return mine.count > 0 && own.size() == mine.count;
  }

  MixAndTrain average_own_piece(Round round, std::span<const Received> arrived) {
    const Piece mine = piece(round, self());
    MixAndTrain task{.size = mine.count};
    mean_weight_ = weight_in(round);
    if (mine.count == 0) return task;
    std::vector<Contribution> contributions{{self(), weight_in(round), {model_, mine.offset, mine.count}}};
    for (const Received& received : arrived) {
      const auto& chunk = std::get<ChunkMessage>(received.message);
      contributions.push_back({received.from, chunk.weight, chunk.piece});
    }
    // Added in id order, so that every owner says the same total to the bit.
    std::sort(contributions.begin(), contributions.end(),
              [](const Contribution& a, const Contribution& b) { return a.from < b.from; });
    mean_weight_ = 0;
    contribution_weights_.clear();
    contributors_.clear();
    for (const Contribution& contribution : contributions) {
      mean_weight_ += contribution.weight;
      contribution_weights_.push_back(contribution.weight);
      contributors_.push_back(contribution.from);
    }
    task.terms = average(std::move(contributions), 0, false);
    return task;
  }

  MixAndTrain assemble(Round round, const ParametersRef& own, std::span<const Received> arrived) {
    MixAndTrain task{.size = run().parameter_count};
    for (const PartyId member : members_of(round)) {
      const Piece place = piece(round, member);
      if (place.count == 0) continue;
      Slice source{model_, place.offset, place.count};  // a missing owner: keep our own piece
      const auto from_owner = std::find_if(arrived.begin(), arrived.end(),
                                           [&](const Received& received) { return received.from == member; });
      if (member == self() && has_mean(own, place)) source = Slice::whole(own);
      if (from_owner != arrived.end()) source = std::get<MeanChunkMessage>(from_owner->message).piece;
      task.terms.push_back({std::move(source), place.offset, 1.0f});
    }
    const bool own_piece_says_it = piece(round, self()).count > 0 || arrived.empty();
    const double total =
        own_piece_says_it ? mean_weight_ : std::get<MeanChunkMessage>(arrived.front().message).weight;
    carried_weight_ = total / static_cast<double>(members_of(round).size());
    if (has_mean(own, piece(round, self()))) base_piece_ = Slice::whole(own);
    if (run().secure.fraction < 1) task.unsummed = unsummed(round);
    model_ = {};
    return task;
  }

  /// What a sum over this cohort leaves as it is. The plain mean of floats never leaves anything out.
  [[nodiscard]] std::shared_ptr<const Unsummed> unsummed(Round round) const {
    auto result = std::make_shared<Unsummed>(Unsummed{model_, {}, compression(round)});
    for (const PartyId member : members_of(round)) {
      if (const Piece place = piece(round, member); place.count > 0) result->pieces.push_back(place);
    }
    return result;
  }

  [[nodiscard]] secure_sum::Compression compression(Round round) const {
    const auto indices =
        secure_sum::index_seed(draw_of(run().cohort, round), round, members_of(round).front(), 0);
    return {run().secure.fraction, indices, run().seed, round};
  }

  /// Pieces that are not empty have a number each, in order.
  [[nodiscard]] std::size_t chunk_of_self() const {
    std::size_t chunk = 0;
    for (const PartyId member : members_) {
      if (member < self() && piece(members_round_, member).count > 0) ++chunk;
    }
    return chunk;
  }

  [[nodiscard]] const std::vector<PartyId>& members_of(Round round) const {
    if (members_.empty() || round != members_round_) {
      members_ = topology::cohort_of(run().cohort, round, self());
      members_round_ = round;
    }
    return members_;
  }

  [[nodiscard]] Piece piece(Round round, PartyId owner) const {
    const auto& members = members_of(round);
    const auto at = std::lower_bound(members.begin(), members.end(), owner);
    HANSA_ASSERT(at != members.end() && *at == owner);
    return piece_of(run().parameter_count, static_cast<std::size_t>(at - members.begin()), members.size());
  }

  /// The weight of our model in `round`: our own, if we have just trained it; if the round only mixes, the
  /// average weight of the last cohort, since all its members now hold the same model. Otherwise the columns
  /// of a grid would average unequal rows as if they were equal.
  [[nodiscard]] double weight_in(Round round) const noexcept {
    return round + run().finish_rounds < run().rounds ? own_weight_ : carried_weight_;
  }

  double own_weight_;
  std::vector<double> contribution_weights_;  // of the piece averaged last, by id
  std::vector<PartyId> contributors_;         // likewise
  double carried_weight_;                     // total weight of the last cohort
  ParametersRef base_;                        // deltas: the model that all began with
  Slice base_piece_;                          // deltas: the last mean of our piece
  double mean_weight_ = 0;                    // total weight of our piece in this round
  ParametersRef model_;                       // our trained model while the exchange lasts
  mutable std::vector<PartyId> members_;      // of the round asked for last
  mutable Round members_round_ = 0;
};

}  // namespace

std::unique_ptr<Machine> make_cohort(PartyOptions options) {
  if (options.run->secure.beacon)
    return std::make_unique<beacon::BeaconGate>(std::move(options), make_cohort);
  if (options.run->aggregation == Aggregation::secure)
    return std::make_unique<SecureCohort>(std::move(options));
  auto strategy = std::make_unique<Cohort>(options);
  return std::make_unique<Party>(std::move(options), std::move(strategy));
}

}  // namespace hansa::protocols
