// Heavy work that a machine asks for and a driver performs, somewhere else and perhaps later. A task holds
// references only; performing it reads no state but its own and the party's data.
#pragma once

#include "protocols/messages.hpp"
#include "protocols/secure_sum/compression.hpp"
#include "protocols/secure_sum/fixed_point.hpp"
#include "protocols/secure_sum/masking.hpp"

#include <hansa/parameters.hpp>
#include <hansa/types.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace hansa::protocols {

/// One weighted term of a mix: weight * source lands at [target, target + source.count).
struct MixTerm {
  Slice source;
  std::uint32_t target = 0;
  float weight = 1;
};

/// A piece of a model: floats [offset, offset + count).
struct Piece {
  std::uint32_t offset = 0;
  std::uint32_t count = 0;
};

/// Where a mix does not reach: of each piece, the coordinates outside its sum's index set stay as in `own`.
struct Unsummed {
  ParametersRef own;
  std::vector<Piece> pieces;  ///< by chunk
  secure_sum::Compression compression;
};

/// Mix, then train, in one pass over memory. Terms with the same target range are summed in the order given;
/// the ranges are disjoint and cover the model. A single term of weight 1 over everything is passed on
/// without a copy.
struct MixAndTrain {
  std::uint32_t size = 0;  ///< floats in the result
  std::vector<MixTerm> terms;
  bool train = false;
  Round round = 0;                ///< key of the training's randomness
  float step_scale = 1;           ///< result = mixed + step_scale * (trained - mixed); push-sum uses 1 / mass
  ParametersRef optimiser_state;  ///< empty before the first training
  std::shared_ptr<const Unsummed> unsummed;  ///< set if the mix covers some coordinates only
};

/// The average of `terms` as a secure sum would compute it, without its masks: each source is encoded with
/// its weight, the integers are added exactly, and the mean is decoded once. Coordinates that are not summed
/// come from `base`. For aggregation = "plain-fixed".
struct FixedPointMean {
  struct Term {
    Slice source;
    double weight = 1;  ///< in [0, 1]
    PartyId party{};
  };
  secure_sum::FixedPointFormat format;
  std::vector<Term> terms;
  std::size_t chunk = 0;  ///< which piece this is
  secure_sum::Compression compression;
  Slice base;           ///< with `deltas`, and where not all is summed
  bool deltas = false;  ///< sum the differences from `base`
};

/// Encodes the pieces of `model` for a secure sum: the input of a session. A value that is not finite is an
/// error.
struct EncodeInput {
  secure_sum::FixedPointFormat format;
  ParametersRef model;
  double weight = 1;  ///< in [0, 1]
  std::vector<Piece> pieces;
  PartyId party{};
  secure_sum::Compression compression;
  ParametersRef base;  ///< if set, the differences from it are encoded
};

/// Adds masks to a secure sum's vector, or takes them off.
struct ApplyMasks {
  secure_sum::MaskTask mask;
};

/// Replaces the pieces of `own` whose sums are known, ascending, by the decoded means. If one of the sums
/// cannot be, `own` comes back as it was, with an error.
struct DecodeSums {
  struct Sum {
    Piece piece;
    std::shared_ptr<const secure_sum::Bytes> lanes;
    std::size_t chunk = 0;
  };
  secure_sum::FixedPointFormat format;
  std::size_t contributors = 0;
  ParametersRef own;
  std::vector<Sum> sums;
  secure_sum::Compression compression;
  ParametersRef base;      ///< what the sums before made of a common beginning; may be empty
  bool deltas = false;     ///< the sums are of differences from `base`
  bool next_base = false;  ///< wanted: `base` with the means in place of what was summed, and its hash
};

/// Closed set of tasks.
using Task = std::variant<MixAndTrain, FixedPointMean, EncodeInput, ApplyMasks, DecodeSums>;

/// What came of a task.
struct Computed {
  ParametersRef model;
  ParametersRef optimiser_state;
  double loss_sum = 0;      ///< over `rows`; 0 if it did not train
  std::uint64_t rows = 0;   ///< rows processed by training
  secure_sum::Bytes lanes;  ///< EncodeInput, ApplyMasks
  ParametersRef base;       ///< DecodeSums, if wanted; empty if a sum cannot be used
  crypto::Hash256 base_hash;
  double weight = 0;  ///< DecodeSums: the sum of the contributors' weights, 0 if there was no sum
  std::string error;  ///< why an input or a sum cannot be used; empty if it can
};

}  // namespace hansa::protocols
