// POSIX calls for what is added: one open, one write and one close a round, without a stream's buffer that a
// crash would lose.
#include "src/node/run_history.hpp"

#include "src/store/key_files.hpp"

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <limits>
#include <span>
#include <system_error>
#include <utility>

namespace hansa::node {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kCheck = ",\"check\":\"", kEnd = "\"}";
constexpr std::size_t kCheckDigits = 16;
constexpr std::size_t kTail = kCheck.size() + kCheckDigits + kEnd.size();
constexpr std::size_t kMetricNameMax = 32;

std::string checksum(std::string_view fields, const crypto::Hash256& run) {
  return crypto::Hasher("hansa1/history")
      .update(run.bytes)
      .update(fields)
      .finish()
      .hex()
      .substr(0, kCheckDigits);
}

/// The number in `object[name]`; NaN for null. None for anything else.
std::optional<double> real(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return std::nullopt;
  if (found->is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (!found->is_number()) return std::nullopt;
  return found->get<double>();
}

std::optional<std::uint32_t> whole(const Json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  const auto number = value.get<std::uint64_t>();
  if (number > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return static_cast<std::uint32_t>(number);
}

std::optional<std::uint32_t> whole(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? std::nullopt : whole(*found);
}

bool is_metric_name(const std::string& name) {
  return name.size() <= kMetricNameMax && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

Error trouble(const std::filesystem::path& file, const char* what, int code) {
  return {ErrorKind::failed,
          file.string() + ": cannot " + what + ": " + std::generic_category().message(code),
          "look at the disk with the state folder"};
}

/// Closes what it holds.
struct Descriptor {
  int fd;
  explicit Descriptor(int opened) noexcept : fd(opened) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

int open_to_append(const std::filesystem::path& file) {
  return ::open(file.c_str(), O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
}

}  // namespace

bool add_round(RunHistory& history, RoundReport report) {
  const auto same = std::lower_bound(history.rounds.begin(), history.rounds.end(), report.round,
                                     [](const RoundReport& a, Round round) { return a.round < round; });
  history.rounds.erase(same, history.rounds.end());
  if (history.rounds.size() >= kHistoryMax) return false;
  history.rounds.push_back(std::move(report));
  return true;
}

double seconds_until(const RunHistory& history, Round round) {
  double seconds = 0;
  for (const RoundReport& report : history.rounds) {
    if (report.round <= round) seconds = std::max(seconds, report.seconds);
  }
  return seconds;
}

std::string seal_history_line(std::string fields, const crypto::Hash256& run) {
  if (!fields.empty()) fields.pop_back();  // the brace, which comes again below
  const std::string check = checksum(fields, run);
  return fields.append(kCheck).append(check).append(kEnd);
}

std::string encode_history_line(const RoundReport& report, const std::string& metric_name,
                                const crypto::Hash256& run) {
  const auto number = [](double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); };
  const std::size_t missing = std::min(report.missing.size(), kHistoryMissingMax);
  const Json line{{"round", report.round},
                  {"seconds", number(report.seconds)},
                  {"loss", number(report.loss)},
                  {"metric", number(report.metric)},
                  {"metric_name", is_metric_name(metric_name) ? metric_name : std::string()},
                  {"participants", report.participants},
                  {"missing", std::span(report.missing).first(missing)}};
  return seal_history_line(line.dump(), run);
}

std::optional<HistoryLine> decode_history_line(std::string_view line, const crypto::Hash256& run) {
  if (line.size() < kTail || line.size() > kHistoryLineMax) return std::nullopt;
  const std::string_view fields = line.substr(0, line.size() - kTail);
  const std::string tail = std::string(kCheck).append(checksum(fields, run)).append(kEnd);
  if (line.substr(fields.size()) != tail) return std::nullopt;
  const Json object = Json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return std::nullopt;
  const auto round = whole(object, "round"), participants = whole(object, "participants");
  const auto seconds = real(object, "seconds"), loss = real(object, "loss"), metric = real(object, "metric");
  const auto name = object.find("metric_name"), missing = object.find("missing");
  const bool complete = round && participants && seconds && loss && metric && name != object.end() &&
                        name->is_string() && missing != object.end() && missing->is_array();
  if (!complete || !(*seconds >= 0) || missing->size() > kHistoryMissingMax) return std::nullopt;
  HistoryLine result{{*round, *seconds, *loss, *metric, *participants, {}}, name->get<std::string>()};
  if (!is_metric_name(result.metric_name)) return std::nullopt;
  for (const Json& each : *missing) {
    const auto party = whole(each);
    if (!party) return std::nullopt;
    result.report.missing.push_back(*party);
  }
  return result;
}

RunHistory decode_history(std::string_view text, const crypto::Hash256& run) {
  RunHistory history;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (auto line = decode_history_line(text.substr(0, end), run)) {
      if (add_round(history, std::move(line->report))) history.metric_name = std::move(line->metric_name);
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return history;
}

HistoryFile::HistoryFile(const StateFolder& folder, const crypto::Hash256& run)
    : folder_(folder.histories()), file_(folder_ / (run.hex().substr(0, 16) + ".jsonl")), run_(run) {}

Result<RunHistory> HistoryFile::load() const {
  const auto bytes = store::read_private_file(file_, kHistoryBytesMax);
  if (bytes) return decode_history({reinterpret_cast<const char*>(bytes->data()), bytes->size()}, run_);
  if (bytes.error().kind == ErrorKind::missing) return RunHistory();
  return bytes.error();
}

Result<void> HistoryFile::append(const RoundReport& report, const std::string& metric_name) const {
  std::string line = encode_history_line(report, metric_name, run_) + "\n";
  int opened = open_to_append(file_);
  if (opened < 0 && errno == ENOENT) {
    if (const auto made = store::ensure_private_folder(folder_); !made) return made.error();
    opened = open_to_append(file_);
  }
  const Descriptor out(opened);
  if (out.fd < 0) return trouble(file_, "be opened", errno);
  struct stat status {};
  if (::fstat(out.fd, &status) != 0) return trouble(file_, "be looked at", errno);
  if (!S_ISREG(status.st_mode)) return trouble(file_, "be written", EINVAL);
  char last = '\n';
  if (status.st_size > 0 && ::pread(out.fd, &last, 1, status.st_size - 1) != 1)
    return trouble(file_, "be read", errno);
  if (last != '\n') line.insert(line.begin(), '\n');  // behind half a line, which a crash has left
  if (static_cast<std::size_t>(status.st_size) + line.size() > kHistoryBytesMax)
    return trouble(file_, "grow further", EFBIG);
  const ssize_t written = ::write(out.fd, line.data(), line.size());
  if (written < 0) return trouble(file_, "be written", errno);
  if (static_cast<std::size_t>(written) != line.size()) return trouble(file_, "be written", ENOSPC);
  return {};
}

Result<void> HistoryFile::rewrite(const RunHistory& history) const {
  std::string text;
  for (const RoundReport& round : history.rounds)
    text += encode_history_line(round, history.metric_name, run_) + "\n";
  if (const auto made = store::ensure_private_folder(folder_); !made) return made.error();
  return store::write_private_file(file_, std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace hansa::node
