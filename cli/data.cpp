// `hansa data describe`: what is in a file, and a first schema for it.
#include "cli/cli.hpp"

#include "src/learn/load.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>

namespace hansa::cli {

namespace {

using learn::DataDescription;

constexpr std::size_t kColumnsShownMax = 60;
constexpr std::size_t kTextShownMax = 24;

/// For a terminal, which must not be given orders by a file.
std::string shortened(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, '?');
  return text.size() <= kTextShownMax ? text : text.substr(0, kTextShownMax - 3) + "...";
}

std::string content_of(const DataDescription::Column& column) {
  if (column.kind == "numeric") {
    return fmt::format("{:.6g} to {:.6g}, mean {:.4g}, deviation {:.4g}", column.min, column.max, column.mean,
                       column.stddev);
  }
  std::string out;
  for (const auto& [text, count] : column.most_common) {
    out += fmt::format("{}{} ({})", out.empty() ? "" : ", ", shortened(text), count);
  }
  return out;
}

void print_text(const std::string& path, const DataDescription& description) {
  fmt::print("{}: {}, {} rows, {} columns\n\n", path, description.format, description.rows,
             description.columns.size());
  std::size_t width = 6;
  for (const auto& column : description.columns) width = std::max(width, shortened(column.name).size());
  fmt::print("{:<{}}  {:<11}  {:>8}  {:>8}  {}\n", "column", width, "kind", "missing", "distinct", "content");
  const std::size_t shown = std::min(kColumnsShownMax, description.columns.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& column = description.columns[i];
    fmt::print("{:<{}}  {:<11}  {:>8}  {:>8}  {}\n", shortened(column.name), width, column.kind,
               column.missing, column.distinct, content_of(column));
  }
  if (shown < description.columns.size()) {
    fmt::print("... and {} more; --json shows all\n", description.columns.size() - shown);
  }
  if (!description.schema_toml.empty()) {
    fmt::print("\n`hansa data describe {} --schema > schema.toml` writes a schema to start from.\n", path);
  }
}

void print_json(const DataDescription& description) {
  nlohmann::ordered_json document{
      {"schema", "hansa.data.v1"}, {"format", description.format}, {"rows", description.rows}};
  auto& columns = document["columns"] = nlohmann::ordered_json::array();
  for (const auto& column : description.columns) {
    nlohmann::ordered_json entry{{"name", column.name},
                                 {"kind", column.kind},
                                 {"missing", column.missing},
                                 {"distinct", column.distinct}};
    if (column.kind == "numeric") {
      entry["min"] = column.min;
      entry["max"] = column.max;
      entry["mean"] = column.mean;
      entry["std"] = column.stddev;
    }
    auto& common = entry["most_common"] = nlohmann::ordered_json::array();
    for (const auto& [text, count] : column.most_common)
      common.push_back({{"value", text}, {"count", count}});
    columns.push_back(std::move(entry));
  }
  fmt::print("{}\n", document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

int describe(const std::string& path, bool schema, bool json) {
  const auto description = learn::describe_file(path);
  if (!description) return fail(description.error(), json);
  if (!schema) {
    json ? print_json(*description) : print_text(path, *description);
    return kExitOk;
  }
  if (description->schema_toml.empty()) {
    return fail(
        {ErrorKind::usage, path + ": only CSV files have a schema, this is " + description->format, ""},
        json);
  }
  if (json) {
    fmt::print(
        "{}\n",
        nlohmann::ordered_json{{"schema", "hansa.data_schema.v1"}, {"toml", description->schema_toml}}.dump(
            2));
  } else {
    fmt::print("{}", description->schema_toml);
  }
  return kExitOk;
}

}  // namespace

void add_data(Cli& cli) {
  CLI::App* group = cli.verb(cli.app, "data", "Look into data files",
                             "Example:\n  hansa data describe data/bank-marketing.csv.gz");
  CLI::App* verb = cli.verb(*group, "describe", "Columns, kinds, ranges and missing fields of a file",
                            "CSV, libsvm and IDX, plain or .gz. Examples:\n"
                            "  hansa data describe data/bank-marketing.csv.gz\n"
                            "  hansa data describe mine.csv --schema > mine.schema.toml");
  struct Options {
    std::string path;
    bool schema = false;
  };
  const auto options = std::make_shared<Options>();
  cli.values[verb->add_option("FILE", options->path, "The data file")->required()] = {"<file>"};
  verb->add_flag("--schema", options->schema, "Print a schema file to start from (CSV only)");
  cli.add_json(*verb);
  verb->callback([&cli, options] {
    cli.action = [&cli, options] { return describe(options->path, options->schema, cli.json); };
  });
}

}  // namespace hansa::cli
