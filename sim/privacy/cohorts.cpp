// Secure sums over cohorts: thresholds and odds per size, and what several sums of the same inputs add up to.
#include "protocols/gossip/secure_cohort.hpp"
#include "sim/privacy/coalition.hpp"
#include "sim/privacy/odds.hpp"
#include "sim/privacy/parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace hansa::sim::privacy {
namespace {

std::vector<SumGroup> groups_of(const config::RunConfig& config, const Cohorts& cohorts) {
  protocols::SecureOptions secure;
  secure.colluders = config.secure.colluders;
  std::map<std::size_t, std::uint32_t> sizes;
  for (const auto& cohort : cohorts) ++sizes[cohort.size()];
  std::vector<SumGroup> groups;
  for (const auto& [members, count] : sizes) {
    const protocols::SumThresholds thresholds = protocols::thresholds_in(secure, members);
    const auto n = static_cast<std::uint32_t>(members);
    const auto f = static_cast<std::uint32_t>(thresholds.colluders);
    const auto t = static_cast<std::uint32_t>(thresholds.votes);
    groups.push_back({n, count, f, t, n - t, t - f});
  }
  return groups;
}

/// P(an honest party meets more than f of `bad` in its cohort, at least once in the run).
double party_in_run(const config::RunConfig& config, const std::vector<SumGroup>& groups, std::uint32_t bad) {
  const std::uint32_t others = config.parties - 1;
  if (bad > others) return 1;
  if (config.cohort.grid) {  // the same row and the same column all the time
    const SumGroup& line = groups.front();
    if (config.rounds == 1) return more_than(line.colluders, line.members - 1, bad, others);
    return more_than_in_either(line.colluders, line.members - 1, bad, others);
  }
  double once = 0;  // a party is in a cohort of a size in proportion to how many places such cohorts have
  for (const SumGroup& group : groups) {
    const double share = static_cast<double>(group.members) * group.count / config.parties;
    once += share * more_than(group.colluders, group.members - 1, bad, others);
  }
  const bool same_cohort = groups.size() == 1 && groups.front().count == 1;
  return at_least_once(once, same_cohort ? 1 : config.rounds);
}

void add_odds(const config::RunConfig& config, PrivacyStatement& out) {
  std::uint32_t last = 0;
  for (const double share : {0.05, 0.1, 0.2, 0.3}) {
    const std::uint32_t bad = part_of(share, config.parties);
    if (bad == last) continue;
    last = bad;
    const double in_run = party_in_run(config, out.groups, bad);
    for (const SumGroup& group : out.groups) {
      out.odds.push_back({group.members, bad, more_than(group.colluders, group.members, bad, config.parties),
                          more_than(group.threshold - 1, group.members, bad, config.parties), in_run});
    }
  }
}

Finding repeated_sums(const config::RunConfig& config, const std::vector<Cohorts>& rounds) {
  const std::uint32_t bad = part_of(0.1, config.parties);
  std::vector<Round> first;
  std::size_t all = 0;
  for (std::uint32_t k = 0; k < kCoalitions; ++k) {
    const StandingStill one =
        if_models_stood_still(rounds, coalition_at(config.seed, k, config.parties, bad), config.parties);
    if (one.first) first.push_back(*one.first);
    all += one.all ? 1 : 0;
  }
  std::sort(first.begin(), first.end());
  Finding finding{
      .id = "repeated-sums", .level = first.empty() ? Level::note : Level::leak, .text = "", .parties = {}};
  finding.text = fmt::format(
      "Sums over different cohorts add up to equations. Worst case, if models stood still from the first "
      "round on: of {} random coalitions of {} ({} of all), each with what its cohorts' sums tell it, ",
      kCoalitions, counted(bad, "party", "parties"), percent(static_cast<double>(bad) / config.parties));
  if (first.empty()) {
    finding.text += fmt::format("none could work out a single model within {}.",
                                counted(rounds.size(), "round", "rounds"));
  } else {
    finding.text += fmt::format(
        "{} could work out somebody's model within {}, half of those after {} rounds, and {} everybody's.",
        first.size(), counted(rounds.size(), "round", "rounds"), first[first.size() / 2], all);
  }
  finding.text += " Training moves the models and blurs this; it does not bound it.";
  return finding;
}

Finding finish_rounds(const config::RunConfig& config) {
  const std::uint32_t finish = config.local.finish_rounds;
  Finding finding{.id = "finish-rounds", .level = Level::note, .text = "", .parties = {}};
  finding.text = fmt::format(
      "local.finish_rounds = {}: the models trained last enter {} sums unchanged, first themselves and then "
      "inside averages, so these sums are exact equations. ",
      finish, finish + 1);
  if (config.parties > kSolvedPartiesMax) {
    finding.text += fmt::format("Not solved for more than {} parties.", kSolvedPartiesMax);
  } else {
    const std::uint32_t bad = part_of(0.1, config.parties);
    std::uint32_t able = 0;
    std::size_t most = 0;
    for (std::uint32_t k = 0; k < kCoalitions; ++k) {
      const std::size_t found =
          found_without_training(cohort_options(config), config.rounds - finish - 1, config.rounds - 1,
                                 coalition_at(config.seed, k, config.parties, bad));
      able += found > 0 ? 1 : 0;
      most = std::max(most, found);
    }
    if (able > 0) finding.level = Level::leak;
    finding.text +=
        fmt::format("Of {} random coalitions of {}, {} could work out somebody's model", kCoalitions,
                    counted(bad, "party", "parties"), able == 0 ? "none" : fmt::format("{}", able));
    finding.text += able == 0 ? "." : fmt::format(" (at most {} models).", most);
  }
  finding.text +=
      " A party whose sum fails in these rounds brings the same model to its next sum: whoever knows both "
      "sums can subtract.";
  return finding;
}

Finding compressed_sums(const config::Secure& secure) {
  Finding finding{.id = "compressed-sums", .level = Level::note, .text = "", .parties = {}};
  if (secure.sparsify < 1) {
    finding.text = fmt::format(
        "secure.sparsify = {}: each sum covers a random {} of the coordinates, the same for all members and "
        "known to all; f and t hold for it as for whole sums. What is not summed stays as the party trained "
        "it: "
        "whoever is shown a party's final model sees that party's own values there.",
        secure.sparsify, percent(secure.sparsify));
  }
  if (secure.ring_bits == 16) {
    finding.text += fmt::format(
        "{}secure.ring_bits = 16: summed is how far models have moved from a base that all members hold, "
        "which "
        "says as much as the average itself. The random rounding follows from the run's seed, so it is no "
        "noise "
        "that hides anything.",
        finding.text.empty() ? "" : " ");
  }
  return finding;
}

void add_size_findings(const config::RunConfig& config, PrivacyStatement& out) {
  if (!config.cohort.grid && config.parties % config.cohort.size != 0 &&
      out.groups.front().members != config.cohort.size) {
    out.findings.push_back(
        {"uneven-cohorts",
         Level::note,
         fmt::format("{} parties do not divide by cohort.size = {}: cohorts have {} members, never fewer "
                     "than cohort.size. Thresholds differ by size, see above.",
                     config.parties, config.cohort.size,
                     range_text(out.groups.front().members, out.groups.back().members)),
         {}});
  } else if (out.groups.size() > 1) {
    out.findings.push_back(
        {"uneven-cohorts",
         Level::note,
         fmt::format("{} parties do not divide by cohort.size = {}: some cohorts have one member more. "
                     "Thresholds differ by size, see above.",
                     config.parties, config.cohort.size),
         {}});
  }
  for (const SumGroup& group : out.groups) {
    if (group.members == 3) {
      out.findings.push_back(
          {"three-members",
           Level::note,
           "A cohort of 3 works with f = 1 and t = 3: all three must stay to the end, and one that vanishes "
           "costs the round. From 4 members on, one may vanish.",
           {}});
    } else if (group.dropouts == 0) {
      out.findings.push_back({"no-dropouts",
                              Level::note,
                              fmt::format("With f = {} in a cohort of {}, t = {}: nobody may vanish. A "
                                          "smaller secure.colluders tolerates dropouts.",
                                          group.colluders, group.members, group.threshold),
                              {}});
    }
    if (group.honest_min < 4) {
      out.findings.push_back(
          {"small-sums",
           Level::note,
           fmt::format("A sum over a cohort of {} may hold no more than {} models besides the colluders'; 4 "
                       "or more blur a single one better. Larger cohorts help{}.",
                       group.members, group.honest_min, config.cohort.grid ? "" : " (cohort.size = 8 or 16)"),
           {}});
    }
  }
}

void add_repetition_findings(const config::RunConfig& config, PrivacyStatement& out) {
  const bool one_cohort = out.groups.size() == 1 && out.groups.front().count == 1;
  if (one_cohort && config.rounds > 1) {
    out.findings.push_back(
        {"same-cohort",
         Level::leak,
         fmt::format("The same {} parties sum in every round. If one of them misses a round, the sums before "
                     "and after differ by its model, as far as the others' models have not moved in between: "
                     "any other member can subtract (a differencing attack), and no threshold prevents it. "
                     "More parties than a cohort holds, or noise, would.",
                     config.parties),
         {}});
  }
  if (config.cohort.grid && !one_cohort) {
    const std::uint32_t side = out.groups.front().members;
    out.findings.push_back(
        {"grid-lines",
         config.rounds > 2 ? Level::leak : Level::note,
         fmt::format("On the grid a party sums with the same {} others of its row in even rounds and with "
                     "the same {} of its column in odd ones. If one of them misses a round, the sums of its "
                     "line two rounds apart differ by its model, as far as the others' have not moved: any "
                     "member of the line can subtract. Parties that distrust each other should not share a "
                     "line; numbers decide who does: party i stands in row i / {} and column i % {}.",
                     side - 1, side - 1, side, side),
         {}});
  }
  if (!one_cohort && config.rounds > 1 && config.parties <= kSolvedPartiesMax) {
    constexpr Round kRoundsMax = 512;  // then every equation there is has come up many times
    std::vector<Cohorts> rounds;
    for (Round round = 0; round < std::min<Round>(config.rounds, kRoundsMax); ++round) {
      rounds.push_back(cohorts_of(cohort_options(config), round));
    }
    out.findings.push_back(repeated_sums(config, rounds));
  }
  if (config.local.finish_rounds > 0) out.findings.push_back(finish_rounds(config));
}

std::string each_text(const std::vector<SumGroup>& groups, std::uint32_t SumGroup::*field) {
  std::uint32_t low = groups.front().*field;
  std::uint32_t high = low;
  for (const SumGroup& group : groups) {
    low = std::min(low, group.*field);
    high = std::max(high, group.*field);
  }
  return range_text(low, high);
}

void add_learners(PrivacyStatement& out) {
  const std::vector<SumGroup>& groups = out.groups;
  const std::string f = each_text(groups, &SumGroup::colluders);
  const std::string t = each_text(groups, &SumGroup::threshold);
  out.learners = {
      {"a member of a cohort",
       fmt::format("the exact average over the members in the sum, at least {} of {}, its own model among "
                   "them; who was in it and who vanished; nothing else about anybody's model",
                   t, each_text(groups, &SumGroup::members))},
      {groups.back().colluders == 1 ? "a dishonest member (f = 1)"
                                    : fmt::format("up to f = {} members together", f),
       fmt::format(
           "the sum over the others in it: at least {} models, none of them alone; also as owner of a "
           "piece, as leader, or breaking the protocol",
           each_text(groups, &SumGroup::honest_min))},
      {fmt::format("more than f = {}, fewer than t = {}", f, t),
       "no mask, but a dishonest leader among them can choose a sum with fewer models of others, down to "
       "one"},
      {fmt::format("t = {} or more together", t), "every model of that cohort in that round"},
      {"other parties", "nothing of this cohort's round; later, averages that its members pass on"},
      {"somebody on the line",
       "who sums with whom, when, and how large the model is; the sums too, unless the transport encrypts"}};
}

}  // namespace

