// Who went on without whom: the largest entries by name, the rest as a sum, and crashes.
#include "sim/report/format.hpp"
#include "sim/report/sections.hpp"
#include "sim/report/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace hansa::sim {
namespace {

constexpr std::size_t kShownMax = 8;

std::string reason_text(const std::string& reason) {
  if (reason == "deadline") return "its message came after the deadline, or never";
  if (reason == "suspected") return "not waited for after repeated misses";
  if (reason == "down") return "known to be down";
  return escape_html(reason);
}

std::string by_reason(const RunResult& result, std::uint64_t& total) {
  std::map<std::string, std::uint64_t> times;
  for (const MissingPeer& missing : result.missing) {
    times[missing.reason] += missing.times;
    total += missing.times;
  }
  std::string list;
  for (const auto& [reason, count] : times) {
    list +=
        fmt::format("<li><b>{}</b> × {}: {}</li>", grouped(count), escape_html(reason), reason_text(reason));
  }
  return list;
}

std::string pairs_table(const RunResult& result) {
  std::vector<MissingPeer> pairs = result.missing;
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const MissingPeer& a, const MissingPeer& b) { return a.times > b.times; });
  std::string rows;
  for (std::size_t i = 0; i < pairs.size() && i < kShownMax; ++i) {
    rows += fmt::format("<tr><td>{}</td><td>{}</td><td class=\"num\">{}</td><td>{}</td></tr>",
                        escape_html(party_name(result, pairs[i].party)),
                        escape_html(party_name(result, pairs[i].peer)), grouped(pairs[i].times),
                        escape_html(pairs[i].reason));
  }
  std::string table =
      "<div class=\"scroll\"><table><thead><tr><th>party</th><th>went on without</th>"
      "<th class=\"num\">times</th><th>reason</th></tr></thead><tbody>" +
      rows + "</tbody></table></div>";
  if (pairs.size() > kShownMax) {
    table += fmt::format("<p class=\"note\">The {} most frequent of {} pairs; all are in summary.json.</p>",
                         kShownMax, grouped(pairs.size()));
  }
  return table;
}

std::string crashes_html(const RunResult& result) {
  std::uint64_t crashes = 0;
  std::uint64_t skipped = 0;
  std::string names;
  std::size_t crashed = 0;
  for (std::size_t i = 0; i < result.parties.size(); ++i) {
    const PartyRecord& party = result.parties[i];
    crashes += party.crashes;
    skipped += party.skipped_rounds;
    if (party.crashes == 0) continue;
    if (++crashed <= kShownMax) names += (names.empty() ? "" : ", ") + escape_html(party_name(result, i));
  }
  if (crashes == 0) return "<p>No party crashed.</p>";
  if (crashed > kShownMax) names += fmt::format(" and {} more", crashed - kShownMax);
  return fmt::format("<p>{} ({}); {} skipped after returning.</p>", count_of(crashes, "crash", "crashes"),
                     names, count_of(skipped, "round was", "rounds were"));
}

}  // namespace

std::string missing_html(const RunResult& result) {
  std::uint64_t total = 0;
  const std::string reasons = by_reason(result, total);
  std::string html;
  if (total == 0) {
    html = "<p>Nobody: every message that a party waited for came in time.</p>";
  } else {
    html = fmt::format(
               "<p>A party went on without a neighbour {}; weights were renormalised each time.</p>"
               "<ul class=\"plain\">{}</ul>",
               count_of(total, "time", "times"), reasons) +
           pairs_table(result);
  }
  html += crashes_html(result);
  if (result.messages_lost > 0) {
    html += fmt::format("<p>The network lost {}.</p>", count_of(result.messages_lost, "message", "messages"));
  }
  if (result.messages_duplicated > 0) {
    html += fmt::format("<p>The network delivered {} twice; each was used once.</p>",
                        count_of(result.messages_duplicated, "message", "messages"));
  }
  return html;
}

}  // namespace hansa::sim
