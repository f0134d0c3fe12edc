#include "protocols/gossip/mixing.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <limits>
#include <utility>

namespace hansa::protocols {

bool usable_weight(double weight) noexcept {
  return weight > 0 && weight <= std::numeric_limits<double>::max();  // NaN fails both
}

std::variant<const ModelMessage*, RejectReason> usable_model(const RunOptions& run, const Message& message) {
  const auto* model = std::get_if<ModelMessage>(&message);
  if (model == nullptr) return RejectReason::unexpected_type;
  if (model->round >= run.rounds) return RejectReason::unexpected_sender;
  if (model->model.count != run.parameter_count) return RejectReason::wrong_size;
  if (!usable_weight(model->weight)) return RejectReason::bad_weight;
  return model;
}

std::vector<MixTerm> average(std::vector<Contribution> contributions, std::uint32_t target, bool normalised) {
  std::sort(contributions.begin(), contributions.end(),
            [](const Contribution& a, const Contribution& b) { return a.from < b.from; });
  double total = 0;
  for (const Contribution& c : contributions) total += c.weight;
  HANSA_ASSERT(total > 0);
  std::vector<MixTerm> terms;
  terms.reserve(contributions.size());
  for (Contribution& c : contributions) {
    const double weight = normalised ? c.weight : c.weight / total;
    terms.push_back({std::move(c.source), target, static_cast<float>(weight)});
  }
  return terms;
}

}  // namespace hansa::protocols
