// The organisation's key is opened here and nowhere else; every decision is worked out on a copy of the
// node's keeper and handed over whole.
#include "cli/mesh.hpp"

#include "protocols/roster/layout.hpp"
#include "protocols/roster/ticket.hpp"
#include "src/crypto/random.hpp"
#include "src/store/key_files.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <unistd.h>

namespace hansa::cli {

namespace roster = protocols::roster;

node::StateFolder MeshOptions::folder() const {
  if (!dir.empty()) return {dir};
  if (const char* set = std::getenv("HANSA_DIR"); set != nullptr && *set != '\0') return {set};
  const char* home = std::getenv("HOME");
  return {std::filesystem::path(home != nullptr ? home : ".") / ".hansa"};
}

void add_dir_option(CLI::App& verb, MeshOptions& options) {
  verb.add_option("--dir", options.dir, "The node's folder (default: $HANSA_DIR, else ~/.hansa)");
}

void add_key_options(CLI::App& verb, MeshOptions& options) {
  add_dir_option(verb, options);
  verb.add_option(
      "--passphrase-file", options.passphrase_file,
      "File whose first line opens the organisation's key (default: $HANSA_PASSPHRASE, else asked)");
}

Result<config::NodeConfig> machine_config() {
  const char* set = std::getenv("HANSA_CONFIG");
  const bool chosen = set != nullptr && *set != '\0';
  const std::string path = chosen ? set : "/etc/hansa/hansa.toml";
  std::ifstream file(path, std::ios::binary);
  if (!file && !chosen) return config::NodeConfig{};
  if (!file) return Error{ErrorKind::missing, "cannot read " + path, "$HANSA_CONFIG names it"};
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return config::parse_node_config(text, path);
}

Result<config::NodeConfig> read_node_config(const node::StateFolder& folder) {
  std::ifstream file(folder.settings(), std::ios::binary);
  if (!file) {
    return Error{ErrorKind::missing, "there is no node in " + folder.root.string(),
                 "`hansa init` makes one; --dir names another folder"};
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto base = machine_config();
  if (!base) return base.error();
  return config::parse_node_config(text, folder.settings().string(), *base);
}

Result<crypto::SecretText> read_passphrase(const MeshOptions& options) {
  if (!options.passphrase_file.empty()) return store::passphrase_from_file(options.passphrase_file);
  if (std::getenv("HANSA_PASSPHRASE") != nullptr)
    return store::passphrase_from_environment("HANSA_PASSPHRASE");
  if (::isatty(STDIN_FILENO) == 0) {
    return Error{ErrorKind::usage, "the organisation's key needs its passphrase",
                 "give --passphrase-file FILE, or set HANSA_PASSPHRASE"};
  }
  const char* typed = ::getpass("Passphrase of the organisation's key: ");
  return crypto::SecretText(typed != nullptr ? typed : "");
}

Result<crypto::Identity> organisation_key(const MeshOptions& options) {
  const auto passphrase = read_passphrase(options);
  if (!passphrase) return passphrase.error();
  return store::load_organisation_key(options.folder().organisation_key(), *passphrase);
}

Result<void> decide(const node::StateFolder& folder, const crypto::Identity& organisation,
                    const Decision& decision) {
  auto keys = node::load_node_keys(folder);
  if (!keys) return keys.error();
  auto client = http::Client::of_folder(folder.root);
  if (!client) return client.error();
  for (int attempt = 0;; ++attempt) {
    const auto state = client->keeper_state();
    if (!state) return state.error();
    auto governance = node::Governance::open(*keys, *state, unix_now());
    if (!governance) return governance.error();
    if (const auto done = decision(*governance, organisation); !done) return done.error();
    const auto changed = client->change_keeper(governance->change());
    const bool moved_on = !changed && changed.error().message.find("meanwhile") != std::string::npos;
    if (!moved_on || attempt == 10) return changed;
  }
}

namespace {

Result<roster::NodeCertificate> own_certificate(const node::StateFolder& folder,
                                                const crypto::Identity& organisation, std::uint64_t serial) {
  const auto config = read_node_config(folder);
  if (!config) return config.error();
  auto keys = node::load_node_keys(folder);
  if (!keys) return keys.error();
  const auto dialled = [&](const std::string& endpoint) {
    return endpoint.empty() ? endpoint : config->advertise + endpoint.substr(endpoint.rfind(':'));
  };
  return node::make_certificate(*keys, organisation, dialled(config->control), dialled(config->bulk), serial,
                                unix_now());
}

/// Which of `known` the operator means.
template <class Known>
Result<std::vector<crypto::Hash256>> named(const Known& known, const std::vector<std::string>& ids,
                                           const std::string& what) {
  std::vector<crypto::Hash256> chosen;
  for (const crypto::Hash256& each : known) {
    const bool wanted = ids.empty() || std::any_of(ids.begin(), ids.end(), [&](const std::string& id) {
                          return each.hex().starts_with(id);
                        });
    if (wanted) chosen.push_back(each);
  }
  if (chosen.empty()) {
    return Error{ErrorKind::missing, "there is no such " + what, "`hansa roster show` lists what is open"};
  }
  return chosen;
}

}  // namespace

Result<void> found_consortium(const node::StateFolder& folder, const crypto::Identity& organisation,
                              const std::string& consortium) {
  return decide(folder, organisation, [&](node::Governance& g, const crypto::Identity& key) -> Result<void> {
    const auto config = read_node_config(folder);
    if (!config) return config.error();
    auto certificate = own_certificate(folder, key, 1);
    if (!certificate) return certificate.error();
    roster::FoundingDraft draft;
    draft.name = consortium;
    draft.founder.key = key.public_key();
    draft.founder.name = config->organisation;
    draft.certificates = {*certificate};
    draft.created_at = unix_now();
    return g.keeper().found(draft, unix_now(), g.effects());
  });
}

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
        std::array<std::byte, 16> token;
        crypto::random_bytes(token);
        const auto ticket = g.keeper().invite(
            key, token, {{keys->node->public_key(), keys->curve.key.public_key(), endpoint}},
            static_cast<roster::UnixTime>(expires_hours * 3600), unix_now());
        if (!ticket) return ticket.error();
        text = roster::to_text(*ticket);
        return {};
      });
  if (!done) return done.error();
  return text;
}

