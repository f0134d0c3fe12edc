// report.html: complete, self-contained, safe against names from anybody's data, and right in what it says.
#include "sim/report/format.hpp"
#include "sim/report/report.hpp"
#include "sim/report/sections.hpp"
#include "tests/report/sample_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <limits>
#include <regex>
#include <string>
#include <vector>

namespace hansa::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::size_t count(const std::string& text, const std::string& piece) {
  std::size_t found = 0;
  for (std::size_t at = text.find(piece); at != std::string::npos; at = text.find(piece, at + piece.size()))
    ++found;
  return found;
}

std::string embedded_data(const std::string& html) {
  const std::string open = "<script type=\"application/json\" id=\"data\">";
  const std::size_t from = html.find(open) + open.size();
  return html.substr(from, html.find("</script>", from) - from);
}

/// Every element that is opened is closed, in order. Not a full parser: enough for a page we write ourselves.
void expect_balanced(const std::string& html) {
  static const std::vector<std::string> kVoid = {"meta", "input", "br", "link", "img", "hr"};
  std::vector<std::string> open;
  std::string markup = html;
  for (const char* raw : {"style", "script"}) {  // raw text: no tags inside
    const std::string begin = std::string("<") + raw;
    const std::string end = std::string("</") + raw + ">";
    for (std::size_t at = markup.find(begin); at != std::string::npos; at = markup.find(begin, at)) {
      markup.erase(at, markup.find(end, at) + end.size() - at);
    }
  }
  const auto letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
  for (std::size_t at = markup.find('<'); at != std::string::npos; at = markup.find('<', at + 1)) {
    const bool closing = markup.compare(at + 1, 1, "/") == 0;
    const std::size_t begin = at + 1 + (closing ? 1 : 0);
    if (begin >= markup.size() || !letter(markup[begin])) continue;
    std::size_t end = begin;
    for (char quote = 0; end < markup.size() && (quote != 0 || markup[end] != '>'); ++end) {
      const char c = markup[end];
      if (quote != 0) {
        if (c == quote) quote = 0;
      } else if (c == '"' || c == '\'') {
        quote = c;
      }
    }
    ASSERT_LT(end, markup.size()) << "no end of the tag at " << at;
    const std::size_t name_end = std::min(markup.find_first_of(" \t\n/>", begin), end);
    const std::string name = markup.substr(begin, name_end - begin);
    at = end;
    if (std::find(kVoid.begin(), kVoid.end(), name) != kVoid.end()) continue;
    if (markup[end - 1] == '/') continue;
    if (!closing) {
      open.push_back(name);
    } else {
      ASSERT_FALSE(open.empty()) << "stray </" << name << "> at " << at;
      ASSERT_EQ(open.back(), name) << "at " << at;
      open.pop_back();
    }
  }
  EXPECT_TRUE(open.empty()) << "left open: " << open.back();
}

/// Runs that differ in every way the page has to cope with.
std::vector<std::pair<std::string, RunResult>> awkward_runs() {
  std::vector<std::pair<std::string, RunResult>> runs;
  runs.emplace_back("plain", test::sample_run());
  runs.emplace_back("empty", RunResult{});
  runs.emplace_back("one party", test::sample_run(1, 3));
  runs.emplace_back("one evaluation", test::sample_run(12, 0));
  runs.emplace_back("hundred", test::sample_run(100, 5));
  runs.emplace_back("many", test::sample_run(1200, 2));
  runs.emplace_back("long", test::sample_run(4, 3000));
  RunResult bare = test::sample_run();
  bare.baseline_local_only.clear();
  bare.baseline_pooled.clear();
  bare.missing.clear();
  for (PartyRecord& party : bare.parties) party.local_only.clear(), party.crashes = 0;
  runs.emplace_back("no baselines", bare);
  RunResult gaps = test::sample_run();
  gaps.interrupted = true;
  gaps.rounds.resize(18);
  gaps.rounds[5].metrics.clear();
  gaps.rounds[6].metrics["auc"] = {kNaN, kNaN, kNaN, kNaN};
  gaps.rounds[7].consensus_distance = kNaN;
  gaps.spectral_gap = kNaN;
  gaps.parties[2].metrics.clear();
  gaps.edges.push_back({500, 2});
  gaps.missing.push_back({77, 400, 3, "new <reason>"});
  runs.emplace_back("interrupted, with gaps", gaps);
  RunResult constant = test::sample_run();
  for (RoundRecord& round : constant.rounds) {
    round.metrics["auc"] = {0.5, 0.5, 0.5, 0};
    round.mean_model["auc"] = 0.5;
    round.loss = 0;
    round.consensus_distance = 0;
    round.virtual_seconds = 0;
  }
  runs.emplace_back("constant", constant);
  return runs;
}

