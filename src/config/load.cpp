// The way from a file to a RunConfig: read, parse, apply, then make paths absolute and fetch the CSV schema.
#include "src/config/apply.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace hansa::config {

namespace fs = std::filesystem;

namespace {

constexpr std::streamsize kFileBytesMax = (std::streamsize{1} << 20) + 1;  // one more than parse_toml accepts
constexpr std::string_view kFilePrefix = "file:";

Result<std::string> read_file(const std::string& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    return Error{ErrorKind::usage, path + " is a folder, not a file", "name the .toml file inside it"};
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Error{ErrorKind::missing, "cannot read " + path + ": " + std::strerror(errno),
                 "check the path; the examples that come with hansa are in examples/"};
  }
  std::string text(static_cast<std::size_t>(kFileBytesMax), '\0');
  file.read(text.data(), kFileBytesMax);
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (file.bad()) return Error{ErrorKind::failed, "cannot read " + path, ""};
  return text;
}

std::string resolved(const fs::path& folder, const std::string& path) {
  return (folder / path).lexically_normal().string();  // an absolute path replaces the folder
}

void resolve_paths(RunConfig& config, const fs::path& folder) {
  for (const Key& key : schema()) {
    if (key.type != KeyType::path) continue;
    const std::string path = std::get<std::string>(key.read(config));
    if (!path.empty()) key.write(config, resolved(folder, path));
  }
  if (config.topology.name.starts_with(kFilePrefix)) {
    config.topology.name =
        std::string(kFilePrefix) + resolved(folder, config.topology.name.substr(kFilePrefix.size()));
  }
}

/// The schema that the configuration names, or the data set's own.
Result<void> fetch_schema(RunConfig& config) {
  std::string path = config.schema_path;
  for (const learn::DatasetEntry& entry : learn::dataset_registry()) {
    if (path.empty() && entry.name == config.data.dataset && !entry.schema_file.empty()) {
      path = learn::data_folder() + "/" + std::string(entry.schema_file);
    }
  }
  if (path.empty()) return {};
  Result<learn::CsvSchema> schema = read_schema(path);
  if (!schema) return schema.error();
  config.data.schema = std::move(*schema);
  return {};
}

}  // namespace

Result<RunConfig> parse_run_config(std::string_view text, const std::string& origin,
                                   const std::vector<Override>& overrides) {
  Result<Node> document = parse_toml(text, origin);
  if (!document) return document.error();
  Applier applier(origin);
  applier.read_document(*document);
  for (const Override& override_ : overrides) applier.apply_override(override_);
  Result<RunConfig> config = applier.finish();
  if (config.ok() && config->name.empty()) config->name = fs::path(origin).stem().string();
  return config;
}

Result<RunConfig> load_run_config(const std::string& path, const std::vector<Override>& overrides) {
  Result<std::string> text = read_file(path);
  if (!text) return text.error();
  Result<RunConfig> config = parse_run_config(*text, path, overrides);
  if (!config) return config;
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  if (error)
    return Error{ErrorKind::failed, "cannot find the folder of " + path + ": " + error.message(), ""};
  resolve_paths(*config, absolute.parent_path());
  if (Result<void> fetched = fetch_schema(*config); !fetched) return fetched.error();
  return config;
}

}  // namespace hansa::config
