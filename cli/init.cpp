// `hansa init`: keys and a folder for a new organisation's first node, or for a further node of a member.
// Needs no network.
#include "cli/mesh.hpp"

#include "protocols/roster/identity.hpp"
#include "src/store/key_files.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>
#include <optional>

namespace hansa::cli {
namespace {

struct InitOptions {
  MeshOptions mesh;
  config::NodeConfig node;
  std::string organisation;
  std::optional<std::uint16_t> http_port;
  std::string endpoint, node_of;
  bool outbound_only = false;
};

/// The ports after the control port are the bulk channel's and the lobby's.
Result<void> take_endpoint(InitOptions& options) {
  if (options.outbound_only) {
    options.node.control = options.node.bulk = options.node.lobby = "";
    return {};
  }
  if (options.endpoint.empty()) return {};
  const std::size_t colon = options.endpoint.rfind(':');
  const int port = colon == std::string::npos ? 0 : std::atoi(options.endpoint.c_str() + colon + 1);
  if (port < 1 || port > 65'533) {
    return Error{ErrorKind::usage, "--endpoint wants HOST:PORT, not \"" + options.endpoint + "\"",
                 "e.g. --endpoint fl.alfa.example:7717; the two ports after it are used as well"};
  }
  const std::string host = options.endpoint.substr(0, colon);
  const std::string listen = host == "localhost" || host == "127.0.0.1" ? "127.0.0.1" : "0.0.0.0";
  options.node.advertise = host;
  options.node.control = fmt::format("{}:{}", listen, port);
  options.node.bulk = fmt::format("{}:{}", listen, port + 1);
  options.node.lobby = fmt::format("{}:{}", listen, port + 2);
  return {};
}

Result<void> write_settings(const InitOptions& options, const node::StateFolder& folder) {
  const std::string text = config::to_toml(options.node);
  return store::write_private_file(folder.settings(), std::as_bytes(std::span(text.data(), text.size())));
}

/// A node of an organisation that has one: its key stays away from this machine.
int init_further(const InitOptions& options, const node::StateFolder& folder, bool json) {
  const auto id = protocols::roster::parse_id(options.node_of);
  if (!id) return fail(id.error(), json);
  const auto made = node::make_further_folder(folder, *id);
  if (!made) return fail(made.error(), json);
  if (const auto written = write_settings(options, folder); !written) return fail(written.error(), json);
  const std::string node = protocols::roster::to_text(protocols::roster::id_of(made->node));
  const std::string words = protocols::roster::fingerprint(*id);
  return print_done(json,
                    {{"schema", "hansa.init.v1"},
                     {"organisation", options.node.organisation},
                     {"org_id", protocols::roster::to_text(*id)},
                     {"words", words},
                     {"node_id", node},
                     {"dir", folder.root.string()}},
                    fmt::format("Organisation  {}\nWords         {}\nNode          {}\nFolder        {}\n\n"
                                "The organisation's key is not here, and need not be.\n"
                                "Next: `hansa node request -o FILE`.",
                                options.node.organisation, words, node, folder.root.string()));
}

int init(InitOptions& options, bool json) {
  const auto base = machine_config();
  if (!base) return fail(base.error(), json);
  options.node = *base;
  options.node.organisation = options.organisation;
  options.node.http_port = options.http_port.value_or(base->http_port);
  if (const auto taken = take_endpoint(options); !taken) return fail(taken.error(), json);
  const node::StateFolder folder = options.mesh.folder();
  if (!options.node_of.empty()) return init_further(options, folder, json);
  const auto passphrase = read_passphrase(options.mesh);
  if (!passphrase) return fail(passphrase.error(), json);
  const auto made = node::make_state_folder(folder, *passphrase);
  if (!made) return fail(made.error(), json);
  if (const auto written = write_settings(options, folder); !written) return fail(written.error(), json);
  const auto id = protocols::roster::id_of(made->organisation);
  const std::string words = protocols::roster::fingerprint(id);
  if (json) {
    const nlohmann::ordered_json document = {{"schema", "hansa.init.v1"},
                                             {"organisation", options.node.organisation},
                                             {"org_id", protocols::roster::to_text(id)},
                                             {"words", words},
                                             {"dir", folder.root.string()}};
    fmt::print("{}\n", document.dump(2));
    return kExitOk;
  }
  fmt::print("Organisation  {}\nID            {}\nWords         {}\nFolder        {}\n",
             options.node.organisation, protocols::roster::to_text(id), words, folder.root.string());
  fmt::print(
      "\nKeep {} and its passphrase safe: whoever has both votes for the organisation.\n"
      "Next: `hansa up`, then `hansa roster found --name NAME` or `hansa join TICKET`.\n",
      folder.organisation_key().string());
  return kExitOk;
}

}  // namespace

void add_init(Cli& cli) {
  CLI::App* verb = cli.verb(cli.app, "init", "Make keys and a folder for an organisation's node",
                            "Examples:\n  hansa init --org \"Alfa Air\" --endpoint fl.alfa.example:7717\n"
                            "  hansa init --org \"Carib Air\" --outbound-only --dir /var/lib/hansa\n"
                            "  hansa init --org \"Alfa Air\" --node-of AKQ7M2D-... --endpoint 10.0.0.2:7717");
  const auto options = std::make_shared<InitOptions>();
  verb->add_option("--org", options->organisation, "The organisation's name")->required();
  verb->add_option("--node-of", options->node_of,
                   "The ID of a member (`hansa keys status`): makes a further node of it, without its key");
  verb->add_option("--endpoint", options->endpoint,
                   "HOST:PORT that others dial; uses the two ports after it, too");
  verb->add_flag("--outbound-only", options->outbound_only, "Nobody can dial this node; it dials out");
  verb->add_option("--http-port", options->http_port, "Port of the status pages on 127.0.0.1; 0: a free one");
  add_key_options(*verb, options->mesh);
  cli.add_json(*verb);
  verb->callback([&cli, options] { cli.action = [&cli, options] { return init(*options, cli.json); }; });
}

}  // namespace hansa::cli
