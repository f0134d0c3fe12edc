// The search order lets a checkout, an installed program and a test all find the same files by name.
#include "src/learn/data/folder.hpp"

#include "src/learn/load.hpp"

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

namespace hansa::learn {
namespace {

namespace fs = std::filesystem;

/// Data folders that exist, best first.
std::vector<fs::path> data_folders() {
  std::vector<fs::path> candidates;
  if (const char* const chosen = std::getenv("HANSA_DATA"); chosen != nullptr && *chosen != '\0') {
    candidates.emplace_back(chosen);
  }
  constexpr std::string_view kSources = HANSA_SOURCE_DATA;
  if (!kSources.empty()) candidates.emplace_back(kSources);  // empty in a package
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) candidates.push_back(program.parent_path().parent_path() / "share" / "hansa" / "data");
  candidates.emplace_back(HANSA_INSTALLED_DATA);
  std::vector<fs::path> folders;
  for (const fs::path& folder : candidates) {
    if (fs::is_directory(folder, error)) folders.push_back(folder);
  }
  if (folders.empty()) folders.push_back(candidates.front());
  return folders;
}

}  // namespace

std::string data_folder() { return data_folders().front().string(); }

std::string find_data_file(std::string_view name) {
  const std::vector<fs::path> folders = data_folders();
  std::error_code error;
  for (const fs::path& folder : folders) {
    if (fs::exists(folder / name, error)) return (folder / name).string();
  }
  return (folders.front() / name).string();
}

}  // namespace hansa::learn
