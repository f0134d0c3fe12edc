// `hansa vectors`: known answers of the protocols, for other implementations to compare with.
#include "cli/cli.hpp"

#include "protocols/beacon/draw.hpp"
#include "protocols/beacon/vectors.hpp"
#include "protocols/secure_sum/vectors.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>

namespace hansa::cli {

namespace {

using protocols::secure_sum::VectorSizes;

int print_lines(const Result<std::string>& text, const nlohmann::ordered_json& sizes, bool json) {
  if (!text) return fail(text.error(), json);
  if (!json) {
    fmt::print("{}", *text);
    return kExitOk;
  }
  nlohmann::ordered_json document = {{"schema", "hansa.vectors.v1"}};
  document.update(sizes);
  auto& lines = document["lines"] = nlohmann::ordered_json::array();
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = text->find('\n', at);
    lines.push_back(text->substr(at, end - at));
    at = end + 1;
  }
  fmt::print("{}\n", document.dump(2));
  return kExitOk;
}

int print_vectors(const VectorSizes& sizes, bool json) {
  return print_lines(protocols::secure_sum::known_answers(sizes),
                     {{"members", sizes.members},
                      {"threshold", sizes.threshold},
                      {"length", sizes.length},
                      {"chunk", sizes.chunk},
                      {"seed_label", sizes.seed_label}},
                     json);
}

void add_beacon_vectors(Cli& cli, CLI::App& group) {
  CLI::App* verb = cli.verb(group, "beacon", "A ceremony that draws a beacon, its randomness from a label",
                            "Example:\n  hansa vectors beacon --members 4");
  const auto sizes = std::make_shared<protocols::beacon::VectorSizes>();
  verb->add_option("--members", sizes->members, "Members of the ceremony")
      ->check(CLI::Range(std::size_t{3}, protocols::beacon::kMembersMax))
      ->capture_default_str();
  verb->add_option("--seed-label", sizes->seed_label, "Where the randomness comes from")
      ->capture_default_str();
  cli.add_json(*verb);
  verb->callback([&cli, sizes] {
    cli.action = [&cli, sizes] {
      return print_lines(protocols::beacon::known_answers(*sizes),
                         {{"members", sizes->members}, {"seed_label", sizes->seed_label}}, cli.json);
    };
  });
}

}  // namespace

void add_vectors(Cli& cli) {
  CLI::App* group = cli.verb(cli.app, "vectors", "Print known answers of a protocol",
                             "Example:\n  hansa vectors secure-sum --members 4 --threshold 3");
  CLI::App* verb = cli.verb(
      *group, "secure-sum", "Keys, masks and sum of a secure sum whose secrets come from a label",
      "Examples:\n  hansa vectors secure-sum --members 4 --threshold 3 --length 16 --chunk 4\n"
      "  hansa vectors secure-sum --members 8 --threshold 6 --length 1000 --chunk 125 --seed-label other");
  const auto sizes = std::make_shared<VectorSizes>();
  verb->add_option("--members", sizes->members, "Members, each with an input")
      ->check(CLI::Range(2, 64))
      ->capture_default_str();
  verb->add_option("--threshold", sizes->threshold, "Shares that rebuild a secret")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  verb->add_option("--length", sizes->length, "Elements of the vector")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  verb->add_option("--chunk", sizes->chunk, "Elements per chunk")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  verb->add_option("--seed-label", sizes->seed_label, "Where the secrets come from")->capture_default_str();
  cli.add_json(*verb);
  verb->callback([&cli, sizes] { cli.action = [&cli, sizes] { return print_vectors(*sizes, cli.json); }; });
  add_beacon_vectors(cli, *group);
}

}  // namespace hansa::cli
