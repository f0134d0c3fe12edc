#include "src/store/checkpoints.hpp"

#include "src/store/key_files.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace hansa::store {
namespace {

constexpr std::string_view kEnding = ".checkpoint";
constexpr std::size_t kRoundDigits = 10, kNumberDigits = 16, kHashDigits = 64;
constexpr std::size_t kBytesMax = std::size_t{16} << 30;

std::string digits(std::uint64_t value, std::size_t width) {
  std::string text = std::to_string(value);
  return std::string(width - std::min(width, text.size()), '0') + text;
}

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

crypto::Hash256 content_hash(const crypto::Hash256& run, std::span<const std::byte> content) {
  return crypto::Hasher("hansa1/checkpnt").update(run.bytes).update(content).finish();
}

/// What has gone wrong with `path`, from `error`.
Error trouble(const std::filesystem::path& path, const std::error_code& error) {
  return {ErrorKind::failed, path.string() + ": " + error.message(),
          "look at the disk with the state folder"};
}

}  // namespace

Result<Checkpoints> Checkpoints::open(const std::filesystem::path& folder, const crypto::Hash256& run) {
  if (const auto ready = ensure_private_folder(folder); !ready) return ready.error();
  const std::filesystem::path own = folder / run.hex().substr(0, 16);
  if (const auto ready = ensure_private_folder(own); !ready) return ready.error();
  Checkpoints result(own, run);
  for (const File& file : result.files()) result.last_number_ = std::max(result.last_number_, file.number);
  return result;
}

/// Names are number-round-hash.checkpoint; anything else in the folder is not ours.
std::vector<Checkpoints::File> Checkpoints::files() const {
  std::vector<File> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    constexpr std::size_t kLength = kNumberDigits + 1 + kRoundDigits + 1 + kHashDigits + kEnding.size();
    if (name.size() != kLength || !name.ends_with(kEnding)) continue;
    const auto number = number_in(std::string_view(name).substr(0, kNumberDigits));
    const auto round = number_in(std::string_view(name).substr(kNumberDigits + 1, kRoundDigits));
    if (number && round) found.push_back({static_cast<Round>(*round), *number, entry.path()});
  }
  std::sort(found.begin(), found.end(), [](const File& a, const File& b) { return a.number > b.number; });
  return found;
}

Result<void> Checkpoints::save(const protocols::Record& record) {
  const std::vector<std::byte> content = encode_record(record);
  const std::string name = digits(last_number_ + 1, kNumberDigits) + '-' +
                           digits(record.round, kRoundDigits) + '-' + content_hash(run_, content).hex() +
                           std::string(kEnding);
  if (const auto written = write_private_file(folder_ / name, content); !written) return written.error();
  ++last_number_;
  const std::vector<File> all = files();
  for (std::size_t i = kKeep; i < all.size(); ++i) {
    std::error_code error;
    if (all[i].round % kKeepEvery != 0) std::filesystem::remove(all[i].path, error);
  }
  return {};
}

Result<std::optional<protocols::Record>> Checkpoints::load_newest(std::size_t parameters) {
  Round reached = 0;
  for (const File& file : files()) {
    const auto content = read_private_file(file.path, kBytesMax);
    if (content) {
      const std::string hash = content_hash(run_, *content).hex();
      const bool intact = file.path.filename().string().find(hash) != std::string::npos;
      auto record = decode_record(*content, parameters);
      if (intact && record) {
        record->round = std::max(record->round, reached);
        return std::optional(std::move(record).value());
      }
    }
    reached = std::max(reached, file.round);
    if (const auto moved = quarantine(file); !moved) return moved.error();
  }
  return std::optional<protocols::Record>();
}

Result<void> Checkpoints::quarantine(const File& file) {
  const std::filesystem::path aside = folder_ / "quarantine";
  if (const auto ready = ensure_private_folder(aside); !ready) return ready.error();
  std::error_code error;
  std::filesystem::rename(file.path, aside / file.path.filename(), error);
  if (error) return trouble(file.path, error);
  quarantined_.push_back((aside / file.path.filename()).string());
  return {};
}

}  // namespace hansa::store
