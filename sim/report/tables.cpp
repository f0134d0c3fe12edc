// The tables of the page: metrics, parties, facts.
#include "sim/report/format.hpp"
#include "sim/report/sections.hpp"
#include "sim/report/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

namespace hansa::sim {
namespace {

constexpr std::size_t kPartiesShownMax = 1000;  // above, the page gets slow; the CSV has everybody

std::string cell(double value, int digits) {
  return fmt::format("<td class=\"num\">{}</td>", fixed(value, digits));
}

std::string cell_sorted(double key, const std::string& text) {
  return std::isfinite(key) ? fmt::format("<td class=\"num\" data-v=\"{}\">{}</td>", key, text)
                            : "<td class=\"num\">" + text + "</td>";
}

std::string head(const std::vector<std::pair<std::string, bool>>& columns, bool sortable) {
  std::string html = "<thead><tr>";
  for (const auto& [name, numeric] : columns) {
    html += numeric ? "<th scope=\"col\" class=\"num\">" : "<th scope=\"col\">";
    html += sortable && !name.empty() ? "<button type=\"button\">" + name + "</button></th>" : name + "</th>";
  }
  return html + "</tr></thead>";
}

/// The range that all alone/together strips of the party table share.
struct Strip {
  double low = 0, high = 1;
  double pooled = NAN;

