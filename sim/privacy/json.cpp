// The statement for programs.
#include "sim/privacy/statement.hpp"

#include <nlohmann/json.hpp>

namespace hansa::sim::privacy {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const std::vector<Finding>& findings, bool levels) {
  Json list = Json::array();
  for (const Finding& finding : findings) {
    Json item{{"id", finding.id}};
    if (levels) item["level"] = level_name(finding.level);
    item["text"] = finding.text;
    if (levels) item["parties"] = finding.parties;
    list.push_back(std::move(item));
  }
  return list;
}

Json groups_json(const PrivacyStatement& statement) {
  Json list = Json::array();
  for (const SumGroup& group : statement.groups) {
    list.push_back({{"members", group.members},
                    {"count", group.count},
                    {"colluders", group.colluders},
                    {"threshold", group.threshold},
                    {"dropouts", group.dropouts},
                    {"honest_min", group.honest_min}});
  }
  return list;
}

Json odds_json(const PrivacyStatement& statement) {
  Json list = Json::array();
  for (const Odds& odds : statement.odds) {
    list.push_back({{"members", odds.members},
                    {"bad_parties", odds.bad_parties},
                    {"exceeds_colluders", odds.exceeds_colluders},
                    {"reaches_threshold", odds.reaches_threshold},
                    {"party_in_run", odds.party_in_run}});
  }
  return list;
}

}  // namespace

std::string to_json(const PrivacyStatement& statement) {
  Json document{
      {"schema", "hansa.privacy.v1"},
      {"name", statement.name},
      {"parties", statement.parties},
      {"rounds", statement.rounds},
      {"strategy", statement.strategy},
      {"topology", statement.topology.empty() ? Json(nullptr) : Json(statement.topology)},
      {"aggregation", statement.aggregation},
      {"protection", protection_name(statement.protection)},
      {"honest_sum_min", statement.honest_sum_min ? Json(*statement.honest_sum_min) : Json(nullptr)},
      {"summary", statement.summary}};
  Json& learners = document["learners"] = Json::array();
  for (const Learner& learner : statement.learners) {
    learners.push_back({{"who", learner.who}, {"what", learner.what}});
  }
  document["sums"] = groups_json(statement);
  document["odds"] = odds_json(statement);
  document["exposure"] = nullptr;
  if (statement.exposure) {
    document["exposure"] = {{"rounds_examined", statement.exposure->rounds_examined},
                            {"viewers",
                             {{"min", statement.exposure->viewers_min},
                              {"median", statement.exposure->viewers_median},
                              {"max", statement.exposure->viewers_max}}},
                            {"see_everybody", statement.exposure->see_everybody}};
  }
  document["findings"] = to_json(statement.findings, true);
  document["unhidden"] = to_json(statement.unhidden, false);
  document["simulation"] = statement.simulation;
  return document.dump(2);
}

}  // namespace hansa::sim::privacy
