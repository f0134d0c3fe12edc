// What a run's rounds were like, for the people who look at it: kept in a text file beside the models, one
// JSON object a line, so that curves are still there after a restart. Nothing is decided by it. So lines are
// not flushed, and one that cannot be read, torn by a power cut or with a flipped bit, is left out.
//
// Every line carries a checksum over itself and its run: a damaged number of a round would otherwise pass for
// a return to that round, and take all later ones away.
#pragma once

#include "src/crypto/hash.hpp"
#include "src/node/state_folder.hpp"

#include <hansa/result.hpp>
#include <hansa/types.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hansa::node {

/// One line of a run's history.
struct RoundReport {
  Round round = 0;                 ///< rounds completed
  double seconds = 0;              ///< of training here until then, restarts left out
  double loss = 0;                 ///< mean training loss of the round at this party; NaN if it did not train
  double metric = 0;               ///< on this party's test rows; NaN if the round was not evaluated
  std::uint32_t participants = 0;  ///< whose models or inputs went in
  std::vector<std::uint32_t> missing;  ///< parties that were waited for in vain
};

struct RunHistory {
  std::vector<RoundReport> rounds;  ///< ascending, at most kHistoryMax
  std::string metric_name;          ///< of RoundReport::metric; empty if there is none
};

inline constexpr std::size_t kHistoryMax = 10'000;    ///< rounds of a run; later ones are not kept
inline constexpr std::size_t kHistoryLineMax = 4096;  ///< bytes
inline constexpr std::size_t kHistoryBytesMax = std::size_t{16} << 20;  ///< of a file
inline constexpr std::size_t kHistoryMissingMax = 256;                  ///< parties in a line

/// Adds a round. One that comes again, after a restart, replaces what stood there and all later ones. False
/// if the history is full.
bool add_round(RunHistory& history, RoundReport report);

/// Seconds of training until `round` was complete; 0 if nothing is known.
[[nodiscard]] double seconds_until(const RunHistory& history, Round round);

/// A line without its end. A number that is not finite is written as null and comes back as NaN; of `missing`
/// the first kHistoryMissingMax are kept.
[[nodiscard]] std::string encode_history_line(const RoundReport& report, const std::string& metric_name,
                                              const crypto::Hash256& run);
struct HistoryLine {
  RoundReport report;
  std::string metric_name;
};
/// None if it is not exactly what was written for this run.
[[nodiscard]] std::optional<HistoryLine> decode_history_line(std::string_view line,
                                                             const crypto::Hash256& run);
/// `fields`, a JSON object, as a line with its checksum.
[[nodiscard]] std::string seal_history_line(std::string fields, const crypto::Hash256& run);
/// All lines that can be read, in the order in which they were written.
[[nodiscard]] RunHistory decode_history(std::string_view text, const crypto::Hash256& run);

/// The file of one run: StateFolder::histories()/<16 digits of its id>.jsonl. Not thread-safe.
class HistoryFile {
 public:
  HistoryFile(const StateFolder& folder, const crypto::Hash256& run);

  /// Empty if there is no file. An error if it cannot be read or is larger than kHistoryBytesMax.
  [[nodiscard]] Result<RunHistory> load() const;
  /// Adds one line, and not to what a crash has left of another. Not flushed: some microseconds.
  [[nodiscard]] Result<void> append(const RoundReport& report, const std::string& metric_name) const;
  /// Replaces all, atomically.
  [[nodiscard]] Result<void> rewrite(const RunHistory& history) const;

 private:
  std::filesystem::path folder_, file_;
  crypto::Hash256 run_;
};

}  // namespace hansa::node
