// `hansa invite` and `hansa join`: tickets, and what becomes of them. A ticket grants nothing but the right
// to file one request; the folder remembers which ones were made, so that they can be listed and revoked.
#include "cli/mesh.hpp"

#include "protocols/roster/identity.hpp"
#include "protocols/roster/ticket.hpp"
#include "src/crypto/hash.hpp"
#include "src/crypto/random.hpp"
#include "src/store/key_files.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>

namespace hansa::cli {
namespace {

namespace roster = protocols::roster;
using nlohmann::ordered_json;
using Token = std::array<std::byte, 16>;

constexpr std::size_t kInvitesBytesMax = 1u << 20;
constexpr std::size_t kInvitesKept = 1000;

struct InviteOptions {
  MeshOptions mesh;
  double expires_hours = 72;
  std::uint32_t count = 1;
  std::string id, ticket;
};

/// A ticket as the folder remembers it: without its signature, so that the file grants nothing.
struct Invite {
  std::string id;
  Token token{};
  std::int64_t created_at = 0, expires_at = 0;
};

Result<std::vector<Invite>> read_invites(const node::StateFolder& folder) {
  std::error_code ignored;
  if (!std::filesystem::exists(folder.invites(), ignored)) return std::vector<Invite>{};
  const auto bytes = store::read_private_file(folder.invites(), kInvitesBytesMax);
  if (!bytes) return bytes.error();
  const auto* text = reinterpret_cast<const char*>(bytes->data());
  const auto document = ordered_json::parse(text, text + bytes->size(), nullptr, false);
  const Error damaged{ErrorKind::bad_data, folder.invites().string() + " is damaged",
                      "remove it; tickets that are out stay valid, and cannot be listed any more"};
  if (!document.is_object() || !document.contains("invites") || !document["invites"].is_array())
    return damaged;
  std::vector<Invite> invites;
  for (const ordered_json& each : document["invites"]) {
    if (!each.is_object() || !each.contains("token") || !each["token"].is_string()) return damaged;
    const auto token = crypto::from_hex(each["token"].get<std::string>());
    if (!token || token->size() != 16) return damaged;
    Invite invite;
    std::copy(token->begin(), token->end(), invite.token.begin());
    invite.id = crypto::hash("hansa.invite.v1", invite.token).hex().substr(0, 8);
    for (const auto& [name, field] :
         {std::pair("created_at", &invite.created_at), std::pair("expires_at", &invite.expires_at)}) {
      if (!each.contains(name) || !each[name].is_number_integer()) return damaged;
      *field = each[name].get<std::int64_t>();
    }
    invites.push_back(std::move(invite));
  }
  return invites;
}

Result<void> remember(const node::StateFolder& folder, const roster::Ticket& ticket) {
  auto invites = read_invites(folder);
  if (!invites) return invites.error();
  invites->push_back({"", ticket.token, ticket.issued_at, ticket.expires_at});
  // Old ones go after a month: by then nobody can use them, or ask about them.
  std::erase_if(*invites, [](const Invite& each) { return each.expires_at + 30 * 86'400 < unix_now(); });
  if (invites->size() > kInvitesKept)
    invites->erase(invites->begin(), invites->end() - static_cast<std::ptrdiff_t>(kInvitesKept));
  ordered_json list = ordered_json::array();
  for (const Invite& each : *invites) {
    list.push_back({{"token", crypto::to_hex(each.token)},
                    {"created_at", each.created_at},
                    {"expires_at", each.expires_at}});
  }
  const std::string text = ordered_json{{"schema", "hansa.invites_file.v1"}, {"invites", list}}.dump(1);
  return store::write_private_file(folder.invites(), std::as_bytes(std::span(text.data(), text.size())));
}

int create(const InviteOptions& options, bool json) {
  const auto key = organisation_key(options.mesh);
  if (!key) return fail(key.error(), json);
  ordered_json tickets = ordered_json::array();
  std::string text;
  for (std::uint32_t i = 0; i < options.count; ++i) {
    const auto made = invite(options.mesh.folder(), *key, options.expires_hours);
    if (!made) return fail(made.error(), json);
    tickets.push_back(*made);
    text += (i == 0 ? "" : "\n") + *made;
  }
  return print_done(json, {{"schema", "hansa.ticket.v1"}, {"ticket", tickets.front()}, {"tickets", tickets}},
                    text);
}

/// The keeper's memory of who used which ticket; nothing if no node runs.
Result<node::Governance> keeper_of(const node::StateFolder& folder) {
  auto keys = node::load_node_keys(folder);
  if (!keys) return keys.error();
  const auto client = http::Client::of_folder(folder.root);
  if (!client) return client.error();
  const auto state = client->keeper_state();
  if (!state) return state.error();
  return node::Governance::open(*keys, *state, unix_now());
}

int list(const InviteOptions& options, bool json) {
  const node::StateFolder folder = options.mesh.folder();
  const auto invites = read_invites(folder);
  if (!invites) return fail(invites.error(), json);
  auto governance = keeper_of(folder);
  if (!governance) return fail(governance.error(), json);
  const roster::RosterKeeper& keeper = governance->keeper();
  const auto keys = node::load_node_keys(folder);
  if (!keys) return fail(keys.error(), json);
  const auto name_of_user = [&](const crypto::PublicKey& user) -> std::string {
    for (const auto& request : keeper.requests()) {
      if (request.request.organisation == user) return request.request.name;
    }
    const auto* known = keeper.chain().empty() ? nullptr : keeper.chain().head().roster.find(user);
    return known != nullptr ? known->name : roster::short_text(roster::id_of(user));
  };
  ordered_json rows = ordered_json::array();
  std::string text = fmt::format("{:<10} {:<22} {}", "ID", "EXPIRES", "STATE");
  for (const Invite& each : *invites) {
    const auto user = keeper.ticket_user(each.token);
    std::string state = each.expires_at <= unix_now() ? "expired" : "open", by;
    if (user && *user == keys->organisation) {
      state = "revoked";
    } else if (user) {
      state = "used";
      by = name_of_user(*user);
    }
    rows.push_back({{"id", each.id},
                    {"created_at", each.created_at},
                    {"expires_at", each.expires_at},
                    {"state", state},
                    {"used_by", by}});
    text += fmt::format("\n{:<10} {:<22} {}{}", each.id, time_text(each.expires_at), state,
                        by.empty() ? "" : " by " + by);
  }
  return print_done(json, {{"schema", "hansa.invites.v1"}, {"invites", rows}}, text);
}

int revoke(const InviteOptions& options, bool json) {
  const node::StateFolder folder = options.mesh.folder();
  const auto invites = read_invites(folder);
  if (!invites) return fail(invites.error(), json);
  std::vector<Invite> chosen;
  for (const Invite& each : *invites) {
    if (each.id.starts_with(options.id)) chosen.push_back(each);
  }
  if (chosen.size() != 1) {
    return fail({ErrorKind::missing,
                 (chosen.empty() ? "there is no ticket \"" : "more than one ticket begins with \"") +
                     options.id + "\"",
                 "`hansa invite ls` lists those made here"},
                json);
  }
  const auto key = organisation_key(options.mesh);
  if (!key) return fail(key.error(), json);
  const auto done = decide(folder, *key, [&](node::Governance& g, const crypto::Identity&) {
    return g.keeper().revoke_ticket(chosen[0].token, chosen[0].expires_at, g.effects());
  });
  if (!done) return fail(done.error(), json);
  return print_done(json, {{"schema", "hansa.done.v1"}, {"done", true}},
                    "Revoked: this node takes no request with it.");
}

int join(const InviteOptions& options, bool json) {
  const auto key = organisation_key(options.mesh);
  if (!key) return fail(key.error(), json);
  const auto done = join_consortium(options.mesh.folder(), *key, options.ticket);
  if (!done) return fail(done.error(), json);
  return print_done(json, {{"schema", "hansa.done.v1"}, {"done", true}},
                    "Asked. The members see your request; compare the six words by telephone.");
}

void add_create_options(CLI::App& verb, Cli& cli, const std::shared_ptr<InviteOptions>& options) {
  verb.add_option("--expires-hours", options->expires_hours, "How long the ticket can be used")
      ->check(CLI::Range(0.01, 720.0))
      ->capture_default_str();
  verb.add_option("--count", options->count, "Tickets; each serves one organisation")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  add_key_options(verb, options->mesh);
  cli.add_json(verb);
}

}  // namespace

Result<std::string> invite(const node::StateFolder& folder, const crypto::Identity& organisation,
                           double expires_hours) {
  auto client = http::Client::of_folder(folder.root);
  if (!client) return client.error();
  const auto lobby = client->post("/api/v1/lobby", http::Json({{"seconds", expires_hours * 3600}}));
  if (!lobby) return lobby.error();
  const std::string endpoint = lobby->value("endpoint", "");
  std::string text;
  const auto done =
      decide(folder, organisation, [&](node::Governance& g, const crypto::Identity& key) -> Result<void> {
        auto keys = node::load_node_keys(folder);
        if (!keys) return keys.error();
        Token token;
        crypto::random_bytes(token);
        const auto ticket = g.keeper().invite(
            key, token, {{keys->node->public_key(), keys->curve.key.public_key(), endpoint}},
            static_cast<roster::UnixTime>(expires_hours * 3600), unix_now());
        if (!ticket) return ticket.error();
        text = roster::to_text(*ticket);
        return remember(folder, *ticket);
      });
  if (!done) return done.error();
  return text;
}

void add_invite(Cli& cli) {
  const auto options = std::make_shared<InviteOptions>();
  CLI::App* group = cli.verb(cli.app, "invite", "Print a ticket with which one organisation can ask to join",
                             "Examples:\n  hansa invite --expires-hours 72\n  hansa invite create --count 2\n"
                             "  hansa invite ls\n  hansa invite revoke 3f2a");
  add_create_options(*group, cli, options);
  group->callback([&cli, options, group] {
    if (!group->get_subcommands().empty()) return;  // of the verbs below
    cli.action = [&cli, options] { return create(*options, cli.json); };
  });
  CLI::App* verb = cli.verb(*group, "create", "The same as `hansa invite` alone",
                            "Example:\n  hansa invite create --count 2 --expires-hours 24");
  add_create_options(*verb, cli, options);
  verb->callback([&cli, options] { cli.action = [&cli, options] { return create(*options, cli.json); }; });
  add_mesh_verb(cli, *group, "ls",
                "List the tickets made in this folder: open, used by whom, revoked, expired",
                "Example:\n  hansa invite ls", options, list);
  verb = cli.verb(*group, "revoke", "Make a ticket worthless that nobody has used yet",
                  "Example:\n  hansa invite revoke 3f2a");
  verb->add_option("id", options->id, "Its ID in `hansa invite ls`, or the beginning")->required();
  add_key_options(*verb, options->mesh);
  cli.add_json(*verb);
  verb->callback([&cli, options] { cli.action = [&cli, options] { return revoke(*options, cli.json); }; });
  verb = cli.verb(cli.app, "join", "Ask to join a consortium, with a ticket of a member",
                  "Example:\n  hansa join hansa1:join:MFZWI3D...");
  verb->add_option("ticket", options->ticket, "The ticket")->required();
  add_key_options(*verb, options->mesh);
  cli.add_json(*verb);
  verb->callback([&cli, options] { cli.action = [&cli, options] { return join(*options, cli.json); }; });
}

}  // namespace hansa::cli