TEST(Page, IsWellFormedForEveryKindOfRun) {
  for (const auto& [name, run] : awkward_runs()) {
    SCOPED_TRACE(name);
    const std::string html = report_html(run);
    EXPECT_EQ(html.rfind("<!DOCTYPE html>", 0), 0U);
    expect_balanced(html);
    EXPECT_EQ(count(html, "{{"), 0U);
    EXPECT_THAT(embedded_data(html), Not(HasSubstr("<")));
    EXPECT_TRUE(nlohmann::json::accept(embedded_data(html)));
    for (const char* bad : {"nan", "inf"}) {
      const std::string attribute = std::string("[ML \"]-?") + bad + "[ \"%p]";
      EXPECT_FALSE(std::regex_search(html.substr(0, 200'000), std::regex(attribute)))
          << bad << " in a coordinate";
    }
    EXPECT_LT(html.size(), 3'000'000U);
  }
}

TEST(Page, LoadsNothing) {
  const std::string html = report_html(test::sample_run());
  EXPECT_THAT(html, Not(HasSubstr("http://")));
  EXPECT_THAT(html, Not(HasSubstr("https://")));
  for (const char* loader : {"src=", "<link", "@import", "url(", "fetch(", "XMLHttpRequest", "import("}) {
    EXPECT_THAT(html, Not(HasSubstr(loader)));
  }
}

TEST(Page, NothingFromTheDataIsEverMarkup) {
  const std::string evil = "</script><script>alert('x')</script><img onerror=\"y\"> {{data}} \" onload='z'";
  RunResult run = test::sample_run();
  const std::string clean = report_html(run);
  for (PartyRecord& party : run.parties) party.name = evil;
  run.config.name = run.config.data.dataset = run.config.model = run.config.strategy = evil;
  run.config.topology.name = run.config.aggregation = run.config.partition.kind = evil;
  run.dataset_summary = run.program_version = run.program_commit = run.models_hash = run.clock = evil;
  run.missing[0].reason = evil;
  const std::string html = report_html(run);
  EXPECT_EQ(count(html, "<script"), count(clean, "<script"));
  EXPECT_EQ(count(html, "</script"), count(clean, "</script"));
  EXPECT_EQ(count(html, "<img"), 0U);
  EXPECT_EQ(count(html, "onerror=\""), 0U);
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(&#39;x&#39;)"));
  expect_balanced(html);
}

TEST(Page, HasEveryPartOfTheReport) {
  const std::string html = report_html(test::sample_run());
  for (const char* part : {"Consensus distance", "Training loss", "AUC on the test rows", "Who talks to whom",
                           "Who was missing, and why", "What is protected, and what is not", "Party by party",
                           "hansa sim config.toml --seed 7", "rounds completed", "virtual time (s)",
                           "sent per party (MB)", "9f86d081884c7d65", "prefers-color-scheme", "@media print",
                           "class=\"band\"", "spectral gap 0.2764"}) {
    EXPECT_THAT(html, HasSubstr(part));
  }
  EXPECT_EQ(count(html, "<circle class=\"node"), 12U);
  EXPECT_EQ(count(html, "<figure class=\"chart\">"), 9U);  // three charts against three axes
  const std::string table = party_table_html(test::sample_run());
  EXPECT_EQ(count(table, "<tr>"), 13U);
}

TEST(Verdict, SaysWhatWasMeasured) {
  RunResult run = test::sample_run();
  for (PartyRecord& party : run.parties) party.metrics["auc"] = 0.771;
  EXPECT_EQ(verdict_html(run),
            "12 parties reached AUC <b>0.771</b> on average without sharing a row. Alone they reach "
            "<b>0.725</b>; with "
            "all data in one place, <b>0.773</b>.");
  EXPECT_THAT(judgement_html(run), HasSubstr("Every one of the 12 parties does better than alone."));
  EXPECT_THAT(judgement_html(run), HasSubstr("closes 95 % of the gap"));
  run.baseline_pooled["auc"] = 0.770;
  EXPECT_THAT(judgement_html(run), HasSubstr("is closed"));
  run.baseline_pooled.clear();
  EXPECT_THAT(verdict_html(run), HasSubstr("Alone they reach <b>0.725</b>."));
  run.baseline_local_only.clear();
  EXPECT_THAT(verdict_html(run), Not(HasSubstr("Alone")));
}

TEST(Verdict, DoesNotFlatter) {
  RunResult run = test::sample_run();
  for (PartyRecord& party : run.parties) party.metrics["auc"] = 0.6;
  EXPECT_THAT(judgement_html(run), HasSubstr("No party does better than alone."));
  EXPECT_THAT(judgement_html(run), HasSubstr("did not pay"));
  EXPECT_THAT(party_table_html(run), HasSubstr("class=\"num harm\""));
  EXPECT_THAT(party_table_html(run), Not(HasSubstr("class=\"num gain\"")));
}

TEST(Verdict, KnowsThatASmallErrorIsGood) {
  RunResult run = test::sample_run();
  run.primary_metric = "rmse";
  run.larger_is_better = false;
  run.baseline_local_only = {{"rmse", 1.30}};
  run.baseline_pooled = {{"rmse", 1.20}};
  for (PartyRecord& party : run.parties) {
    party.metrics = {{"rmse", 1.22}};
    party.local_only = {{"rmse", 1.31}};
  }
  EXPECT_THAT(judgement_html(run), HasSubstr("Every one of the 12 parties does better"));
  EXPECT_THAT(judgement_html(run), HasSubstr("closes 80 % of the gap"));
  EXPECT_THAT(judgement_html(run), HasSubstr("Smaller is better"));
  EXPECT_THAT(party_table_html(run), HasSubstr("class=\"num gain\""));
}

TEST(Verdict, AnInterruptedRunSaysSo) {
  RunResult run = test::sample_run();
  run.interrupted = true;
  run.rounds.resize(18);
  EXPECT_THAT(judgement_html(run), HasSubstr("Interrupted after round 17 of 40"));
}

TEST(Missing, NamesWhoAndWhy) {
  const std::string html = missing_html(test::sample_run());
  EXPECT_THAT(html, HasSubstr("7 times"));
  EXPECT_THAT(html, HasSubstr("<td>admin.</td><td>services</td><td class=\"num\">5</td><td>deadline</td>"));
  EXPECT_THAT(html, HasSubstr("1 crash (services); 2 rounds were skipped"));
  EXPECT_THAT(missing_html(RunResult{}), HasSubstr("Nobody"));
}

TEST(Protection, PlainHidesNothingFromNeighbours) {
  EXPECT_THAT(protection_html(test::sample_run()),
              HasSubstr("neighbours see each other's models; nothing about individual models is hidden"));
  EXPECT_THAT(protection_html(test::sample_run()), Not(HasSubstr("private")));
}

TEST(Parties, AboveAThousandOnlyTheWorstAreListed) {
  RunResult run = test::sample_run(1200, 1);
  for (std::size_t i = 0; i < run.parties.size(); ++i)
    run.parties[i].metrics["auc"] = 0.5 + 0.0001 * static_cast<double>(i);
  const std::string html = party_table_html(run);
  EXPECT_EQ(count(html, "<th scope=\"row\">"), 1000U);
  EXPECT_THAT(html, HasSubstr(">management<"));
  EXPECT_THAT(html, Not(HasSubstr(">party 1100<")));
}

}  // namespace
}  // namespace hansa::sim
