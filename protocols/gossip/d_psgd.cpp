// D-PSGD (Lian et al. 2017), in its local-SGD form: train, send the model to the neighbours of a fixed or
// time-varying graph, and replace it by the weighted average of what arrived,
//   x_i <- sum_j W_ij x_j.
// If a neighbour is missing the remaining weights are scaled up to sum to 1 again: silently losing weight
// would shrink the model.
//
// With aggregation = "plain-fixed" the average is taken with the integers of a secure sum; then a round has a
// second, silent step, in which the mean becomes the model.
#include "protocols/gossip/mixing.hpp"
#include "protocols/gossip/registry.hpp"
#include "protocols/gossip/secure_neighbourhood.hpp"
#include "protocols/party/party.hpp"

#include <hansa/assert.hpp>

#include <algorithm>

namespace hansa::protocols {
namespace {

class DPsgd final : public Strategy {
 public:
  explicit DPsgd(const PartyOptions& options) : Strategy(options), training_rows_(options.training_rows) {
    HANSA_ASSERT(run().topology != nullptr);
  }

  [[nodiscard]] std::uint32_t steps() const noexcept override { return exact() ? 2 : 1; }

  void expected(Round round, std::uint32_t step, std::vector<PartyId>& out) const override {
    if (step > 0) return;
    for (const auto& neighbour : run().topology->in(round, self())) out.push_back(neighbour.party);
  }

  void send(Round round, std::uint32_t step, const ParametersRef& own, Effects& out) override {
    if (step > 0) return;
    if (exact()) trained_ = own;
    for (const auto& neighbour : run().topology->out(round, self())) {
      out.send(neighbour.party, ModelMessage{.round = round,
                                             .weight = static_cast<double>(training_rows_),
                                             .model = Slice::whole(own)});
    }
  }

  [[nodiscard]] Placement place(PartyId from, const Message& message) const override {
    const auto model = usable_model(run(), message);
    if (const auto* reason = std::get_if<RejectReason>(&model)) return *reason;
    const Round round = std::get<const ModelMessage*>(model)->round;
    if (weight_of(round, from) == nullptr) return RejectReason::unexpected_sender;
    return Place{round, 0};
  }

  MixAndTrain combine(Round round, std::uint32_t step, const ParametersRef& own,
                      std::span<const Received> arrived) override {
    if (step > 0) return keep(own);
    exact_round_ = round;
    const bool by_rows = run().weights == MixWeights::sample_count;
    std::vector<Contribution> contributions;
    contributions.reserve(arrived.size() + 1);
    for (const Received& received : arrived) {
      const auto& message = std::get<ModelMessage>(received.message);
      const double weight = by_rows ? message.weight : weight_of(round, received.from)->weight;
      contributions.push_back({received.from, weight, message.model});
    }
    double mine = by_rows ? static_cast<double>(training_rows_) : run().topology->self_weight(round, self());
    if (arrived.empty()) mine = 1;  // a graph may give us weight 0; alone, our model is all there is
    contributions.push_back({self(), mine, Slice::whole(own)});
    if (exact()) exact_weights_ = weights_by_id(contributions);
    const bool complete = arrived.size() == run().topology->in(round, self()).size();
    return {.size = run().parameter_count,
            .terms = average(std::move(contributions), 0, complete && !by_rows)};
  }

  std::optional<FixedPointMean> exact_mean(const MixAndTrain& task) override {
    if (!exact()) return std::nullopt;
    const std::size_t members = run().topology->in(exact_round_, self()).size() + 1;
    const auto format = secure_sum::fixed_point_format(run().secure.lane, run().secure.clip, members);
    HANSA_ASSERT(format.ok());  // checked when the run was set up
    FixedPointMean mean{.format = *format};
    for (std::size_t i = 0; i < task.terms.size(); ++i) {
      mean.terms.push_back({task.terms[i].source, exact_weights_[i]});
    }
    return mean;
  }

 private:
  [[nodiscard]] bool exact() const noexcept { return run().aggregation == Aggregation::plain_fixed; }

  /// The mean as the new model; our own if an input was not finite, so that there is no mean.
  MixAndTrain keep(const ParametersRef& mean) {
    ParametersRef model = mean.size() == run().parameter_count ? mean : trained_;
    trained_ = {};
    return {.size = run().parameter_count, .terms = {{Slice::whole(std::move(model)), 0, 1.0f}}};
  }

  /// In the order of the terms that average() gives, each in [0, 1].
  [[nodiscard]] std::vector<double> weights_by_id(std::vector<Contribution> contributions) const {
    std::sort(contributions.begin(), contributions.end(),
              [](const Contribution& a, const Contribution& b) { return a.from < b.from; });
    const bool by_rows = run().weights == MixWeights::sample_count;
    std::vector<double> weights;
    for (const Contribution& c : contributions) {
      weights.push_back(by_rows ? relative_weight(run().secure, c.weight) : c.weight);
    }
    return weights;
  }

  [[nodiscard]] const topology::Neighbour* weight_of(Round round, PartyId party) const {
    const auto neighbours = run().topology->in(round, self());
    const auto at = std::lower_bound(neighbours.begin(), neighbours.end(), party,
                                     [](const topology::Neighbour& a, PartyId b) { return a.party < b; });
    return at != neighbours.end() && at->party == party ? &*at : nullptr;
  }

  std::uint64_t training_rows_;
  ParametersRef trained_;              // plain-fixed: our model, in case there is no mean
  std::vector<double> exact_weights_;  // plain-fixed: of the terms combined last
  Round exact_round_ = 0;              // plain-fixed: their round
};

}  // namespace

std::unique_ptr<Machine> make_d_psgd(PartyOptions options) {
  if (options.run->aggregation == Aggregation::secure) {
    return std::make_unique<SecureNeighbourhood>(std::move(options));
  }
  auto strategy = std::make_unique<DPsgd>(options);
  return std::make_unique<Party>(std::move(options), std::move(strategy));
}

}  // namespace hansa::protocols
