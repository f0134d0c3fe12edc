// The final models that a node has signed for: the parameters as they are in memory, and beside them what
// their parts are called, so that an export after years still has names.
#pragma once

#include "src/crypto/hash.hpp"
#include "src/http/node_api.hpp"
#include "src/learn/model.hpp"
#include "src/node/state_folder.hpp"

#include <hansa/result.hpp>

#include <span>

namespace hansa::node {

struct TrainedModel {
  std::span<const float> parameters;
  const learn::Layout& layout;
};

/// Keeps the final model of `run`. Errors: the disk's.
Result<void> save_model(const StateFolder& folder, const crypto::Hash256& run, const TrainedModel& model);

/// The final model of `run`, which must be the one that was signed for. If the names of its parts are lost or
/// do not fit, it has none. Errors: there is no such file, or it is damaged.
Result<http::NodeApi::FinalModel> load_model(const StateFolder& folder, const crypto::Hash256& run,
                                             const crypto::Hash256& expected);

}  // namespace hansa::node
