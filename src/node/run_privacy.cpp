#include "src/node/run_privacy.hpp"

#include "sim/privacy/statement.hpp"

namespace hansa::node {

std::vector<std::string> privacy_lines(const config::RunConfig& config) {
  namespace privacy = sim::privacy;
  const auto statement = privacy::explain(config);
  if (!statement) return {"What this run gives away cannot be worked out: " + statement.error().message};
  std::vector<std::string> lines = statement->summary;
  for (const privacy::Learner& learner : statement->learners) {
    lines.push_back(learner.who + ": " + learner.what);
  }
  for (const privacy::Finding& finding : statement->findings) {
    lines.push_back(std::string(privacy::level_name(finding.level)) + ": " + finding.text);
  }
  for (const privacy::Finding& finding : statement->unhidden) lines.push_back("not hidden: " + finding.text);
  return lines;
}

}  // namespace hansa::node
