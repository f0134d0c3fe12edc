// Sentences and key figures built from the result. They say what was measured, and nothing that was not: no
// baseline, no comparison.
#include "sim/report/format.hpp"
#include "sim/report/sections.hpp"
#include "sim/report/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace hansa::sim {
namespace {

/// The figures that sentences compare, of the primary metric.
struct Comparison {
  Spread together;
  double alone = NAN, pooled = NAN;
  std::size_t better = 0, compared = 0;  // parties against themselves alone

  [[nodiscard]] bool has_alone() const { return std::isfinite(alone); }
  [[nodiscard]] bool has_pooled() const { return std::isfinite(pooled); }
};

Comparison compare(const RunResult& result) {
  Comparison c;
  const auto final = final_metrics(result);
  const auto found = final.find(result.primary_metric);
  c.together = found != final.end() ? found->second : Spread{NAN, NAN, NAN, NAN};
  c.alone = value_or_nan(result.baseline_local_only, result.primary_metric);
  c.pooled = value_or_nan(result.baseline_pooled, result.primary_metric);
  for (const PartyRecord& party : result.parties) {
    const double with = value_or_nan(party.metrics, result.primary_metric);
    const double without = value_or_nan(party.local_only, result.primary_metric);
    if (!std::isfinite(with) || !std::isfinite(without)) continue;
    ++c.compared;
    if (result.larger_is_better ? with > without : with < without) ++c.better;
  }
  return c;
}

std::string strong(double value) { return "<b>" + fixed(value, 3) + "</b>"; }

std::string better_sentence(const Comparison& c) {
  if (c.compared == 0) return {};
  if (c.better == c.compared)
    return fmt::format("Every one of the {} parties does better than alone. ", c.compared);
  if (c.better == 0) return "No party does better than alone. ";
  return fmt::format("{} of {} parties do better than alone. ", c.better, c.compared);
}

std::string gap_sentence(const RunResult& result, const Comparison& c) {
  if (!c.has_alone() || !c.has_pooled() || !std::isfinite(c.together.mean)) return {};
  const double sign = result.larger_is_better ? 1 : -1;
  const double gap = sign * (c.pooled - c.alone);
  const double gain = sign * (c.together.mean - c.alone);
  if (gain <= 0) return "On average, working together did not pay in this run. ";
  // A gap within noise makes a meaningless percentage.
  if (gap < 0.005 * std::max(std::abs(c.pooled), std::abs(c.alone))) return {};
  if (gain >= gap) return "The gap between training alone and pooling all data is closed. ";
  // Rounded down, never up to 100; the epsilon keeps an exact 80 from becoming 79.
  return fmt::format("That closes {:.0f} % of the gap between training alone and pooling all data. ",
                     std::floor(100 * gain / gap + 1e-6));
}

std::string tile(const std::string& label, const std::string& value, const std::string& detail) {
  return fmt::format("<div class=\"tile\"><dt>{}</dt><dd>{}<small>{}</small></dd></div>", escape_html(label),
                     escape_html(value), escape_html(detail));
}

std::string against_tile(const RunResult& result, const Comparison& c) {
  const double difference = c.together.mean - c.alone;
  const std::string detail = c.compared > 0 ? fmt::format("{} of {} parties gain", c.better, c.compared)
                                            : "alone " + fixed(c.alone, 3);
  return tile("against alone", signed_fixed(difference, 3),
              detail + (result.larger_is_better ? "" : "; less is better"));
}

}  // namespace

std::string verdict_html(const RunResult& result) {
  const Comparison c = compare(result);
  const std::string metric = escape_html(metric_label(result.primary_metric));
  const std::string parties = count_of(result.config.parties, "party", "parties");
  if (!std::isfinite(c.together.mean)) {
    return parties + " started, but no model was evaluated, so there is nothing to compare.";
  }
  std::string text = fmt::format("{} reached {} {} on average without sharing a row.", parties, metric,
                                 strong(c.together.mean));
  if (c.has_alone() && c.has_pooled()) {
    text += fmt::format(" Alone they reach {}; with all data in one place, {}.", strong(c.alone),
                        strong(c.pooled));
  } else if (c.has_alone()) {
    text += fmt::format(" Alone they reach {}.", strong(c.alone));
  } else if (c.has_pooled()) {
    text += fmt::format(" With all data in one place it would be {}.", strong(c.pooled));
  }
  return text;
}

