// models.bin: the final parameters of every party, as plain as a file can be, so that ten lines of NumPy read
// it.
//
//   offset  size            content
//   0       8               "HANSAMDL"
//   8       4               version, 1
//   12      4               parties P
//   16      8               parameters per model N
//   24      4 * P * N       IEEE 754 binary32, party by party; NaN throughout for a party without a model
//   ...     4               length H of the hash text
//   ...     H               models_hash as in summary.json, ASCII
//
// All integers and floats are little-endian.
#pragma once

#include <hansa/parameters.hpp>
#include <hansa/result.hpp>

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace hansa::sim {

/// What models.bin holds.
struct ModelsFile {
  std::uint32_t parties = 0;
  std::uint64_t parameters = 0;
  std::vector<float> values;  ///< [parties][parameters]
  std::string hash;
};

/// An error if the models do not all have the same size; empty references are allowed.
Result<void> check_models(const std::vector<ParametersRef>& models);

/// Writes the format above without building it in memory. False if the stream failed.
/// Precondition: check_models(models).
bool encode_models(std::ostream& out, const std::vector<ParametersRef>& models, const std::string& hash);

/// Reads a models.bin. Errors name the path and what is wrong (magic, version, length).
Result<ModelsFile> read_models(const std::string& path);

}  // namespace hansa::sim
