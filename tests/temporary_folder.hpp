// A folder of a test's own, mode 0700 below the system's temporary folder; gone with the object.
#pragma once

#include <hansa/assert.hpp>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace hansa::test {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "hansa-test-XXXXXX").string();
    HANSA_ASSERT(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace hansa::test
