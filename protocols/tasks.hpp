// Heavy work that a machine asks for and a driver performs, somewhere else and perhaps later. A task holds
// references only; performing it reads no state but its own and the party's data.
#pragma once

#include "protocols/messages.hpp"

#include <hansa/parameters.hpp>
#include <hansa/types.hpp>

#include <cstdint>
#include <variant>
#include <vector>

namespace hansa::protocols {

/// One weighted term of a mix: weight * source lands at [target, target + source.count).
struct MixTerm {
  Slice source;
  std::uint32_t target = 0;
  float weight = 1;
};

/// Mix, then train, in one pass over memory. Terms with the same target range are summed in the order given;
/// the ranges are disjoint and cover the model. A single term of weight 1 over everything is passed on
/// without a copy.
struct MixAndTrain {
  std::uint32_t size = 0;  ///< floats in the result
  std::vector<MixTerm> terms;
  bool train = false;
  Round round = 0;                ///< key of the training's randomness
  float step_scale = 1;           ///< result = mixed + step_scale * (trained - mixed); push-sum uses 1 / mass
  ParametersRef optimiser_state;  ///< empty before the first training
};

/// Closed set of tasks; secure aggregation will add masking.
using Task = std::variant<MixAndTrain>;

/// What came of a task.
struct Computed {
  ParametersRef model;
  ParametersRef optimiser_state;
  double loss_sum = 0;     ///< over `rows`; 0 if it did not train
  std::uint64_t rows = 0;  ///< rows processed by training
};

}  // namespace hansa::protocols
