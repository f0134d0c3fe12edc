// Writing the run folder: every file goes to NAME.tmp first and is renamed when complete, so that a full disk
// or a kill leaves either the whole file or none under the documented name.
#include "sim/report/report.hpp"

#include "sim/report/models_file.hpp"
#include "src/config/run_config.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <system_error>

namespace hansa::sim {
namespace {

namespace fs = std::filesystem;
using Writer = std::function<bool(std::ostream&)>;

constexpr const char* kHint = "choose a folder you can write to with --out, or free some space";

Error write_error(const fs::path& path, const std::string& why) {
  return {ErrorKind::failed, fmt::format("cannot write {}: {}", path.string(), why), kHint};
}

Result<void> write_file(const fs::path& path, const Writer& write) {
  fs::path temporary = path;
  temporary += ".tmp";
  errno = 0;
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  if (!out) return write_error(path, std::strerror(errno));
  const bool written = write(out) && out.flush();
  const int code = errno;
  out.close();
  std::error_code failure;
  if (!written || !out) {
    fs::remove(temporary, failure);
    return write_error(path, code != 0 ? std::strerror(code) : "the file system refused the data");
  }
  fs::rename(temporary, path, failure);
  if (failure) {
    const Error error = write_error(path, failure.message());
    fs::remove(temporary, failure);
    return error;
  }
  return {};
}

Result<void> write_text(const fs::path& path, const std::string& text) {
  return write_file(path, [&text](std::ostream& out) {
    return static_cast<bool>(out.write(text.data(), static_cast<std::streamsize>(text.size())));
  });
}

}  // namespace

Result<void> write_run_folder(const RunResult& result, const std::string& folder) {
  const fs::path root(folder);
  std::error_code failure;
  fs::create_directories(root, failure);
  if (failure)
    return Error{ErrorKind::failed, fmt::format("cannot create folder {}: {}", folder, failure.message()),
                 kHint};
  if (!fs::is_directory(root, failure)) {
    return Error{ErrorKind::failed, fmt::format("{} exists and is not a folder", folder), kHint};
  }
  if (auto checked = check_models(result.models); !checked) return checked;

  struct TextFile {
    const char* name;
    std::function<std::string()> make;
  };
  const TextFile files[] = {
      {"config.toml", [&] { return config::to_toml(result.config); }},
      {"rounds.jsonl", [&] { return rounds_jsonl(result); }},
      {"accuracies.csv", [&] { return accuracies_csv(result); }},
      {"client_statistics.csv", [&] { return client_statistics_csv(result); }},
      {"report.html", [&] { return report_html(result); }},
      {"summary.json", [&] { return summary_json(result); }},
  };
  auto models = write_file(root / "models.bin", [&](std::ostream& out) {
    return encode_models(out, result.models, result.models_hash);
  });
  if (!models) return models;
  // The summary comes last: a folder that has one is complete.
  for (const TextFile& file : files) {
    if (auto written = write_text(root / file.name, file.make()); !written) return written;
  }
  return {};
}

}  // namespace hansa::sim
