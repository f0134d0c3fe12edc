// Rows of a batch lie anywhere in the data set. With pages of 4 KiB nearly each of them also misses the
// processor's table of addresses; with pages of 2 MiB a data set of 47 MB needs 24 entries.
#pragma once

#include "src/learn/dataset.hpp"

namespace hansa::exec {

/// Asks the kernel to put the features of `dataset` on huge pages, now. Changes no content; does nothing
/// where the kernel will not (other kernels than Linux 6.1 and later, huge pages switched off, small data).
void use_huge_pages(const learn::Dataset& dataset) noexcept;

}  // namespace hansa::exec
