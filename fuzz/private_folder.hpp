// A private folder in memory: for code that wants to own a file's folder, and to write beside the file.
#pragma once

#include "fuzz/require.hpp"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace hansa::fuzzing {

/// One for this process; gone when it ends in order.
inline const std::filesystem::path& private_folder() {
  static const std::filesystem::path kFolder = [] {
    std::string name =
        std::filesystem::is_directory("/dev/shm") ? "/dev/shm/hansa-fuzz-XXXXXX" : "/tmp/hansa-fuzz-XXXXXX";
    require(::mkdtemp(name.data()) != nullptr);
    std::atexit([] { std::filesystem::remove_all(private_folder()); });
    return std::filesystem::path(name);
  }();
  return kFolder;
}

/// Empties the folder and writes `data` as the only file in it.
inline std::filesystem::path only_file(const char* name, const std::uint8_t* data, std::size_t size) {
  for (const auto& entry : std::filesystem::directory_iterator(private_folder())) {
    std::filesystem::remove(entry);
  }
  std::filesystem::path file = private_folder() / name;
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  return file;
}

}  // namespace hansa::fuzzing
