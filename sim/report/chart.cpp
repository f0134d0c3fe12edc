// Axes, curves, the band between extremes, and names beside the curves that do not overlap.
#include "sim/report/chart.hpp"

#include "sim/report/format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

namespace hansa::sim {
namespace {

constexpr double kWidth = 1000;     // SVG units across; stretched to whatever the page gives
constexpr double kLabelPitch = 17;  // CSS pixels between the names beside the curves

struct Scale {
  double low = 0, high = 1;
  bool log = false;
  double length = 1;
  bool flip = false;  // y grows downwards on the screen

  [[nodiscard]] bool shows(double value) const { return std::isfinite(value) && (!log || value > 0); }
  [[nodiscard]] double operator()(double value) const {
    const double share = log ? (log10_of(value) - log10_of(low)) / (log10_of(high) - log10_of(low))
                             : (value - low) / (high - low);
    return (flip ? 1 - share : share) * length;
  }
};

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void add(double value, bool positive_only) {
    if (!std::isfinite(value) || (positive_only && value <= 0)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  [[nodiscard]] bool empty() const { return low > high; }
};

Range values_from(const Chart& chart, std::size_t first) {
  Range range;
  const auto add_all = [&](const std::vector<double>& values) {
    for (std::size_t i = first; i < values.size(); ++i) range.add(values[i], chart.log_y);
  };
  for (const Curve& curve : chart.curves) add_all(curve.y);
  add_all(chart.band_low);
  add_all(chart.band_high);
  for (const Level& level : chart.levels) range.add(level.y, chart.log_y);
  return range;
}

/// The y range. The steep start of a run (its first eighth) is cut off at the frame if it would squeeze what
/// follows, and the baselines, into less than two thirds of the height.
Range y_range(const Chart& chart, bool& start_cut) {
  const Range all = values_from(chart, 0);
  start_cut = false;
  if (!chart.may_cut_start || chart.x.size() < 4) return all;
  const Range later = values_from(chart, std::max<std::size_t>(1, chart.x.size() / 8));
  if (later.empty() || !(later.high > later.low)) return all;
  start_cut = all.high - all.low > 1.5 * (later.high - later.low);
  return start_cut ? later : all;
}

Scale y_scale(const Chart& chart, Range range) {
  Scale scale{range.low, range.high, chart.log_y, static_cast<double>(chart.height), true};
  if (chart.log_y) {
    scale.low = range.low / 1.3;
    scale.high = range.high * 1.3;
    return scale;
  }
  double margin = 0.06 * (range.high - range.low);
  if (margin <= 0) margin = std::max(0.05 * std::abs(range.high), 1e-6);
  scale.low = range.low - margin;
  scale.high = range.high + margin;
  // A loss that stays positive should not hang above a negative axis.
  if (range.low >= 0 && scale.low < 0) scale.low = 0;
  return scale;
}

std::string point(double x, double y) { return fmt::format("{:.1f} {:.1f}", x, y); }

std::string curve_path(const Chart& chart, const std::vector<double>& values, const Scale& x,
                       const Scale& y) {
  std::string path;
  bool pen_down = false;
  for (std::size_t i = 0; i < values.size() && i < chart.x.size(); ++i) {
    if (!y.shows(values[i])) {
      pen_down = false;
      continue;
    }
    const bool alone = !pen_down && (i + 1 >= values.size() || !y.shows(values[i + 1]));
    path += (pen_down ? "L" : "M") + point(x(chart.x[i]), y(values[i]));
    if (alone) path += "h0";  // a zero-length line with round caps is a dot
    pen_down = true;
  }
  return path;
}

std::string band_path(const Chart& chart, const Scale& x, const Scale& y) {
  std::string path;
  const std::size_t count = std::min({chart.x.size(), chart.band_low.size(), chart.band_high.size()});
  std::size_t start = 0;
  while (start < count) {
    std::size_t end = start;
    while (end < count && y.shows(chart.band_low[end]) && y.shows(chart.band_high[end])) ++end;
    for (std::size_t i = start; i < end; ++i) {
      path += (i == start ? "M" : "L") + point(x(chart.x[i]), y(chart.band_high[i]));
    }
    for (std::size_t i = end; i > start; --i)
      path += "L" + point(x(chart.x[i - 1]), y(chart.band_low[i - 1]));
    if (end > start) path += "Z";
    start = std::max(end, start + 1);
  }
  return path;
}

struct SideLabel {
  std::string text, value, style;
  double at = 0;      // where the curve ends, CSS pixels from the top
  double placed = 0;  // where the text goes
};

/// Moves labels apart, keeping their order, inside [0, height].
void spread_labels(std::vector<SideLabel>& labels, double height) {
  std::stable_sort(labels.begin(), labels.end(),
                   [](const SideLabel& a, const SideLabel& b) { return a.at < b.at; });
  double previous = -kLabelPitch;
  for (SideLabel& label : labels) {
    label.placed = std::max(label.at, previous + kLabelPitch);
    previous = label.placed;
  }
  double limit = height;
  for (auto label = labels.rbegin(); label != labels.rend(); ++label) {
    label->placed = std::min(label->placed, limit);
    limit = label->placed - kLabelPitch;
  }
}

std::string value_text(const Chart& chart, double value) {
  return chart.log_y ? compact(value) : fixed(value, chart.digits);
}

std::vector<SideLabel> side_labels(const Chart& chart, const Scale& y) {
  std::vector<SideLabel> labels;
  const auto add = [&](const std::string& name, const std::string& style, double value) {
    const double at = std::clamp(y(value), 0.0, y.length);
    labels.push_back({name, value_text(chart, value), style, at, at});
  };
  for (const Curve& curve : chart.curves) {
    const auto last = std::find_if(curve.y.rbegin(), curve.y.rend(), [&](double v) { return y.shows(v); });
    if (last != curve.y.rend()) add(curve.name, curve.style, *last);
  }
  for (const Level& level : chart.levels) {
    if (y.shows(level.y)) add(level.name, level.style, level.y);
  }
  spread_labels(labels, y.length);
  return labels;
}

std::string key_swatch(const std::string& style) {
  return fmt::format(
      "<svg class=\"swatch\" viewBox=\"0 0 24 8\" aria-hidden=\"true\"><path class=\"line {}\" "
      "d=\"M2 4H22\"/></svg>",
      style);
}

std::string axes_html(const Chart& chart, const Scale& x, const Scale& y, std::string& grid) {
  std::string labels;
  const auto out = std::back_inserter(labels);
  const Ticks y_linear =
      chart.log_y ? Ticks{log_ticks(y.low, y.high), 0} : linear_ticks(y.low, y.high, chart.height / 40);
  for (const double tick : y_linear.values) {
    const double at = y(tick);
    grid += fmt::format("<path class=\"grid\" d=\"M0 {0:.1f}H{1:.0f}\"/>", at, kWidth);
    fmt::format_to(out, "<span class=\"ytick\" style=\"top:{:.1f}px\">{}</span>", at,
                   chart.log_y ? log_label(tick) : fixed(tick, y_linear.digits));
  }
  const Ticks x_ticks = linear_ticks(x.low, x.high, 5);
  for (const double tick : x_ticks.values) {
    const std::string text = tick >= 1000 && x_ticks.digits == 0
                                 ? grouped(static_cast<std::uint64_t>(tick + 0.5))
                                 : fixed(tick, x_ticks.digits);
    grid += fmt::format("<path class=\"tick\" d=\"M{0:.1f} {1}v-5\"/>", x(tick), chart.height);
    fmt::format_to(out, "<span class=\"xtick\" style=\"left:{:.2f}%\">{}</span>", x(tick) / kWidth * 100,
                   text);
  }
  return labels;
}

std::string legend_html(const Chart& chart, const std::vector<SideLabel>& labels) {
  std::string legend = "<ul class=\"legend\">";
  if (!chart.band_low.empty()) {
    legend += fmt::format("<li class=\"always\"><i class=\"band-swatch\"></i>{}</li>",
                          escape_html(chart.band_name));
  }
  for (const SideLabel& label : labels) {
    legend +=
        fmt::format("<li>{}{} <b>{}</b></li>", key_swatch(label.style), escape_html(label.text), label.value);
  }
  return legend + "</ul>";
}

std::string side_html(const std::vector<SideLabel>& labels) {
  std::string html;
  for (const SideLabel& label : labels) {
    html += fmt::format("<span class=\"side {}\" style=\"top:{:.1f}px\">{} <b>{}</b></span>", label.style,
                        label.placed, escape_html(label.text), label.value);
  }
  return html;
}

std::string svg_html(const Chart& chart, const Scale& x, const Scale& y, const std::string& grid) {
  std::string svg = fmt::format(
      "<svg viewBox=\"0 0 {:.0f} {}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">{}", kWidth,
      chart.height, escape_html(chart.title + " against " + chart.x_label), grid);
  if (!chart.band_low.empty()) svg += fmt::format("<path class=\"band\" d=\"{}\"/>", band_path(chart, x, y));
  for (const Level& level : chart.levels) {
    if (!y.shows(level.y)) continue;
    svg += fmt::format("<path class=\"line {}\" d=\"M0 {:.1f}H{:.0f}\"/>", level.style, y(level.y), kWidth);
  }
  // The main curve is drawn last, on top.
  for (auto curve = chart.curves.rbegin(); curve != chart.curves.rend(); ++curve) {
    svg += fmt::format("<path class=\"line {}\" d=\"{}\"/>", curve->style, curve_path(chart, curve->y, x, y));
  }
  return svg + "</svg>";
}

}  // namespace

std::string chart_html(const Chart& chart) {
  std::string html = fmt::format("<figure class=\"chart\"><figcaption><h3>{}</h3>", escape_html(chart.title));
  bool start_cut = false;
  const Range range = y_range(chart, start_cut);
  html += fmt::format("<p class=\"note\">{}{}</p></figcaption>", chart.note,
                      start_cut ? " The start of the run lies outside the frame." : "");
  if (chart.x.empty() || range.empty()) {
    return html + "<p class=\"empty\">Nothing was recorded for this chart.</p></figure>";
  }
  Scale x{chart.x.front(), chart.x.back(), false, kWidth, false};
  if (x.high <= x.low) x.high = x.low + 1;
  const Scale y = y_scale(chart, range);
  const std::vector<SideLabel> labels = side_labels(chart, y);
  std::string grid;
  const std::string ticks = axes_html(chart, x, y, grid);
  html += legend_html(chart, labels);
  html += fmt::format("<div class=\"ylabel\">{}</div>", escape_html(chart.y_label));
  html += fmt::format(
      "<div class=\"plot\" style=\"height:{}px\" data-x=\"{}\" data-y=\"{}\" data-low=\"{}\" "
      "data-high=\"{}\">",
      chart.height, chart.x_key, chart.y_keys, x.low, x.high);
  html += svg_html(chart, x, y, grid) + ticks + side_html(labels) + "<i class=\"cursor\"></i></div>";
  return html + fmt::format("<div class=\"xlabel\">{}</div></figure>", escape_html(chart.x_label));
}

}  // namespace hansa::sim
