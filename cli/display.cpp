// Redrawing uses three ANSI sequences that every terminal knows: cursor up, carriage return, erase to the
// end. Lines are cut to the terminal's width, because a wrapped line would break the count of lines to go up.
#include "cli/display.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace hansa::cli {

namespace {

using Clock = std::chrono::steady_clock;
using Stage = sim::Progress::Stage;

constexpr std::size_t kRowsShown = 10;
constexpr auto kRedrawPeriod = std::chrono::milliseconds(100);
constexpr double kEtaAfterSeconds = 1;  // an estimate from less is a guess

std::string_view stage_name(Stage stage) {
  switch (stage) {
    case Stage::loading:
      return "loading";
    case Stage::training:
      return "training";
    case Stage::baselines:
      return "baselines";
    case Stage::done:
      return "done";
  }
  return "";
}

std::string number(double value, int width, int digits) {
  return std::isfinite(value) ? fmt::format("{:>{}.{}f}", value, width, digits)
                              : fmt::format("{:>{}}", "-", width);
}

std::string header_line(const std::string& metric) {
  return fmt::format("{:>7} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}", "round", "virtual s", "loss",
                     metric.empty() ? "metric" : metric, "min", "max", "consensus", "MB/party");
}

std::string row_line(const sim::RoundRecord& record) {
  const std::string metric = primary_metric_of(record);
  sim::Spread spread{std::nan(""), std::nan(""), std::nan(""), 0};
  if (!metric.empty()) spread = record.metrics.at(metric);
  return fmt::format("{:>7} {} {} {} {} {} {:>9.3g} {:>9.3g}", record.round,
                     number(record.virtual_seconds, 10, 2), number(record.loss, 9, 4),
                     number(spread.mean, 9, 4), number(spread.min, 9, 4), number(spread.max, 9, 4),
                     record.consensus_distance, record.mbytes_per_party);
}

std::string bar(double fraction, std::size_t width) {
  const auto filled = static_cast<std::size_t>(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(width));
  return std::string(filled, '#') + std::string(width - filled, '.');
}

/// Time left in the stage, from its own pace.
class Pace {
 public:
  void update(Stage stage, Clock::time_point now) {
    if (stage == stage_ && started_) return;
    stage_ = stage;
    begin_ = now;
    started_ = true;
  }

  [[nodiscard]] std::string eta(double fraction, Clock::time_point now) const {
    const double elapsed = std::chrono::duration<double>(now - begin_).count();
    if (elapsed < kEtaAfterSeconds || fraction <= 0 || fraction >= 1) return "";
    return ", " + duration_text(elapsed * (1 - fraction) / fraction) + " left";
  }

 private:
  Stage stage_ = Stage::loading;
  Clock::time_point begin_{};
  bool started_ = false;
};

class LiveDisplay final : public Display {
 public:
  explicit LiveDisplay(DisplayOptions options) : options_(std::move(options)) {}

  void on_progress(const sim::Progress& progress) override {
    const Clock::time_point now = options_.now();
    pace_.update(progress.stage, now);
    if (progress.evaluated != nullptr) {
      metric_ = primary_metric_of(*progress.evaluated);
      rows_.push_back(row_line(*progress.evaluated));
      if (rows_.size() > kRowsShown) rows_.pop_front();
    }
    const bool important = progress.stage != last_stage_ || progress.stage == Stage::done;
    if (drawn_ && !important && now - last_draw_ < kRedrawPeriod) return;
    last_stage_ = progress.stage;
    last_draw_ = now;
    draw(progress, now);
  }

  void finish() override {
    if (!drawn_) return;
    options_.write(
        fmt::format("\x1b[{}A\r\x1b[J{}", lines_drawn_, table()));  // the bar goes, the table stays
    drawn_ = false;
  }

 private:
  [[nodiscard]] std::string cut(const std::string& line) const {
    return line.substr(0, options_.width > 1 ? options_.width - 1 : 0);
  }

  [[nodiscard]] std::string table() const {
    if (rows_.empty()) return "";
    std::string out = cut(header_line(metric_)) + "\n";
    for (const std::string& row : rows_) out += cut(row) + "\n";
    return out;
  }

  void draw(const sim::Progress& progress, Clock::time_point now) {
    std::string status = fmt::format("{:<9} ", stage_name(progress.stage));
    status += fmt::format("[{}] {:>3.0f} %", bar(progress.fraction, 30),
                          100 * std::clamp(progress.fraction, 0., 1.));
    if (progress.stage == Stage::training) {
      status += fmt::format("  round {} of {}, {:.2f} virtual s", progress.round, progress.rounds,
                            progress.virtual_seconds);
    }
    status += pace_.eta(progress.fraction, now);
    std::string out;
    if (drawn_) out += fmt::format("\x1b[{}A", lines_drawn_);
    out += "\r\x1b[J" + table() + cut(status) + "\n";
    options_.write(out);
    lines_drawn_ = (rows_.empty() ? 0 : rows_.size() + 1) + 1;
    drawn_ = true;
  }

  DisplayOptions options_;
  Pace pace_;
  std::deque<std::string> rows_;
  std::string metric_;
  Stage last_stage_ = Stage::loading;
  Clock::time_point last_draw_{};
  std::size_t lines_drawn_ = 0;
  bool drawn_ = false;
};

class PlainDisplay final : public Display {
 public:
  explicit PlainDisplay(DisplayOptions options) : options_(std::move(options)) {}

  void on_progress(const sim::Progress& progress) override {
    if (progress.stage == Stage::baselines && last_stage_ != Stage::baselines)
      options_.write("baselines ...\n");
    last_stage_ = progress.stage;
    if (progress.evaluated == nullptr) return;
    if (!headed_) options_.write(header_line(primary_metric_of(*progress.evaluated)) + "\n");
    headed_ = true;
    options_.write(row_line(*progress.evaluated) + "\n");
  }

  void finish() override {}

 private:
  DisplayOptions options_;
  Stage last_stage_ = Stage::loading;
  bool headed_ = false;
};

}  // namespace

std::string primary_metric_of(const sim::RoundRecord& record) {
  static constexpr std::array<const char*, 3> kInOrder{"auc", "accuracy", "rmse"};
  for (const char* metric : kInOrder) {
    if (record.metrics.count(metric) > 0) return metric;
  }
  return "";
}

std::string duration_text(double seconds) {
  if (!(seconds >= 0) || seconds > 1e9) return "?";
  if (seconds < 9.995) return fmt::format("{:.3g} s", seconds);
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::unique_ptr<Display> make_live_display(DisplayOptions options) {
  return std::make_unique<LiveDisplay>(std::move(options));
}

std::unique_ptr<Display> make_plain_display(DisplayOptions options) {
  return std::make_unique<PlainDisplay>(std::move(options));
}

}  // namespace hansa::cli
