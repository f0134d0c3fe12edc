#include "src/exec/secure_tasks.hpp"

#include "src/crypto/hash.hpp"
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
namespace secure_sum = protocols::secure_sum;

/// `beginning` with the means of `task`, whose sums have been checked, in the place of what was summed.
ParametersRef with_means(const protocols::DecodeSums& task, const ParametersRef& beginning) {
  Parameters model = Parameters::uninitialised(beginning.size());
  const auto keep = [&](std::size_t begin, std::size_t end) {
    std::copy(beginning.data() + begin, beginning.data() + end, model.data() + begin);
  };
  std::size_t covered = 0;
  for (const auto& sum : task.sums) {
    HANSA_ASSERT(sum.piece.offset >= covered);
    const std::size_t end = sum.piece.offset + std::size_t{sum.piece.count};
    keep(covered, task.compression.fraction < 1 ? end : sum.piece.offset);
    covered = end;
    std::span<const float> base;
    if (task.deltas) base = task.base.span().subspan(sum.piece.offset, sum.piece.count);
    const auto values = model.span().subspan(sum.piece.offset, sum.piece.count);
    const auto weight = secure_sum::decode_piece(task.format, task.compression, sum.chunk, *sum.lanes,
                                                 task.contributors, base, values);
    HANSA_ASSERT(weight.ok());
  }
  keep(covered, model.size());
  return std::move(model).freeze();
}

}  // namespace

Computed perform_sum(protocols::FixedPointMean task) {
  HANSA_ASSERT(!task.terms.empty());
  const std::uint32_t count = task.terms.front().source.count;
  const std::uint32_t summed = secure_sum::summed_count(count, task.compression.fraction);
  HANSA_ASSERT((summed == count && !task.deltas) || task.base.count == count);
  const std::span<const float> base =
      task.deltas ? std::span(task.base.data(), count) : std::span<const float>();
  Bytes sum((summed + std::size_t{1}) * lane_bytes(task.format.lane));
  Bytes lanes(sum.size());
  Computed result;
  for (const auto& term : task.terms) {
    HANSA_ASSERT(term.source.count == count);
    const auto encoded = secure_sum::encode_piece(task.format, task.compression, term.party, task.chunk,
                                                  {term.source.data(), count}, base, term.weight, lanes);
    if (!encoded) {
      result.error = encoded.error().message;
      return result;
    }
    crypto::add_lanes(sum, lanes, task.format.lane);
  }
  Parameters mean = Parameters::uninitialised(count);
  if (summed < count) std::copy(task.base.data(), task.base.data() + count, mean.data());
  const auto weight = secure_sum::decode_piece(task.format, task.compression, task.chunk, sum,
                                               task.terms.size(), base, mean.span());
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
  const auto lanes_in = [&](const protocols::Piece& piece) {
    return secure_sum::summed_count(piece.count, task.compression.fraction) + std::size_t{1};
  };
  std::size_t elements = 0;
  for (const protocols::Piece& piece : task.pieces) elements += lanes_in(piece);
  result.lanes.resize(elements * lane_bytes(task.format.lane));
  std::span<std::byte> rest(result.lanes);
  for (std::size_t chunk = 0; chunk < task.pieces.size(); ++chunk) {
    const protocols::Piece& piece = task.pieces[chunk];
    const auto lanes = rest.first(lanes_in(piece) * lane_bytes(task.format.lane));
    rest = rest.subspan(lanes.size());
    const auto values = task.model.span().subspan(piece.offset, piece.count);
    std::span<const float> base;
    if (task.base) base = task.base.span().subspan(piece.offset, piece.count);
    const auto encoded = secure_sum::encode_piece(task.format, task.compression, task.party, chunk, values,
                                                  base, task.weight, lanes);
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
    const auto weight = secure_sum::check_sum(task.format, *sum.lanes, task.contributors);
    if (!weight) {
      result.error = weight.error().message;
      result.model = std::move(task.own);
      return result;
    }
    result.weight = *weight;
  }
  result.model = with_means(task, task.own);
  if (!task.next_base) return result;
  result.base = with_means(task, task.base ? task.base : task.own);
  result.base_hash = crypto::Hasher("hansa1/base").update(result.base.span()).finish();
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
