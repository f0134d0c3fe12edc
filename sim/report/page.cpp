// Puts the page together: the template from assets/report.html with the sections filled in. Everything is
// drawn here, so that the page works with scripts turned off; the script only adds tooltips, sorting and the
// theme switch.
#include "sim/report/assets.hpp"
#include "sim/report/chart.hpp"
#include "sim/report/format.hpp"
#include "sim/report/graph.hpp"
#include "sim/report/report.hpp"
#include "sim/report/sections.hpp"
#include "sim/report/summary.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

namespace hansa::sim {
namespace {

constexpr std::size_t kPointsMax = 400;  // per curve; more than a screen can show
constexpr std::size_t kEdgesInDataMax = 20000;

using Json = nlohmann::ordered_json;

/// The evaluated rounds that are drawn: all, or every k-th and the last.
std::vector<const RoundRecord*> drawn_rounds(const RunResult& result) {
  std::vector<const RoundRecord*> drawn;
  const std::size_t count = result.rounds.size();
  const std::size_t stride = count / kPointsMax + 1;
  for (std::size_t i = 0; i < count; i += stride) drawn.push_back(&result.rounds[i]);
  if (count > 0 && drawn.back() != &result.rounds.back()) drawn.push_back(&result.rounds.back());
  return drawn;
}

struct Series {
  std::vector<double> round, time, megabytes, mean, low, high, average_model, consensus, loss;
};

Series series_of(const RunResult& result) {
  Series s;
  double time = 0;
  double megabytes = 0;
  for (const RoundRecord* record : drawn_rounds(result)) {
    s.round.push_back(record->round);
    // Axes must ascend even if a late party reported out of order.
    if (std::isfinite(record->virtual_seconds)) time = std::max(time, record->virtual_seconds);
    if (std::isfinite(record->mbytes_per_party)) megabytes = std::max(megabytes, record->mbytes_per_party);
    s.time.push_back(time);
    s.megabytes.push_back(megabytes);
    const auto found = record->metrics.find(result.primary_metric);
    const Spread spread = found != record->metrics.end() ? found->second : Spread{NAN, NAN, NAN, NAN};
    s.mean.push_back(spread.mean);
    s.low.push_back(spread.min);
    s.high.push_back(spread.max);
    s.average_model.push_back(value_or_nan(record->mean_model, result.primary_metric));
    s.consensus.push_back(record->consensus_distance);
    // No local work has been done before the first round.
    s.loss.push_back(record->round == 0 ? NAN : record->loss);
  }
  return s;
}

struct Axis {
  std::string key, name, label;  // key: in the data; name: on the switch; label: below the axis
  std::vector<double> x;
};

std::vector<Axis> axes_of(const RunResult& result, const Series& s) {
  std::vector<Axis> axes = {{"round", "rounds", "rounds completed", s.round}};
  const auto scaled = [](std::vector<double> values, double unit) {
    for (double& value : values) value /= unit;
    return values;
  };
  const auto grows = [](const std::vector<double>& values) {
    return values.size() > 1 && values.back() > values.front();
  };
  if (grows(s.time)) {
    const double end = s.time.back();
    const double unit = end < 300 ? 1 : end < 3 * 3600 ? 60 : 3600;
    const std::string name = unit == 1 ? "s" : unit == 60 ? "min" : "h";
    const std::string clock = result.clock == "virtual" ? "virtual time" : "time";
    axes.push_back({"time", clock, clock + " (" + name + ")", scaled(s.time, unit)});
  }
  if (grows(s.megabytes)) {
    const double end = s.megabytes.back();
    const double unit = end < 1 ? 1e-3 : end < 1000 ? 1 : 1e3;
    const std::string name = end < 1 ? "kB" : end < 1000 ? "MB" : "GB";
    axes.push_back({"mb", "data sent", "sent per party (" + name + ")", scaled(s.megabytes, unit)});
  }
  return axes;
}

Chart metric_chart(const RunResult& result, const Series& s, const Axis& axis) {
  const std::string metric = metric_label(result.primary_metric);
  Chart chart;
  chart.title = metric + " on the test rows";
  chart.note = fmt::format("Mean over parties; the band spans the worst and the best party. {} is better.",
                           result.larger_is_better ? "Higher" : "Lower");
  chart.y_label = metric;
  chart.x_label = axis.label;
  chart.x_key = axis.key;
  chart.y_keys = "mean low high average_model";
  chart.height = 320;
  chart.may_cut_start = true;
  chart.x = axis.x;
  chart.curves = {{"mean of parties", "mean", s.mean}, {"average model", "average", s.average_model}};
  chart.band_low = s.low;
  chart.band_high = s.high;
  chart.band_name = "worst to best party";
  const double alone = value_or_nan(result.baseline_local_only, result.primary_metric);
  const double pooled = value_or_nan(result.baseline_pooled, result.primary_metric);
  if (std::isfinite(pooled)) chart.levels.push_back({"pooled data", "pooled", pooled});
  if (std::isfinite(alone)) chart.levels.push_back({"alone", "alone", alone});
  return chart;
}

Chart small_chart(const Axis& axis, const char* title, const char* note, const char* y_label,
                  const char* key) {
  Chart chart;
  chart.title = title;
  chart.note = note;
  chart.y_label = y_label;
  chart.x_label = axis.label;
  chart.x_key = axis.key;
  chart.y_keys = key;
  chart.height = 200;
  chart.x = axis.x;
  return chart;
}

std::string charts_html(const RunResult& result, const Series& s) {
  const std::vector<Axis> axes = axes_of(result, s);
  std::string radios;
  std::string labels;
  std::string panels;
  for (const Axis& axis : axes) {
    radios += fmt::format("<input type=\"radio\" name=\"x\" id=\"x-{0}\"{1}>", axis.key,
                          axis.key == "round" ? " checked" : "");
    labels += fmt::format("<label for=\"x-{}\">{}</label>", axis.key, axis.name);
    Chart consensus = small_chart(axis, "Consensus distance",
                                  "Root mean square distance of the models to "
                                  "their average; zero is not drawn.",
                                  "distance", "consensus");
    consensus.log_y = true;
    consensus.curves = {{"at the end", "average", s.consensus}};
    Chart loss =
        small_chart(axis, "Training loss", "Mean over the local work of each round.", "loss per row", "loss");
    loss.curves = {{"at the end", "mean", s.loss}};
    panels += fmt::format("<div class=\"panel by-{}\">{}<div class=\"pair\">{}{}</div></div>", axis.key,
                          chart_html(metric_chart(result, s, axis)), chart_html(consensus), chart_html(loss));
  }
  const std::string toggle =
      axes.size() > 1 ? "<div class=\"switch\"><span>against</span>" + labels + "</div>" : "";
  return radios + toggle + panels;
}

Json numbers(const std::vector<double>& values) {
  Json array = Json::array();
  for (const double value : values) array.push_back(std::isfinite(value) ? Json(value) : Json(nullptr));
  return array;
}

/// What the script needs, safe inside a <script> element: no "<" can end it or open a comment.
std::string data_json(const RunResult& result, const Series& s) {
  Json data;
  data["metric"] = metric_label(result.primary_metric);
  data["x"] = Json::object();
  for (const Axis& axis : axes_of(result, s))
    data["x"][axis.key] = {{"label", axis.label}, {"values", numbers(axis.x)}};
  data["round"] = numbers(s.round);
  data["y"] = {{"mean", numbers(s.mean)},           {"low", numbers(s.low)},
               {"high", numbers(s.high)},           {"average_model", numbers(s.average_model)},
               {"consensus", numbers(s.consensus)}, {"loss", numbers(s.loss)}};
  data["edges"] = Json::array();
  if (result.edges.size() <= kEdgesInDataMax) {
    for (const topology::Edge& edge : result.edges) data["edges"].push_back({edge.from, edge.to});
  }
  std::string text;
  for (const char c : data.dump(-1, ' ', false, Json::error_handler_t::replace)) {
    if (c == '<')
      text += "\\u003c";
    else
      text += c;
  }
  return text;
}

std::string subtitle(const RunResult& result) {
  const config::RunConfig& config = result.config;
  return escape_html(fmt::format("{} · {} · {} · topology {} · {} · seed {}", config.data.dataset,
                                 config.model, config.strategy, topology_name(config),
                                 count_of(config.rounds, "round", "rounds"), config.seed));
}

/// Replaces {{key}} in one pass, so that nothing inside a value is ever taken for a placeholder.
std::string fill(std::string_view page, const std::map<std::string, std::string, std::less<>>& values) {
  std::string out;
  std::size_t at = 0;
  while (true) {
    const std::size_t open = page.find("{{", at);
    if (open == std::string_view::npos) return out.append(page.substr(at));
    const std::size_t close = page.find("}}", open);
    HANSA_ASSERT(close != std::string_view::npos);
    out.append(page.substr(at, open - at));
    const auto value = values.find(page.substr(open + 2, close - open - 2));
    HANSA_ASSERT(value != values.end());
    out.append(value->second);
    at = close + 2;
  }
}

}  // namespace

std::string report_html(const RunResult& result) {
  const Series series = series_of(result);
  const std::string title = result.config.name.empty() ? "Hansa run" : result.config.name;
  return fill(assets::report_html, {{"title", escape_html(title)},
                                    {"subtitle", subtitle(result)},
                                    {"css", std::string(assets::report_css)},
                                    {"js", std::string(assets::report_js)},
                                    {"verdict", verdict_html(result)},
                                    {"judgement", judgement_html(result)},
                                    {"key_figures", key_figures_html(result)},
                                    {"charts", charts_html(result, series)},
                                    {"graph", graph_html(result)},
                                    {"metrics", metrics_table_html(result)},
                                    {"missing", missing_html(result)},
                                    {"protection", protection_html(result)},
                                    {"parties", party_table_html(result)},
                                    {"facts", facts_html(result)},
                                    {"data", data_json(result, series)}});
}

}  // namespace hansa::sim
