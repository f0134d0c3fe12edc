// The statement for people: headings, paragraphs, two tables.
#include "sim/privacy/parts.hpp"

#include <fmt/format.h>

#include <string_view>

namespace hansa::sim::privacy {
namespace {

/// Breaks `text` at spaces into lines of at most `columns`; the first begins with `first`, the others are
/// indented alike.
std::string wrapped(std::string_view first, std::string_view text, std::size_t columns) {
  std::string out(first);
  std::size_t used = first.size();
  bool line_begins = true;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
    if (word.empty()) continue;
    if (!line_begins && used + 1 + word.size() > columns) {
      out += '\n' + std::string(first.size(), ' ');
      used = first.size();
      line_begins = true;
    }
    out += (line_begins ? "" : " ") + std::string(word);
    used += word.size() + (line_begins ? 0 : 1);
    line_begins = false;
  }
  return out + '\n';
}

std::string groups_text(const PrivacyStatement& statement) {
  const bool cohorts = statement.protection == Protection::cohort_sums;
  std::string out = cohorts ? "\nThe sums\n" : "\nThe sums, by number of neighbours\n";
  out += fmt::format("  {:>7}  {:>10}  {:>11}  {:>11}  {:>11}  {:>17}\n", "members",
                     cohorts ? "per round" : "receivers", "colluders f", "threshold t", "may vanish",
                     "honest in the sum");
  for (const SumGroup& group : statement.groups) {
    out += fmt::format("  {:>7}  {:>10}  {:>11}  {:>11}  {:>11}  {:>17}\n", group.members, group.count,
                       group.colluders, group.threshold, group.dropouts,
                       fmt::format("at least {}", group.honest_min));
  }
  return out;
}

std::string odds_text(const PrivacyStatement& statement, std::size_t columns) {
  std::string out = "\nHow likely it is that one adversary gets too many into a sum\n";
  out +=
      wrapped("  ",
              fmt::format("If it controls some of the {} parties and chance decides who is with whom: that "
                          "one sum holds more than f of them; t or more, who read everything; and that an "
                          "honest party meets more than f at least once in the run.",
                          statement.parties),
              columns);
  out += fmt::format("  {:>14}  {:>7}  {:>15}  {:>17}  {:>17}\n", "its parties", "members", "more than f",
                     "t or more", fmt::format("in {}", counted(statement.rounds, "round", "rounds")));
  for (const Odds& odds : statement.odds) {
    const double share = static_cast<double>(odds.bad_parties) / statement.parties;
    out += fmt::format("  {:>14}  {:>7}  {:>15}  {:>17}  {:>17}\n",
                       fmt::format("{} ({})", odds.bad_parties, percent(share)), odds.members,
                       probability(odds.exceeds_colluders), probability(odds.reaches_threshold),
                       probability(odds.party_in_run));
  }
  return out;
}

std::string findings_text(std::string_view heading, const std::vector<Finding>& findings, bool levels,
                          std::size_t columns) {
  std::string out = fmt::format("\n{}\n", heading);
  for (const Finding& finding : findings) {
    out +=
        wrapped(levels ? fmt::format("  {:<9}", level_name(finding.level)) : "  - ", finding.text, columns);
  }
  return out;
}

}  // namespace

std::string to_text(const PrivacyStatement& statement, std::size_t columns) {
  std::string out = statement.name.empty() ? "" : wrapped("", statement.name, columns);
  out += wrapped(
      "",
      fmt::format("{}, {}; {}{}; aggregation = \"{}\"", counted(statement.parties, "party", "parties"),
                  counted(statement.rounds, "round", "rounds"), statement.strategy,
                  statement.topology.empty() ? "" : " on " + statement.topology, statement.aggregation),
      columns);
  for (const std::string& paragraph : statement.summary) out += '\n' + wrapped("", paragraph, columns);
  if (!statement.learners.empty()) {
    out += "\nWho learns what\n";
    for (const Learner& learner : statement.learners) {
      out += wrapped("  - ", fmt::format("{}: {}.", learner.who, learner.what), columns);
    }
  }
  if (!statement.groups.empty()) out += groups_text(statement);
  if (!statement.odds.empty()) out += odds_text(statement, columns);
  if (!statement.findings.empty()) {
    out += findings_text("What leaks here", statement.findings, true, columns);
  }
  out += findings_text("What this run does not hide or prevent", statement.unhidden, false, columns);
  out += "\nThis is a simulation\n";
  for (const std::string& paragraph : statement.simulation) out += wrapped("  ", paragraph, columns);
  return out;
}

}  // namespace hansa::sim::privacy
