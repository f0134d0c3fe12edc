// The arithmetic of secure sums as tasks: encoding, masking, exact means. Pure; any thread.
#pragma once

#include "protocols/tasks.hpp"

#include <cstdint>

namespace hansa::exec {

protocols::Computed perform_sum(protocols::FixedPointMean task);
protocols::Computed perform_sum(protocols::EncodeInput task);
protocols::Computed perform_sum(protocols::ApplyMasks task);
protocols::Computed perform_sum(protocols::DecodeSums task);

/// Bytes that the task has to read and write at least; for MixAndTrain, those of its mix.
std::uint64_t bytes_touched(const protocols::MixAndTrain& task);
std::uint64_t bytes_touched(const protocols::FixedPointMean& task);
std::uint64_t bytes_touched(const protocols::EncodeInput& task);
std::uint64_t bytes_touched(const protocols::ApplyMasks& task);
std::uint64_t bytes_touched(const protocols::DecodeSums& task);

}  // namespace hansa::exec
