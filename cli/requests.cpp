// `hansa requests`: who asks to join, and everything there is to compare before saying yes.
#include "cli/mesh.hpp"

#include "protocols/roster/identity.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>

namespace hansa::cli {
namespace {

namespace roster = protocols::roster;
using http::Json;

struct RequestOptions {
  MeshOptions mesh;
  std::string id;
};

int list(const RequestOptions& options, bool json) {
  const auto got = ask_node(options.mesh, "/api/v1/requests");
  if (!got) return fail(got.error(), json);
  if (json) return print_done(true, *got, "");
  fmt::print("{:<10} {:<24} {:<8} {}\n", "ID", "ORGANISATION", "AGE", "WORDS (compare them by telephone)");
  for (const Json& each : got->value("requests", Json::array())) {
    const auto age = static_cast<std::int64_t>(each.value("age_seconds", 0.0));
    fmt::print("{:<10} {:<24} {:<8} {}\n", each.value("id", ""), each.value("org", ""), age_text(age),
               each.value("words", ""));
  }
  return kExitOk;
}

int show(const RequestOptions& options, bool json) {
  const node::StateFolder folder = options.mesh.folder();
  const auto keys = node::load_node_keys(folder);
  if (!keys) return fail(keys.error(), json);
  const auto client = http::Client::of_folder(folder.root);
  if (!client) return fail(client.error(), json);
  const auto state = client->keeper_state();
  if (!state) return fail(state.error(), json);
  auto governance = node::Governance::open(*keys, *state, unix_now());
  if (!governance) return fail(governance.error(), json);
  std::vector<crypto::Hash256> known;
  const auto requests = governance->keeper().requests();
  for (const roster::RequestView& each : requests) known.push_back(each.id);
  const auto chosen = the_one(known, options.id, "request");
  if (!chosen) return fail(chosen.error(), json);
  for (const roster::RequestView& each : requests) {
    if (each.id != *chosen) continue;
    const roster::JoinRequest& request = each.request;
    const roster::Id id = roster::id_of(request.organisation);
    nlohmann::ordered_json nodes = nlohmann::ordered_json::array();
    std::string text = fmt::format(
        "Request       {}\nOrganisation  {}\nID            {}\nWords         {}\nAsked         {}\n"
        "Invited by    {}, ticket expires {}\nNodes         at most {}\n",
        each.id.hex().substr(0, 8), request.name, roster::to_text(id), roster::fingerprint(id),
        time_text(request.created_at), request.ticket.inviter_name, time_text(request.ticket.expires_at),
        request.max_nodes);
    for (const roster::NodeCertificate& node : request.certificates) {
      const std::string endpoint = node.endpoints.control.empty() ? "" : node.endpoints.control.front();
      nodes.push_back({{"node_id", roster::to_text(roster::id_of(node.node))}, {"endpoint", endpoint}});
      text += fmt::format("  {}  {}\n", roster::short_text(roster::id_of(node.node)),
                          endpoint.empty() ? "(dials out only)" : endpoint);
    }
    text +=
        fmt::format("`hansa roster approve {0}` or `hansa roster reject {0}`", each.id.hex().substr(0, 8));
    return print_done(json,
                      {{"schema", "hansa.request.v1"},
                       {"id", each.id.hex()},
                       {"org", request.name},
                       {"org_id", roster::to_text(id)},
                       {"words", roster::fingerprint(id)},
                       {"created_at", request.created_at},
                       {"inviter", request.ticket.inviter_name},
                       {"ticket_expires_at", request.ticket.expires_at},
                       {"max_nodes", request.max_nodes},
                       {"nodes", nodes},
                       {"rejections", each.rejections.size()}},
                      text);
  }
  return kExitBug;
}

}  // namespace

void add_requests(Cli& cli) {
  const auto options = std::make_shared<RequestOptions>();
  CLI::App* group = cli.verb(cli.app, "requests", "List who asks to join",
                             "Examples:\n  hansa requests\n  hansa requests show 3f2a");
  const auto set = [&](CLI::App* verb, int (*action)(const RequestOptions&, bool)) {
    add_dir_option(*verb, options->mesh);
    cli.add_json(*verb);
    verb->callback([&cli, options, verb, action] {
      if (!verb->get_subcommands().empty()) return;  // of the verbs below
      cli.action = [&cli, options, action] { return action(*options, cli.json); };
    });
  };
  set(group, list);
  set(cli.verb(*group, "ls", "The same as `hansa requests` alone", "Example:\n  hansa requests ls"), list);
  CLI::App* verb =
      cli.verb(*group, "show", "Everything about one request", "Example:\n  hansa requests show 3f2a");
  verb->add_option("id", options->id, "Its ID, or the beginning")->required();
  set(verb, show);
}

}  // namespace hansa::cli
