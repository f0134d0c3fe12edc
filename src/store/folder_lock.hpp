// One process at a time works in a state folder: two nodes with one identity would contradict each other, and
// write over each other's files. The kernel lets go of the lock when the process ends, however it ends.
#pragma once

#include <hansa/result.hpp>

#include <filesystem>

namespace hansa::store {

/// A folder that nobody else can take while this lives. Tools that only read, or that ask the node, need
/// none.
class FolderLock {
 public:
  /// An error if somebody has it, this process included. Nothing is left in the folder.
  [[nodiscard]] static Result<FolderLock> take(const std::filesystem::path& folder);
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) noexcept;
  ~FolderLock();

 private:
  explicit FolderLock(int fd) noexcept : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace hansa::store