std::string judgement_html(const RunResult& result) {
  const Comparison c = compare(result);
  std::string text = better_sentence(c) + gap_sentence(result, c);
  if (result.interrupted) {
    const RoundRecord* last = last_round(result);
    text = fmt::format(
               "<strong>Interrupted after round {} of {}:</strong> the figures are those of the rounds that "
               "were completed. ",
               last != nullptr ? last->round : 0, result.config.rounds) +
           text;
  }
  if (!result.larger_is_better) text += "Smaller is better.";
  return text;
}

std::string key_figures_html(const RunResult& result) {
  const Comparison c = compare(result);
  const RoundRecord* last = last_round(result);
  std::string tiles =
      tile(metric_label(result.primary_metric) + ", mean of parties", fixed(c.together.mean, 3),
           fmt::format("{} to {}", fixed(c.together.min, 3), fixed(c.together.max, 3)));
  if (c.has_alone()) tiles += against_tile(result, c);
  if (c.has_pooled()) {
    tiles += tile("against pooled data", signed_fixed(c.together.mean - c.pooled, 3),
                  "pooled " + fixed(c.pooled, 3));
  }
  const std::uint32_t rounds = last != nullptr ? last->round : 0;
  tiles += tile("sent per party", bytes_text(bytes_per_party(result)),
                rounds == 0 ? "" : bytes_text(bytes_per_party(result) / rounds) + " a round");
  if (result.clock == "virtual") {
    tiles += tile("virtual time", seconds_text(result.virtual_seconds), count_of(rounds, "round", "rounds"));
  } else {
    tiles += tile("wall time", seconds_text(result.wall_seconds), count_of(rounds, "round", "rounds"));
  }
  tiles += tile("processor time", seconds_text(result.cpu_seconds),
                si_text(node_rounds_per_cpu_second(result), "") + "node-rounds/s");
  return "<dl class=\"tiles\">" + tiles + "</dl>";
}

std::string protection_html(const RunResult& result) {
  std::string text = "<p>Training rows never leave the party that holds them. ";
  if (result.config.aggregation == "plain") {
    text +=
        "<b>aggregation = plain</b>: neighbours see each other's models; nothing about individual models is "
        "hidden from them. A model can reveal things about the rows it was trained on, for example whether a "
        "given row was among them.</p>";
  } else if (result.config.aggregation == "secure" && result.config.strategy == "d-psgd") {
    text += fmt::format(
        "<b>aggregation = secure</b>: each party receives the exact weighted sum of its neighbours' models "
        "and "
        "nothing about a single one, even together with all but two of these neighbours. Two parties that "
        "receive may work together and compare their sums; the graph was checked to leave at least four "
        "models in any difference. Sums are not hidden from their receivers and can themselves reveal "
        "things. "
        "{} sums were begun, {} completed, {} given up.</p>",
        result.sums.sessions, result.sums.completed, result.sums.aborted);
  } else if (result.config.aggregation == "secure") {
    text += fmt::format(
        "<b>aggregation = secure</b>: in each cohort a party's model is hidden from any coalition of up to "
        "the "
        "tolerated number of members; they learn the exact average of the cohort, which is not hidden from "
        "its "
        "members and can itself reveal things. {} sums were begun, {} completed, {} given up.</p>",
        result.sums.sessions, result.sums.completed, result.sums.aborted);
    if (result.sums.inputs_exposed) {
      text += fmt::format(
          "<p>The simulator played such a coalition, with all that its members received. Of the others' "
          "models, counted over all rounds, it could determine <b>{}</b>.</p>",
          *result.sums.inputs_exposed);
    }
  } else {
    text += fmt::format(
        "<b>aggregation = {}</b>: see the project's documentation for what this mode hides, from "
        "whom, and up to how many parties that collude.</p>",
        escape_html(result.config.aggregation));
  }
  return text +
         "<p>This page itself holds per-party scores, row counts and names. Share it as you would share "
         "those. "
         "Scores on the test rows and the pooled baseline were computed in one place, which only a "
         "simulation "
         "can do.</p>";
}

}  // namespace hansa::sim
