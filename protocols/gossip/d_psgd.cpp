// D-PSGD (Lian et al. 2017), in its local-SGD form: train, send the model to the neighbours of a fixed or
// time-varying graph, and replace it by the weighted average of what arrived,
//   x_i <- sum_j W_ij x_j.
// If a neighbour is missing the remaining weights are scaled up to sum to 1 again: silently losing weight
// would shrink the model.
#include "protocols/gossip/mixing.hpp"
#include "protocols/gossip/registry.hpp"
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

  void expected(Round round, std::uint32_t, std::vector<PartyId>& out) const override {
    for (const auto& neighbour : run().topology->in(round, self())) out.push_back(neighbour.party);
  }

  void send(Round round, std::uint32_t, const ParametersRef& own, Effects& out) override {
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

  MixAndTrain combine(Round round, std::uint32_t, const ParametersRef& own,
                      std::span<const Received> arrived) override {
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
    const bool complete = arrived.size() == run().topology->in(round, self()).size();
    return {.size = run().parameter_count,
            .terms = average(std::move(contributions), 0, complete && !by_rows)};
  }

 private:
  [[nodiscard]] const topology::Neighbour* weight_of(Round round, PartyId party) const {
    const auto neighbours = run().topology->in(round, self());
    const auto at = std::lower_bound(neighbours.begin(), neighbours.end(), party,
                                     [](const topology::Neighbour& a, PartyId b) { return a.party < b; });
    return at != neighbours.end() && at->party == party ? &*at : nullptr;
  }

  std::uint64_t training_rows_;
};

}  // namespace

std::unique_ptr<Machine> make_d_psgd(PartyOptions options) {
  auto strategy = std::make_unique<DPsgd>(options);
  return std::make_unique<Party>(std::move(options), std::move(strategy));
}

}  // namespace hansa::protocols
