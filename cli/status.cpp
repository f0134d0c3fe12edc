// `hansa status` and `hansa peers`: the running node at a glance.
#include "cli/mesh.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>

namespace hansa::cli {
namespace {

using http::Json;

std::string text(const Json& document, const char* key) {
  const auto place = document.find(key);
  if (place == document.end() || place->is_null()) return "-";
  return place->is_string() ? place->get<std::string>() : place->dump();
}

Result<Json> get(const MeshOptions& options, const std::string& path) {
  auto client = http::Client::of_folder(options.folder().root);
  if (!client) return client.error();
  return client->get(path);
}

int status(const MeshOptions& options, bool json) {
  const auto got = get(options, "/api/v1/status");
  if (!got) return fail(got.error(), json);
  const bool ready = got->value("ready", false);
  if (json) {
    fmt::print("{}\n", got->dump(2));
    return ready ? kExitOk : kExitFailed;
  }
  fmt::print("{}  {}\n", text(*got, "org"), ready ? "ready" : "NOT READY");
  fmt::print("  node      {}\n  words     {}\n  roster    version {}, expires {}\n", text(*got, "node_id"),
             text(*got, "words"), text(*got, "roster_version"),
             time_text(got->value("roster_expires_at", std::int64_t{0})));
  if (const int nodes = got->value("org_nodes", 0); nodes > 1)
    fmt::print("  nodes     {} of this organisation\n", nodes);
  fmt::print("  peers     {} of {} connected\n  runs      {} active\n  requests  {} pending\n",
             text(*got, "peers_connected"), text(*got, "peers_total"), text(*got, "runs_active"),
             text(*got, "pending_requests"));
  for (const char* list : {"reasons", "warnings"}) {
    if (!got->contains(list)) continue;
    for (const Json& line : (*got)[list]) fmt::print("  ! {}\n", line.get<std::string>());
  }
  return ready ? kExitOk : kExitFailed;
}

int peers(const MeshOptions& options, bool json) {
  const auto got = get(options, "/api/v1/peers");
  if (!got) return fail(got.error(), json);
  if (json) {
    fmt::print("{}\n", got->dump(2));
    return kExitOk;
  }
  fmt::print("{:<10} {:<24} {:<12} {:<22} {}\n", "NODE", "ORGANISATION", "STATE", "ENDPOINT", "RTT");
  for (const Json& peer : (*got)["peers"]) {
    fmt::print("{:<10} {:<24} {:<12} {:<22} {}\n", text(peer, "short_id"), text(peer, "org"),
               text(peer, "state"), text(peer, "endpoint"), text(peer, "rtt_ms"));
  }
  return kExitOk;
}

}  // namespace

void add_status(Cli& cli) {
  const auto options = std::make_shared<MeshOptions>();
  CLI::App* verb = cli.verb(cli.app, "status", "Show the running node at a glance; exit 1 if it is not ready",
                            "Example:\n  hansa status");
  add_dir_option(*verb, *options);
  cli.add_json(*verb);
  verb->callback([&cli, options] { cli.action = [&cli, options] { return status(*options, cli.json); }; });
  CLI::App* list =
      cli.verb(cli.app, "peers", "List the other nodes and how they are reached", "Example:\n  hansa peers");
  add_dir_option(*list, *options);
  cli.add_json(*list);
  list->callback([&cli, options] { cli.action = [&cli, options] { return peers(*options, cli.json); }; });
}

}  // namespace hansa::cli