Result<void> join_consortium(const node::StateFolder& folder, const crypto::Identity& organisation,
                             const std::string& text) {
  const auto ticket = roster::parse_ticket(text, unix_now());
  if (!ticket) return ticket.error();
  return decide(folder, organisation, [&](node::Governance& g, const crypto::Identity& key) -> Result<void> {
    const auto config = read_node_config(folder);
    if (!config) return config.error();
    auto certificate = own_certificate(folder, key, g.keeper().next_serial());
    if (!certificate) return certificate.error();
    roster::JoinRequest request;
    request.ticket = *ticket;
    request.organisation = key.public_key();
    request.name = config->organisation;
    request.certificates = {*certificate};
    request.created_at = unix_now();
    roster::sign(request, key);
    return g.keeper().join(request, unix_now(), g.effects());
  });
}

Result<void> approve_requests(const node::StateFolder& folder, const crypto::Identity& organisation,
                              const std::vector<std::string>& ids) {
  return decide(folder, organisation, [&](node::Governance& g, const crypto::Identity& key) -> Result<void> {
    std::vector<crypto::Hash256> known;
    for (const auto& request : g.keeper().requests()) known.push_back(request.id);
    const auto chosen = named(known, ids, "request");
    if (!chosen) return chosen.error();
    const auto proposed = g.keeper().approve_requests(*chosen, key, unix_now(), g.effects());
    if (!proposed) return proposed.error();
    return {};
  });
}

Result<void> approve_proposals(const node::StateFolder& folder, const crypto::Identity& organisation,
                               const std::vector<std::string>& ids) {
  return decide(folder, organisation, [&](node::Governance& g, const crypto::Identity& key) -> Result<void> {
    std::vector<crypto::Hash256> known;
    for (const auto& proposal : g.keeper().proposals()) known.push_back(proposal.hash);
    const auto chosen = named(known, ids, "proposal");
    if (!chosen) return chosen.error();
    for (const crypto::Hash256& proposal : *chosen) {
      const auto done = g.keeper().approve(proposal, key, unix_now(), g.effects());
      if (!done) return done.error();
    }
    return {};
  });
}

}  // namespace hansa::cli
