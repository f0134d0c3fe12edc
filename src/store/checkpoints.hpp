// Models on disk. A checkpoint is one file whose name holds its run, round and hash; it is written beside its
// place, flushed, renamed into it and the folder flushed. So a power cut leaves the previous one, and a file
// whose content does not fit its name is never loaded: it is moved to quarantine, and the one before it is
// taken.
#pragma once

#include "protocols/machine.hpp"
#include "src/crypto/hash.hpp"

#include <hansa/result.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace hansa::store {

/// `record` as bytes: fixed layout, little-endian, models as raw floats.
[[nodiscard]] std::vector<std::byte> encode_record(const protocols::Record& record);
/// The record in `bytes`, if they are exactly one; the models have `parameters` floats, all finite.
[[nodiscard]] Result<protocols::Record> decode_record(std::span<const std::byte> bytes,
                                                      std::size_t parameters);

/// The checkpoints of one run. Not thread-safe.
class Checkpoints {
 public:
  /// `folder` is made if it is not there; its parent must be private.
  static Result<Checkpoints> open(const std::filesystem::path& folder, const crypto::Hash256& run);

  /// Durable when it returns. Keeps the last kKeep and every kKeepEvery-th round, removes the others.
  Result<void> save(const protocols::Record& record);
  /// The newest that is intact; none if there is none. Damaged ones are moved aside and named in
  /// quarantined(). If a damaged one was of a later round, the record says that round: what was said in the
  /// rounds between must not be said again.
  Result<std::optional<protocols::Record>> load_newest(std::size_t parameters);
  [[nodiscard]] const std::vector<std::string>& quarantined() const noexcept { return quarantined_; }

  static constexpr std::size_t kKeep = 3;
  static constexpr Round kKeepEvery = 10;

 private:
  struct File {
    Round round = 0;
    std::uint64_t number = 0;  ///< grows with every save
    std::filesystem::path path;
  };
  Checkpoints(std::filesystem::path folder, const crypto::Hash256& run)
      : folder_(std::move(folder)), run_(run) {}
  [[nodiscard]] std::vector<File> files() const;  ///< newest first
  Result<void> quarantine(const File& file);

  std::filesystem::path folder_;
  crypto::Hash256 run_;
  std::uint64_t last_number_ = 0;
  std::vector<std::string> quarantined_;
};

}  // namespace hansa::store
