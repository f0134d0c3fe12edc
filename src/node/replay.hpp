// Training a live run again in the simulator: the same manifest and the same rows give the same models, bit
// for bit, as long as no party missed a deadline. That is how an operator can check, on data that may be
// brought together, that the mesh computed what its manifest says and nothing else.
#pragma once

#include "protocols/runs/manifest.hpp"
#include "src/node/run_plan.hpp"

#include <hansa/result.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace hansa::node {

struct ReplayInput {
  std::string config, schema;        ///< of the run's manifest
  std::vector<DataBinding> parties;  ///< in the order in which the run numbers them
  std::uint32_t threads = 1;
};

/// The hash of every party's final model (runs::model_hash). Errors: files that do not fit the schema; no
/// test rows; runs whose models follow from what only the parties drew or from their clocks: cohorts smaller
/// than the run, and strategies without rounds.
Result<std::vector<crypto::Hash256>> replay(const ReplayInput& input);

}  // namespace hansa::node
