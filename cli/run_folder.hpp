// Where a run's files go, settled before any training: nobody wants to learn after an hour that the disk is
// read-only.
#pragma once

#include <hansa/result.hpp>

#include <string>
#include <vector>

namespace hansa::cli {

/// A folder that exists and can be written to. Removed again, with the parents that were created for it,
/// unless `keep` is called: a run that never started leaves nothing behind.
class RunFolder {
 public:
  RunFolder(RunFolder&& other) noexcept;
  RunFolder& operator=(RunFolder&&) = delete;
  ~RunFolder();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  void keep() noexcept { created_.clear(); }

 private:
  friend Result<RunFolder> prepare_run_folder(const std::string&, const std::string&, bool);
  RunFolder(std::string path, std::vector<std::string> created);

  std::string path_;
  std::vector<std::string> created_;  // innermost first
};

/// `wanted` itself, created with its parents; or, if empty, a fresh runs/<name>-<date>-<time>. A folder with
/// something in it is refused unless `force`.
Result<RunFolder> prepare_run_folder(const std::string& wanted, const std::string& run_name, bool force);

}  // namespace hansa::cli
