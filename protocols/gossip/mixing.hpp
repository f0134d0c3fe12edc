// Steps that several gossip strategies share: is this a model message we can use, and the weighted average of
// what arrived with our own, in id order.
#pragma once

#include "protocols/party/strategy.hpp"

#include <span>

namespace hansa::protocols {

/// The message as a model of the right size, for a round of this run, with a usable weight; or why not.
/// Who may send it is the caller's question.
std::variant<const ModelMessage*, RejectReason> usable_model(const RunOptions& run, const Message& message);

/// Positive, and at most 2^53: counts beyond that are not exact, and a sum of such weights cannot overflow.
[[nodiscard]] bool usable_weight(double weight) noexcept;

/// True if `slice` is `count` floats that lie within its block.
[[nodiscard]] bool usable_slice(const Slice& slice, std::uint32_t count) noexcept;

/// One contribution to an average.
struct Contribution {
  PartyId from{};
  double weight = 0;
  Slice source;
};

/// The terms of sum(weight_j * x_j) / sum(weight_j) over `contributions`, ascending by party, at `target`.
/// With `normalised` the weights already sum to 1 and are taken as they are, so that a healthy round has
/// exactly the topology's weights.
std::vector<MixTerm> average(std::vector<Contribution> contributions, std::uint32_t target, bool normalised);

}  // namespace hansa::protocols
