// Names of the workspace buffers, so that two parts of one training step never share one by accident.
#pragma once

#include <cstddef>

namespace hansa::learn {

enum FloatSlot : std::size_t {
  kSlotInput,          ///< gathered features of a batch
  kSlotLabels,         ///< labels of a batch
  kSlotActivations,    ///< outputs of all dense layers
  kSlotDeltas,         ///< two buffers of loss gradients that alternate between layers
  kSlotTransposed,     ///< a transposed weight matrix
  kSlotGradient,       ///< gradient of one piece of the parameters, for optimisers other than plain SGD
  kSlotLosses,         ///< loss of each row
  kSlotSums,           ///< factor sums of each row
  kSlotPull,           ///< what each row's factor sum contributes to the gradient
  kSlotSparseLinear,   ///< gradient of touched linear weights
  kSlotSparseFactors,  ///< gradient of touched factor rows
  kSlotColumns,        ///< image patches as matrix rows
  kSlotMaps,           ///< feature maps of a batch
  kSlotMapDeltas,      ///< their gradients
  kSlotScores,         ///< one score per row
};

enum IntegerSlot : std::size_t {
  kSlotOrder,     ///< row numbers in training order
  kSlotDrawn,     ///< set of rows drawn so far
  kSlotNonZeros,  ///< slot of each non-zero of a batch
  kSlotTable,     ///< hash table feature -> slot
  kSlotTouched,   ///< touched features, by slot
  kSlotWinners,   ///< position of each pooled maximum
};

}  // namespace hansa::learn
