// The order in which a round of training visits rows: a fresh random permutation per pass over the shard, cut
// into consecutive batches; the last batch of a pass may be shorter. If a round takes so few steps that it
// sees less than a quarter of its shard, its rows are drawn one by one, rejecting those already drawn. That
// is the same distribution as the start of a permutation, at a cost that depends on the batch and not on the
// shard.
#pragma once

#include "src/learn/model.hpp"

#include <hansa/rng.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace hansa::learn {

class BatchOrder {
 public:
  /// `shard` and `workspace` must outlive this object; it uses the integer buffers kSlotOrder and kSlotDrawn.
  BatchOrder(const Shard& shard, const TrainOptions& options, Rng rng, Workspace& workspace);

  /// Row numbers of the next `steps` batches or of as many as are left in this pass; empty when the round is
  /// over. Valid until the next call.
  std::span<const std::uint32_t> next(std::size_t steps = 1);

  /// Rows per step, at most the shard.
  [[nodiscard]] std::size_t batch_size() const noexcept { return batch_; }
  /// Steps that `rows` rows returned by one call of `next` amount to.
  [[nodiscard]] std::size_t steps_in(std::size_t rows) const noexcept { return (rows + batch_ - 1) / batch_; }

 private:
  void draw_distinct(std::size_t first, std::size_t count);

  const Shard& shard_;
  Rng rng_;
  std::size_t batch_ = 1;
  std::size_t steps_left_ = 0;   ///< if the round is counted in steps
  std::size_t passes_left_ = 0;  ///< otherwise
  bool by_steps_ = false;
  bool distinct_draws_ = false;
  std::size_t position_ = 0;        ///< rows of this pass already given out
  std::span<std::uint32_t> order_;  ///< row numbers of this pass
  std::span<std::uint32_t> drawn_;  ///< open-addressing set of positions + 1
};

}  // namespace hansa::learn
