// Batches from the front of a permutation that is built as it is asked for.
#include "src/learn/models/batch_order.hpp"

#include <hansa/assert.hpp>

#include "src/learn/models/slots.hpp"

#include <algorithm>
#include <bit>

// The permutation is built from its front as rows are asked for (Fisher-Yates), so a round that stops early
// does not pay for the rest.

namespace hansa::learn {

BatchOrder::BatchOrder(const Shard& shard, const TrainOptions& options, Rng rng, Workspace& workspace)
    : shard_(shard), rng_(rng) {
  const std::size_t rows = shard.rows.size();
  HANSA_ASSERT(rows > 0);
  batch_ = std::clamp<std::size_t>(options.batch_size, 1, rows);
  by_steps_ = options.steps > 0;
  steps_left_ = options.steps;
  passes_left_ = options.epochs;
  const std::size_t draws = batch_ * options.steps;
  distinct_draws_ = by_steps_ && draws <= rows / 4;
  if (distinct_draws_) {
    order_ = workspace.integers(kSlotOrder, draws).first(draws);
    const std::size_t capacity = std::bit_ceil(2 * draws);
    drawn_ = workspace.integers(kSlotDrawn, capacity).first(capacity);
    std::fill(drawn_.begin(), drawn_.end(), 0U);
  } else {
    order_ = workspace.integers(kSlotOrder, rows).first(rows);
    std::copy(shard.rows.begin(), shard.rows.end(), order_.begin());
  }
}

void BatchOrder::draw_distinct(std::size_t first, std::size_t count) {
  const std::size_t mask = drawn_.size() - 1;
  for (std::size_t i = first; i < first + count;) {
    const auto position = static_cast<std::uint32_t>(rng_.below(shard_.rows.size()));
    std::size_t at = position & mask;  // positions are uniform: their low bits are as good as a hash
    while (drawn_[at] != 0 && drawn_[at] != position + 1) at = (at + 1) & mask;
    if (drawn_[at] != 0) continue;  // had this row already
    drawn_[at] = position + 1;
    order_[i++] = shard_.rows[position];
  }
}

std::span<const std::uint32_t> BatchOrder::next(std::size_t steps) {
  if (by_steps_ ? steps_left_ == 0 : passes_left_ == 0) return {};
  if (by_steps_) steps = std::min(steps, steps_left_);
  const std::size_t first = position_;
  const std::size_t count = std::min(steps * batch_, order_.size() - first);
  if (distinct_draws_) {
    draw_distinct(first, count);
  } else {
    for (std::size_t i = first; i < first + count; ++i) {
      std::swap(order_[i], order_[i + rng_.below(order_.size() - i)]);
    }
  }
  position_ += count;
  if (by_steps_) steps_left_ -= steps_in(count);
  if (position_ == order_.size()) {
    position_ = 0;
    if (!by_steps_) --passes_left_;
  }
  return {order_.data() + first, count};
}

}  // namespace hansa::learn
