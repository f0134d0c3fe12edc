// Any bytes as a run's history (first byte odd), or lines of it that get the checksum they need to come any
// further (even). What is read is in order and bounded, and reads the same once it is written out.
#include "fuzz/require.hpp"
#include "src/node/run_history.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

using hansa::fuzzing::require;

namespace {

using namespace hansa;

const crypto::Hash256 kRun{};

void check(const node::RoundReport& report) {
  require(std::isfinite(report.seconds) && report.seconds >= 0);
  require(!std::isinf(report.loss) && !std::isinf(report.metric));
  require(report.missing.size() <= node::kHistoryMissingMax);
}

/// One line; with its checksum if it has none.
std::string line_of(std::string_view text, bool seal) {
  std::string line = seal ? node::seal_history_line(std::string(text), kRun) : std::string(text);
  const auto read = node::decode_history_line(line, kRun);
  if (!read) return line;
  check(read->report);
  const std::string once = node::encode_history_line(read->report, read->metric_name, kRun);
  const auto again = node::decode_history_line(once, kRun);
  require(again && node::encode_history_line(again->report, again->metric_name, kRun) == once);
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    text += line_of(rest.substr(0, end), data[0] % 2 == 0);
    if (end < rest.size()) text += '\n';
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const node::RunHistory history = node::decode_history(text, kRun);
  require(history.rounds.size() <= node::kHistoryMax);
  std::string once;
  for (std::size_t i = 0; i < history.rounds.size(); ++i) {
    check(history.rounds[i]);
    require(i == 0 || history.rounds[i - 1].round < history.rounds[i].round);
    once += node::encode_history_line(history.rounds[i], history.metric_name, kRun) + '\n';
  }
  const node::RunHistory again = node::decode_history(once, kRun);
  require(again.rounds.size() == history.rounds.size());
  require(again.rounds.empty() || again.metric_name == history.metric_name);
  return 0;
}
