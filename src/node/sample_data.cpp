#include "src/node/sample_data.hpp"

#include "src/config/run_config.hpp"
#include "src/learn/data/file.hpp"
#include "src/learn/dataset.hpp"
#include "src/learn/load.hpp"

#include <fstream>
#include <map>
#include <string_view>

namespace hansa::node {
namespace {

/// The second field of a line whose texts are quoted.
std::string_view job_in(std::string_view line) {
  const std::size_t first = line.find(';');
  return line.substr(first + 1, line.find(';', first + 1) - first - 1);
}

Error cannot_write(const std::filesystem::path& path) {
  return {ErrorKind::failed, "cannot write " + path.string(), "is the disk full, or the folder not yours?"};
}

Result<void> write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) return cannot_write(path);
  return {};
}

}  // namespace

Result<SampleData> write_sample_data(const std::filesystem::path& folder, std::uint32_t parties) {
  auto schema = config::read_schema(learn::data_folder() + "/bank-marketing-zscore.schema.toml");
  if (!schema) return schema.error();
  const auto text = learn::read_file(learn::data_folder() + "/bank-marketing.csv.gz");
  if (!text) return text.error();
  const std::string_view all(*text);
  const std::size_t header_end = all.find('\n') + 1;
  const std::string header(all.substr(0, header_end));
  std::vector<std::string> shares(parties, header);
  std::string test = header, pooled = "\"org\";" + header;
  std::map<std::string_view, std::uint32_t> owner_of_job;
  for (const std::string& job : schema->groups) {
    owner_of_job.emplace(job, static_cast<std::uint32_t>(owner_of_job.size()) % parties);
  }
  std::uint64_t row = 0;
  for (std::size_t at = header_end; at < all.size(); ++row) {
    const std::size_t end = std::min(all.find('\n', at), all.size() - 1) + 1;
    const std::string_view line = all.substr(at, end - at);
    at = end;
    if (learn::is_test_row(row)) {
      test += line;
      continue;
    }
    std::string_view job = job_in(line);
    job = job.size() > 2 ? job.substr(1, job.size() - 2) : job;  // without its quotes
    const auto owner = owner_of_job.find(job);
    const std::uint32_t party = owner == owner_of_job.end() ? 0 : owner->second;
    shares[party] += line;
    pooled += "\"org-" + std::to_string(party) + "\";";
    pooled += line;
  }

  SampleData result;
  for (std::uint32_t i = 0; i < parties; ++i) {
    result.parties.push_back(folder / ("org-" + std::to_string(i) + ".csv"));
    if (const auto done = write(result.parties.back(), shares[i]); !done) return done.error();
  }
  result.test = folder / "test.csv";
  result.pooled = folder / "pooled.csv";
  result.schema = folder / "bank.schema.toml";
  result.pooled_schema = folder / "pooled.schema.toml";
  schema->group.clear();
  schema->groups.clear();
  if (const auto done = write(result.schema, config::schema_to_toml(*schema)); !done) return done.error();
  schema->group = "org";
  for (std::uint32_t i = 0; i < parties; ++i) schema->groups.push_back("org-" + std::to_string(i));
  if (const auto done = write(result.pooled_schema, config::schema_to_toml(*schema)); !done) {
    return done.error();
  }
  if (const auto done = write(result.test, test); !done) return done.error();
  if (const auto done = write(result.pooled, pooled); !done) return done.error();
  return result;
}

}  // namespace hansa::node
