// The check for writability is the only one that is always right: a file is written and removed.
#include "cli/run_folder.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <utility>

namespace hansa::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kNameBytesMax = 60;

/// A name that is a good folder name everywhere.
std::string folder_name(const std::string& run_name) {
  std::string out;
  for (const char c : run_name.substr(0, kNameBytesMax)) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '-';
    out += fine ? c : '-';
  }
  return out.empty() || out.front() == '.' || out.front() == '-' ? "run" + out : out;
}

std::string fresh_folder(const std::string& run_name) {
  const std::string base =
      fmt::format("runs/{}-{:%Y%m%d-%H%M%S}", folder_name(run_name), fmt::localtime(std::time(nullptr)));
  std::string path = base;
  std::error_code ignored;
  for (int k = 2; fs::exists(path, ignored); ++k) path = fmt::format("{}-{}", base, k);
  return path;
}

std::string without_slash(const std::string& path) {
  const std::size_t last = path.find_last_not_of('/');
  return last == std::string::npos ? path : path.substr(0, last + 1);
}

/// The folders of `path` that do not exist yet, innermost first.
std::vector<std::string> missing_folders(fs::path path) {
  std::vector<std::string> missing;
  std::error_code ignored;
  while (!path.empty() && !fs::exists(path, ignored)) {
    missing.push_back(path.string());
    if (path == path.parent_path()) break;
    path = path.parent_path();
  }
  return missing;
}

Result<void> check_writable(const std::string& folder) {
  const std::string probe = folder + "/.hansa-write-test";
  std::ofstream file(probe);
  file << "x";
  file.close();
  const int reason = errno;
  std::error_code ignored;
  fs::remove(probe, ignored);
  if (file) return {};
  return Error{ErrorKind::failed,
               fmt::format("cannot write to the folder {}: {}", folder, std::strerror(reason)),
               "choose another folder with --out DIR"};
}

Result<void> check_existing(const std::string& folder, bool force) {
  std::error_code error;
  if (!fs::exists(folder, error)) return {};
  if (!fs::is_directory(folder, error)) {
    return Error{ErrorKind::usage, fmt::format("{} exists and is not a folder", folder),
                 "--out names the folder of the run"};
  }
  const bool empty = fs::is_empty(folder, error);
  if (error)
    return Error{ErrorKind::failed, fmt::format("cannot look into {}: {}", folder, error.message()), ""};
  if (empty || force) return {};
  return Error{
      ErrorKind::usage, fmt::format("the folder {} is not empty", folder),
      "--force writes into it all the same and replaces files of earlier runs; or choose another --out"};
}

}  // namespace

RunFolder::RunFolder(std::string path, std::vector<std::string> created)
    : path_(std::move(path)), created_(std::move(created)) {}

RunFolder::RunFolder(RunFolder&& other) noexcept
    : path_(std::move(other.path_)), created_(std::exchange(other.created_, {})) {}

RunFolder::~RunFolder() {
  for (const std::string& folder : created_) {
    std::error_code error;
    if (!fs::exists(folder, error)) continue;
    if (!fs::is_empty(folder, error) || error) break;  // never more than empty folders
    fs::remove(folder, error);
  }
}

Result<RunFolder> prepare_run_folder(const std::string& wanted, const std::string& run_name, bool force) {
  const std::string path = wanted.empty() ? fresh_folder(run_name) : without_slash(wanted);
  if (Result<void> checked = check_existing(path, force); !checked) return checked.error();
  RunFolder folder(path, missing_folders(path));
  std::error_code error;
  fs::create_directories(path, error);
  if (error) {
    return Error{ErrorKind::failed, fmt::format("cannot create the folder {}: {}", path, error.message()),
                 "choose another folder with --out DIR"};
  }
  if (Result<void> checked = check_writable(path); !checked) return checked.error();
  return folder;
}

}  // namespace hansa::cli