void explain_cohorts(const config::RunConfig& config, PrivacyStatement& out) {
  const Cohorts cohorts = cohorts_of(cohort_options(config), 0);
  out.protection = Protection::cohort_sums;
  out.groups = groups_of(config, cohorts);
  std::uint32_t honest = out.groups.front().honest_min;
  for (const SumGroup& group : out.groups) honest = std::min(honest, group.honest_min);
  out.honest_sum_min = honest;
  const SumGroup& smallest = out.groups.front();
  out.summary.push_back(fmt::format(
      "In each round a party's model goes, masked, into one sum: that of its cohort of {}. From that sum "
      "nobody learns a single model of another, as long as at most {} of a cohort {} (f); the smallest sum "
      "that such colluders can learn is over {} models of others. What the sums of several rounds say "
      "together stands below.",
      range_text(smallest.members, out.groups.back().members), each_text(out.groups, &SumGroup::colluders),
      out.groups.back().colluders == 1 ? "is dishonest" : "work together", honest));
  const std::string dropouts = each_text(out.groups, &SumGroup::dropouts);
  out.summary.push_back(
      dropouts == "0"
          ? "No member of a cohort may vanish once its masked model has left: the cohort's round is lost "
            "then."
          : fmt::format(
                "Of a cohort, {} may vanish at any time, and the sum goes on without what is missing; "
                "if more vanish, the cohort's round is lost and nothing leaks.",
                dropouts == "1" ? "1 member" : dropouts + " members"));
  add_learners(out);
  add_odds(config, out);
  add_repetition_findings(config, out);
  if (config.secure.sparsify < 1 || config.secure.ring_bits == 16) {
    out.findings.push_back(compressed_sums(config.secure));
  }
  add_size_findings(config, out);
}

}  // namespace hansa::sim::privacy
