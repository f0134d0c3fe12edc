// `hansa roster`, `invite`, `join` and `requests`: who belongs to the consortium, and decisions about that.
// All decisions are signed with the organisation's key, which the node does not have.
#include "cli/mesh.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>

namespace hansa::cli {
namespace {

using http::Json;

struct RosterOptions {
  MeshOptions mesh;
  std::string name, ticket;
  std::vector<std::string> ids;
  double expires_hours = 72;
};

int report(const Result<void>& done, const std::string& text, bool json) {
  if (!done) return fail(done.error(), json);
  if (json) {
    fmt::print("{}\n", nlohmann::ordered_json{{"schema", "hansa.done.v1"}}.dump());
  } else {
    fmt::print("{}\n", text);
  }
  return kExitOk;
}

/// Opens the organisation's key, then acts.
int with_key(const RosterOptions& options, bool json, const std::string& text,
             const std::function<Result<void>(const node::StateFolder&, const crypto::Identity&)>& act) {
  const auto key = organisation_key(options.mesh);
  if (!key) return fail(key.error(), json);
  return report(act(options.mesh.folder(), *key), text, json);
}

Result<Json> get(const MeshOptions& options, const std::string& path) {
  auto client = http::Client::of_folder(options.folder().root);
  if (!client) return client.error();
  return client->get(path);
}

int show(const RosterOptions& options, bool json) {
  const auto got = get(options.mesh, "/api/v1/roster");
  if (!got) return fail(got.error(), json);
  if (json) {
    fmt::print("{}\n", got->dump(2));
    return kExitOk;
  }
  fmt::print("Roster version {} of {}\n", got->value("version", 0), got->value("consortium", "(none yet)"));
  for (const Json& each : got->value("orgs", Json::array())) {
    fmt::print("  {:<24} {:<10} {}\n", each.value("name", ""), each.value("status", ""),
               each.value("words", ""));
  }
  for (const Json& each : got->value("proposals", Json::array())) {
    fmt::print("Proposal {}", each.value("id", ""));
    for (const Json& change : each.value("changes", Json::array()))
      fmt::print("; {}", change.get<std::string>());
    fmt::print("\n  approve it with `hansa roster approve {}`\n", each.value("id", ""));
  }
  return kExitOk;
}

int requests(const RosterOptions& options, bool json) {
  const auto got = get(options.mesh, "/api/v1/requests");
  if (!got) return fail(got.error(), json);
  if (json) {
    fmt::print("{}\n", got->dump(2));
    return kExitOk;
  }
  fmt::print("{:<10} {:<24} {}\n", "ID", "ORGANISATION", "WORDS (compare them by telephone)");
  for (const Json& each : got->value("requests", Json::array())) {
    fmt::print("{:<10} {:<24} {}\n", each.value("id", ""), each.value("org", ""), each.value("words", ""));
  }
  return kExitOk;
}

/// Requests and proposals alike: what is asked for is approved.
Result<void> approve(const node::StateFolder& folder, const crypto::Identity& key,
                     const std::vector<std::string>& ids) {
  const auto as_requests = approve_requests(folder, key, ids);
  if (as_requests || as_requests.error().kind != ErrorKind::missing) return as_requests;
  return approve_proposals(folder, key, ids);
}

int ticket(const RosterOptions& options, bool json) {
  const auto key = organisation_key(options.mesh);
  if (!key) return fail(key.error(), json);
  const auto made = invite(options.mesh.folder(), *key, options.expires_hours);
  if (!made) return fail(made.error(), json);
  if (json) {
    fmt::print("{}\n", nlohmann::ordered_json{{"schema", "hansa.ticket.v1"}, {"ticket", *made}}.dump(2));
  } else {
    fmt::print("{}\n", *made);
  }
  return kExitOk;
}

}  // namespace

void add_roster(Cli& cli) {
  const auto options = std::make_shared<RosterOptions>();
  CLI::App* group = cli.verb(cli.app, "roster", "Found, show and change the consortium",
                             "Examples:\n  hansa roster found --name delay-model\n  hansa roster show\n"
                             "  hansa roster approve");
  CLI::App* verb = cli.verb(*group, "found", "Begin to found a consortium; the others are invited",
                            "Example:\n  hansa roster found --name delay-model");
  verb->add_option("--name", options->name, "The consortium's name")->required();
  add_key_options(*verb, options->mesh);
  cli.add_json(*verb);
  verb->callback([&cli, options] {
    cli.action = [&cli, options] {
      return with_key(
          *options, cli.json, "Drafted. Next: `hansa invite`, once for each other founder.",
          [&](const auto& folder, const auto& key) { return found_consortium(folder, key, options->name); });
    };
  });
  verb =
      cli.verb(*group, "show", "Show the roster, open proposals and votes", "Example:\n  hansa roster show");
  add_dir_option(*verb, options->mesh);
  cli.add_json(*verb);
  verb->callback([&cli, options] { cli.action = [&cli, options] { return show(*options, cli.json); }; });
  verb = cli.verb(*group, "approve", "Approve requests to join, or proposals; all open ones without IDs",
                  "Examples:\n  hansa roster approve\n  hansa roster approve 3f2a");
  verb->add_option("ids", options->ids, "IDs of requests or proposals, or their beginnings");
  add_key_options(*verb, options->mesh);
  cli.add_json(*verb);
  verb->callback([&cli, options] {
    cli.action = [&cli, options] {
      return with_key(*options, cli.json, "Approved.", [&](const auto& folder, const auto& key) {
        return approve(folder, key, options->ids);
      });
    };
  });
  verb = cli.verb(cli.app, "invite", "Print a ticket with which one organisation can ask to join",
                  "Example:\n  hansa invite --expires-hours 72");
  verb->add_option("--expires-hours", options->expires_hours, "How long the ticket can be used")
      ->check(CLI::Range(0.01, 720.0))
      ->capture_default_str();
  add_key_options(*verb, options->mesh);
  cli.add_json(*verb);
  verb->callback([&cli, options] { cli.action = [&cli, options] { return ticket(*options, cli.json); }; });
  verb = cli.verb(cli.app, "join", "Ask to join a consortium, with a ticket of a member",
                  "Example:\n  hansa join hansa1:join:MFZWI3D...");
  verb->add_option("ticket", options->ticket, "The ticket")->required();
  add_key_options(*verb, options->mesh);
  cli.add_json(*verb);
  verb->callback([&cli, options] {
    cli.action = [&cli, options] {
      return with_key(
          *options, cli.json, "Asked. The members see your request; compare the six words by telephone.",
          [&](const auto& folder, const auto& key) { return join_consortium(folder, key, options->ticket); });
    };
  });
  verb = cli.verb(cli.app, "requests", "List who asks to join", "Example:\n  hansa requests");
  add_dir_option(*verb, options->mesh);
  cli.add_json(*verb);
  verb->callback([&cli, options] { cli.action = [&cli, options] { return requests(*options, cli.json); }; });
}

}  // namespace hansa::cli
