// Real data to try a mesh with: the bundled bank customers, dealt to a few organisations by their job, so
// that no two have alike customers. One file per organisation, as an operator would bring it, and one with
// the test rows.
#pragma once

#include <hansa/result.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace hansa::node {

struct SampleData {
  std::vector<std::filesystem::path> parties;  ///< CSV with a header, training rows
  std::filesystem::path test;                  ///< rows that nobody trains on
  /// All training rows with a column "org" (org-0, org-1, ...), as a simulation of the same parties reads
  /// them with partition.kind = "by-column".
  std::filesystem::path pooled;
  std::filesystem::path schema;         ///< of the parties' files
  std::filesystem::path pooled_schema;  ///< the same with group = "org"
};

/// Writes them into `folder`, which exists. Errors: the bundled data is not installed; a full disk.
Result<SampleData> write_sample_data(const std::filesystem::path& folder, std::uint32_t parties);

}  // namespace hansa::node
