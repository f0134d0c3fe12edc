#include "src/exec/secure_tasks.hpp"

#include "src/crypto/mask.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

namespace hansa::exec {
namespace {

using protocols::Computed;
using protocols::secure_sum::Bytes;
using protocols::secure_sum::lane_bytes;

}  // namespace

Computed perform_sum(protocols::FixedPointMean task) {
  HANSA_ASSERT(!task.terms.empty());
  const std::size_t count = task.terms.front().source.count;
  Bytes sum((count + 1) * lane_bytes(task.format.lane));
  Bytes lanes(sum.size());
  Computed result;
  for (const auto& term : task.terms) {
    HANSA_ASSERT(term.source.count == count);
    const auto encoded =
        protocols::secure_sum::encode(task.format, {term.source.data(), count}, term.weight, lanes);
    if (!encoded) {
      result.error = encoded.error().message;
      return result;
    }
    crypto::add_lanes(sum, lanes, task.format.lane);
  }
  Parameters mean = Parameters::uninitialised(count);
  const auto weight = protocols::secure_sum::decode_mean(task.format, sum, task.terms.size(), mean.span());
  if (!weight) {
    result.error = weight.error().message;
    return result;
  }
  result.weight = *weight;
  result.model = std::move(mean).freeze();
  return result;
}

Computed perform_sum(protocols::EncodeInput task) {
  Computed result;
  std::size_t elements = 0;
  for (const protocols::Piece& piece : task.pieces) elements += piece.count + std::size_t{1};
  result.lanes.resize(elements * lane_bytes(task.format.lane));
  std::span<std::byte> rest(result.lanes);
  for (const protocols::Piece& piece : task.pieces) {
    const auto lanes = rest.first((piece.count + std::size_t{1}) * lane_bytes(task.format.lane));
    rest = rest.subspan(lanes.size());
    const auto values = task.model.span().subspan(piece.offset, piece.count);
    const auto encoded = protocols::secure_sum::encode(task.format, values, task.weight, lanes);
    if (!encoded) {
      result.lanes.clear();
      result.error = encoded.error().message;
      return result;
    }
  }
  return result;
}

Computed perform_sum(protocols::ApplyMasks task) {
  Computed result;
  result.lanes = protocols::secure_sum::perform(std::move(task.mask));
  return result;
}

Computed perform_sum(protocols::DecodeSums task) {
  Computed result;
  for (const auto& sum : task.sums) {  // all or nothing, so check all before anything is written
    const auto weight = protocols::secure_sum::check_sum(task.format, *sum.lanes, task.contributors);
    if (!weight) {
      result.error = weight.error().message;
      result.model = std::move(task.own);
      return result;
    }
    result.weight = *weight;
  }
  Parameters model = Parameters::uninitialised(task.own.size());
  const auto keep = [&](std::size_t begin, std::size_t end) {
    std::copy(task.own.data() + begin, task.own.data() + end, model.data() + begin);
  };
  std::size_t covered = 0;
  for (const auto& sum : task.sums) {
    HANSA_ASSERT(sum.piece.offset >= covered);
    keep(covered, sum.piece.offset);
    covered = sum.piece.offset + std::size_t{sum.piece.count};
    const auto values = model.span().subspan(sum.piece.offset, sum.piece.count);
    const auto weight =
        protocols::secure_sum::decode_mean(task.format, *sum.lanes, task.contributors, values);
    HANSA_ASSERT(weight.ok());
  }
  keep(covered, model.size());
  result.model = std::move(model).freeze();
  return result;
}

std::uint64_t bytes_touched(const protocols::FixedPointMean& task) {
  return sizeof(float) * std::uint64_t{task.terms.front().source.count} * (task.terms.size() + 1);
}

std::uint64_t bytes_touched(const protocols::EncodeInput& task) {
  return 2 * sizeof(float) * task.model.size();
}

std::uint64_t bytes_touched(const protocols::ApplyMasks& task) { return 2 * task.mask.lanes.size(); }

std::uint64_t bytes_touched(const protocols::DecodeSums& task) { return 2 * sizeof(float) * task.own.size(); }

}  // namespace hansa::exec
