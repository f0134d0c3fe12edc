// What the verbs of a live node share: the node's folder, its organisation's passphrase, the client of its
// API, and decisions with the organisation's key.
#pragma once

#include "cli/cli.hpp"
#include "src/config/node_config.hpp"
#include "src/http/client.hpp"
#include "src/node/governance.hpp"
#include "src/node/state_folder.hpp"
#include "src/node/wall_clock.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace hansa::cli {

/// --dir, and --passphrase-file where the organisation's key is needed.
struct MeshOptions {
  std::string dir;
  std::string passphrase_file;

  [[nodiscard]] node::StateFolder folder() const;
};
/// Adds --dir, default $HANSA_DIR or ~/.hansa.
void add_dir_option(CLI::App& verb, MeshOptions& options);
/// Adds --passphrase-file as well; without it $HANSA_PASSPHRASE, else a prompt.
void add_key_options(CLI::App& verb, MeshOptions& options);

enum class Opens : std::uint8_t { folder, organisation_key };
/// A verb of `group` that works in a node's folder, with --json: `action` gets its options, of which `mesh`
/// says where. Its own options are added to what is returned.
template <class Options>
CLI::App* add_mesh_verb(Cli& cli, CLI::App& group, const std::string& name, const std::string& what,
                        const std::string& example, const std::shared_ptr<Options>& options,
                        int (*action)(const Options&, bool json), Opens opens = Opens::folder) {
  CLI::App* verb = cli.verb(group, name, what, example);
  opens == Opens::organisation_key ? add_key_options(*verb, options->mesh)
                                   : add_dir_option(*verb, options->mesh);
  cli.add_json(*verb);
  verb->callback([&cli, options, action] {
    cli.action = [&cli, options, action] { return action(*options, cli.json); };
  });
  return verb;
}

using node::unix_now;

/// What nodes of this machine have unless their folder says otherwise: $HANSA_CONFIG, else
/// /etc/hansa/hansa.toml if it is there.
Result<config::NodeConfig> machine_config();
/// The machine's file, the folder's hansa.toml, the environment, and `set` (--set KEY=VALUE), the later the
/// stronger.
Result<config::ResolvedNodeConfig> resolve_settings(const node::StateFolder& folder,
                                                    const std::vector<std::string>& set);
Result<config::NodeConfig> read_node_config(const node::StateFolder& folder);
Result<crypto::SecretText> read_passphrase(const MeshOptions& options);
/// Asks at the terminal, twice if `twice`; without a terminal an error that says `otherwise`.
Result<crypto::SecretText> ask_passphrase(const std::string& question, bool twice,
                                          const std::string& otherwise);
Result<crypto::Identity> organisation_key(const MeshOptions& options);

/// Lets `decision` work on a copy of the node's keeper, and brings back what came of it. Tries again if the
/// roster moved on meanwhile.
using Decision = std::function<Result<void>(node::Governance&, const crypto::Identity&)>;
Result<void> decide(const node::StateFolder& folder, const crypto::Identity& organisation,
                    const Decision& decision);

/// What the running node of `options`' folder answers to a GET.
Result<http::Json> ask_node(const MeshOptions& options, const std::string& path);
/// `document` if `json`, else `text`; the exit code of success.
int print_done(bool json, const nlohmann::ordered_json& document, const std::string& text);
/// "2026-11-22 05:10 UTC"
std::string time_text(std::int64_t unix_s);
/// "45 s", "12 min", "3 h", "5 d"
std::string age_text(std::int64_t seconds);
/// True if `yes`, or if a person at a terminal says so. Without a terminal it is an error that names --yes.
Result<void> confirmed(bool yes, const std::string& question);
/// The one of `known` that begins with `id`; all are named by hexadecimal digits.
Result<crypto::Hash256> the_one(const std::vector<crypto::Hash256>& known, const std::string& id,
                                const std::string& what);

/// Where a proposal stands after a vote.
struct VoteOutcome {
  std::string id;             ///< of the proposal, short
  std::uint32_t version = 0;  ///< that it is to be
  bool in_force = false;
  std::size_t needed = 0;              ///< approvals
  std::vector<std::string> approvals;  ///< names
  std::vector<std::string> missing;    ///< names of those who could still approve
  std::vector<std::string> changes;    ///< in words
};
[[nodiscard]] VoteOutcome vote_outcome(const protocols::roster::RosterKeeper& keeper,
                                       const crypto::Hash256& proposal);

/// Steps of founding, for the verbs and for `hansa dev up`. `policy`: as in RosterChange.
Result<void> found_consortium(const node::StateFolder& folder, const crypto::Identity& organisation,
                              const std::string& consortium, const std::string& policy = "");
/// A ticket, remembered in the folder for `hansa invite ls`.
Result<std::string> invite(const node::StateFolder& folder, const crypto::Identity& organisation,
                           double expires_hours);
Result<void> join_consortium(const node::StateFolder& folder, const crypto::Identity& organisation,
                             const std::string& ticket);
/// All pending requests if `ids` is empty. An id may be a beginning.
Result<VoteOutcome> approve_requests(const node::StateFolder& folder, const crypto::Identity& organisation,
                                     const std::vector<std::string>& ids);
/// Without `ids` the open one, if there is one that is not voted on; several exclude each other.
Result<std::vector<VoteOutcome>> approve_proposals(const node::StateFolder& folder,
                                                   const crypto::Identity& organisation,
                                                   const std::vector<std::string>& ids);
/// Where others dial the node in `folder`, by its hansa.toml.
Result<protocols::roster::Endpoints> own_endpoints(const node::StateFolder& folder);
/// A certificate for the node in `folder`, with the endpoints of its hansa.toml.
Result<protocols::roster::NodeCertificate> own_certificate(const node::StateFolder& folder,
                                                           const crypto::Identity& organisation,
                                                           std::uint64_t serial);

void add_init(Cli& cli);
void add_up(Cli& cli);
void add_status(Cli& cli);
void add_roster(Cli& cli);
void add_invite(Cli& cli);
void add_requests(Cli& cli);
void add_node(Cli& cli);
void add_run(Cli& cli);
/// `propose`, `approve`, `reject`, `suspend` and `leave` of `hansa roster`.
void add_roster_votes(Cli& cli, CLI::App& group);
void add_dev(Cli& cli);
void add_backup(Cli& cli);
void add_keys(Cli& cli);
void add_doctor(Cli& cli);
void add_monitor(Cli& cli);

}  // namespace hansa::cli