  [[nodiscard]] double at(double value) const {
    return high > low ? 4 + 92 * (std::clamp(value, low, high) - low) / (high - low) : 50;
  }
};

Strip strip_for(const RunResult& result) {
  std::vector<double> values;
  for (const PartyRecord& party : result.parties) {
    values.push_back(value_or_nan(party.metrics, result.primary_metric));
    values.push_back(value_or_nan(party.local_only, result.primary_metric));
  }
  Strip strip;
  strip.pooled = value_or_nan(result.baseline_pooled, result.primary_metric);
  values.push_back(strip.pooled);
  const Spread spread = spread_of(values);
  if (std::isfinite(spread.min)) strip.low = spread.min, strip.high = spread.max;
  return strip;
}

std::string strip_html(const Strip& strip, double alone, double together) {
  std::string svg =
      "<td class=\"strip\"><svg viewBox=\"0 0 100 16\" preserveAspectRatio=\"none\" aria-hidden=\"true\">";
  if (std::isfinite(strip.pooled))
    svg += fmt::format("<path class=\"pooled-mark\" d=\"M{:.1f} 0v16\"/>", strip.at(strip.pooled));
  if (std::isfinite(alone) && std::isfinite(together)) {
    svg += fmt::format("<path class=\"step\" d=\"M{:.1f} 8H{:.1f}\"/>", strip.at(alone), strip.at(together));
  }
  if (std::isfinite(alone))
    svg += fmt::format("<path class=\"dot alone\" d=\"M{:.1f} 8h0\"/>", strip.at(alone));
  if (std::isfinite(together))
    svg += fmt::format("<path class=\"dot mean\" d=\"M{:.1f} 8h0\"/>", strip.at(together));
  return svg + "</svg></td>";
}

std::string party_row(const RunResult& result, std::size_t i, const Strip* strip) {
  const PartyRecord& party = result.parties[i];
  const double together = value_or_nan(party.metrics, result.primary_metric);
  const double alone = value_or_nan(party.local_only, result.primary_metric);
  const double difference = together - alone;
  std::string row = fmt::format("<tr><th scope=\"row\">{}</th>", escape_html(party_name(result, i)));
  row += cell_sorted(static_cast<double>(party.train_rows), grouped(party.train_rows));
  row += cell_sorted(together, fixed(together, 4));
  if (strip != nullptr) {
    const bool gains = result.larger_is_better ? difference > 0 : difference < 0;
    row += cell_sorted(alone, fixed(alone, 4));
    row += fmt::format("<td class=\"num {}\"{}>{}</td>",
                       !std::isfinite(difference) ? ""
                       : gains                    ? "gain"
                                                  : "harm",
                       std::isfinite(difference) ? fmt::format(" data-v=\"{}\"", difference) : "",
                       signed_fixed(difference, 4));
    row += strip_html(*strip, alone, together);
  }
  const double megabytes = static_cast<double>(party.bytes_sent) / 1e6;
  row += cell_sorted(megabytes, compact(megabytes));
  row += cell_sorted(party.rounds_completed, grouped(party.rounds_completed));
  row += cell_sorted(static_cast<double>(party.missed_peers), grouped(party.missed_peers));
  row += cell_sorted(static_cast<double>(party.crashes), grouped(party.crashes));
  return row + "</tr>";
}

/// Ids to show, ascending: everybody, or those who do worst.
std::vector<std::size_t> parties_shown(const RunResult& result) {
  std::vector<std::size_t> order(result.parties.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (order.size() <= kPartiesShownMax) return order;
  const auto badness = [&](std::size_t i) {
    const double value = value_or_nan(result.parties[i].metrics, result.primary_metric);
    if (!std::isfinite(value)) return HUGE_VAL;
    return result.larger_is_better ? -value : value;
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return badness(a) > badness(b); });
  order.resize(kPartiesShownMax);
  std::sort(order.begin(), order.end());
  return order;
}

using Fact = std::pair<std::string, std::string>;  // label, HTML

std::string fact_list(const std::string& title, const std::vector<Fact>& facts) {
  std::string html = "<section class=\"facts\"><h3>" + title + "</h3><dl>";
  for (const auto& [label, value] : facts) html += "<dt>" + label + "</dt><dd>" + value + "</dd>";
  return html + "</dl></section>";
}

std::vector<Fact> what_ran(const RunResult& result) {
  const config::RunConfig& config = result.config;
  std::string partition = escape_html(config.partition.kind);
  if (config.partition.kind == "dirichlet" || config.partition.kind == "quantity-skew") {
    partition += fmt::format(" (alpha {:g})", config.partition.alpha);
  }
  return {
      {"data", escape_html(result.dataset_summary.empty() ? config.data.dataset : result.dataset_summary)},
      {"rows", fmt::format("{} for training, {} for testing, {}", grouped(result.train_rows),
                           grouped(result.test_rows), count_of(result.features, "feature", "features"))},
      {"partition", partition},
      {"model", fmt::format("{}, {}", escape_html(config.model),
                            count_of(result.parameters, "parameter", "parameters"))},
      {"strategy", escape_html(config.strategy)},
      {"aggregation", escape_html(config.aggregation)},
      {"topology",
       fmt::format("{}, spectral gap {}", escape_html(topology_name(config)), fixed(result.spectral_gap, 4))},
      {"seed", fmt::format("{}", config.seed)},
      {"repeat it", fmt::format("<code>hansa sim config.toml --seed {}</code>", config.seed)},
      {"hash of all models", "<code class=\"hash\">" + escape_html(result.models_hash) + "</code>"},
      {"program", fmt::format("hansa {} <code>{}</code>", escape_html(result.program_version),
                              escape_html(result.program_commit))},
  };
}

std::vector<Fact> what_it_took(const RunResult& result) {
  return {
      {"clock", escape_html(result.clock)},
      {"virtual time", seconds_text(result.virtual_seconds)},
      {"wall time", seconds_text(result.wall_seconds) + ", whole command"},
      {"processor time", fmt::format("{} over the rounds, {}", seconds_text(result.cpu_seconds),
                                     count_of(result.threads, "thread", "threads"))},
      {"baselines", seconds_text(result.baseline_seconds)},
      {"node-rounds", fmt::format("{}, {} per processor second", grouped(result.node_rounds),
                                  compact(node_rounds_per_cpu_second(result)))},
      {"efficiency", fmt::format("{} % (ideal {} of {})", fixed(100 * result.efficiency, 1),
                                 seconds_text(result.ideal_seconds), seconds_text(result.cpu_seconds))},
      {"work", fmt::format("{}, {} touched", si_text(result.flop, "FLOP"), bytes_text(result.bytes_touched))},
      {"measured peaks",
       fmt::format("{}, {}", si_text(result.peak_flops, "FLOP/s"), si_text(result.peak_bandwidth, "B/s"))},
      {"events", grouped(result.events)},
      {"peak memory", bytes_text(static_cast<double>(result.peak_rss_bytes))},
      {"sent in all",
       fmt::format("{}; {} lost, {} duplicated", bytes_text(static_cast<double>(result.bytes_sent_total)),
                   count_of(result.messages_lost, "message", "messages"),
                   grouped(result.messages_duplicated))},
  };
}

}  // namespace

std::string metrics_table_html(const RunResult& result) {
  const auto final = final_metrics(result);
  if (final.empty()) return "<p class=\"empty\">No model was evaluated.</p>";
  const RoundRecord* last = last_round(result);
  std::string html = "<div class=\"scroll\"><table>" +
                     head({{"metric", false},
                           {"mean", true},
                           {"min", true},
                           {"max", true},
                           {"std", true},
                           {"average model", true},
                           {"alone", true},
                           {"pooled", true}},
                          false) +
                     "<tbody>";
  // The metric that the page is about comes first.
  std::vector<std::pair<std::string, Spread>> ordered(final.begin(), final.end());
  std::stable_partition(ordered.begin(), ordered.end(),
                        [&](const auto& entry) { return entry.first == result.primary_metric; });
  for (const auto& [key, spread] : ordered) {
    html +=
        fmt::format("<tr{}><th scope=\"row\">{}</th>",
                    key == result.primary_metric ? " class=\"primary\"" : "", escape_html(metric_label(key)));
    html += cell(spread.mean, 4) + cell(spread.min, 4) + cell(spread.max, 4) + cell(spread.stddev, 4);
    html += cell(last != nullptr ? value_or_nan(last->mean_model, key) : NAN, 4);
    html += cell(value_or_nan(result.baseline_local_only, key), 4) +
            cell(value_or_nan(result.baseline_pooled, key), 4);
    html += "</tr>";
  }
  return html + "</tbody></table></div>";
}

std::string party_table_html(const RunResult& result) {
  if (result.parties.empty()) return "<p class=\"empty\">No party finished a round.</p>";
  const bool has_alone = std::any_of(result.parties.begin(), result.parties.end(),
                                     [](const PartyRecord& party) { return !party.local_only.empty(); });
  const std::string metric = escape_html(metric_label(result.primary_metric));
  std::vector<std::pair<std::string, bool>> columns = {{"party", false}, {"rows", true}, {metric, true}};
  if (has_alone) columns.insert(columns.end(), {{"alone", true}, {"difference", true}, {"", false}});
  columns.insert(columns.end(), {{"MB sent", true}, {"rounds", true}, {"missed", true}, {"crashes", true}});
  const Strip strip = strip_for(result);
  std::string html;
  if (has_alone) {
    html += fmt::format(
        "<p class=\"note key\"><i class=\"key-dot alone\"></i> alone <i class=\"key-dot mean\"></i> "
        "together <i class=\"key-bar\"></i> pooled &nbsp; strips run from {} to {} {}</p>",
        fixed(strip.low, 3), fixed(strip.high, 3), metric);
  }
  const std::vector<std::size_t> shown = parties_shown(result);
  if (shown.size() < result.parties.size()) {
    html += fmt::format("<p class=\"note\">The {} of {} parties that do worst.</p>", grouped(shown.size()),
                        grouped(result.parties.size()));
  }
  html += fmt::format("<div class=\"scroll{}\"><table class=\"parties\">", shown.size() > 30 ? " tall" : "") +
          head(columns, true) + "<tbody>";
  for (const std::size_t i : shown) html += party_row(result, i, has_alone ? &strip : nullptr);
  return html + "</tbody></table></div>";
}

std::string facts_html(const RunResult& result) {
  return fact_list("What ran", what_ran(result)) + fact_list("What it took", what_it_took(result));
}

}  // namespace hansa::sim
