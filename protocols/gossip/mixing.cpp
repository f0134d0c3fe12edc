#include "protocols/gossip/mixing.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <utility>

namespace hansa::protocols {

bool usable_weight(double weight) noexcept {
  return weight > 0 && weight <= 0x1p53;  // NaN fails both
}

bool usable_slice(const Slice& slice, std::uint32_t count) noexcept {
  const std::size_t size = slice.block ? slice.block.size() : 0;
  return slice.count == count && slice.first <= size && count <= size - slice.first;
}

std::variant<const ModelMessage*, RejectReason> usable_model(const RunOptions& run, const Message& message) {
  const auto* model = std::get_if<ModelMessage>(&message);
  if (model == nullptr) return RejectReason::unexpected_type;
  if (model->round >= run.rounds) return RejectReason::unexpected_sender;
  if (!usable_slice(model->model, run.parameter_count)) return RejectReason::wrong_size;
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
