// Where protocol tasks meet learning: performs a MixAndTrain on a party's own rows. Pure apart from memory:
// same task, same bits, on any thread.
#pragma once

#include "protocols/tasks.hpp"
#include "src/learn/model.hpp"

#include <hansa/types.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace hansa::exec {

/// What every party of a run trains, and on which rows. Read-only while a driver runs; shared by its threads.
struct LocalTraining {
  std::shared_ptr<const learn::Model> model;
  learn::TrainOptions options;
  std::vector<learn::Shard> shards;  ///< by party
  std::uint64_t seed = 1;
};

/// What a task gave, and the work that no implementation of it could have avoided.
struct Performed {
  protocols::Computed computed;
  learn::Cost cost;
};

/// Performs `task` for `party`. Consumes the task, so that a block nobody else holds is reused in place.
/// Thread-safe with one workspace per thread.
Performed perform(const LocalTraining& training, PartyId party, protocols::Task task,
                  learn::Workspace& workspace);

/// Rows that training in `task` will process; 0 if it only mixes. For compute-time models.
std::uint64_t training_rows(const LocalTraining& training, PartyId party, const protocols::Task& task);

/// Bytes that the mixing part of `task` reads and writes.
std::uint64_t mixing_bytes(const protocols::Task& task);

}  // namespace hansa::exec
