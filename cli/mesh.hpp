// What the verbs of a live node share: the node's folder, its organisation's passphrase, the client of its
// API, and decisions with the organisation's key.
#pragma once

#include "cli/cli.hpp"
#include "src/config/node_config.hpp"
#include "src/http/client.hpp"
#include "src/node/governance.hpp"
#include "src/node/state_folder.hpp"
#include "src/node/wall_clock.hpp"

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

using node::unix_now;

/// What nodes of this machine have unless their folder says otherwise: $HANSA_CONFIG, else
/// /etc/hansa/hansa.toml if it is there.
Result<config::NodeConfig> machine_config();
Result<config::NodeConfig> read_node_config(const node::StateFolder& folder);
Result<crypto::SecretText> read_passphrase(const MeshOptions& options);
Result<crypto::Identity> organisation_key(const MeshOptions& options);

/// Lets `decision` work on a copy of the node's keeper, and brings back what came of it. Tries again if the
/// roster moved on meanwhile.
using Decision = std::function<Result<void>(node::Governance&, const crypto::Identity&)>;
Result<void> decide(const node::StateFolder& folder, const crypto::Identity& organisation,
                    const Decision& decision);

/// Steps of founding, for the verbs and for `hansa dev up`.
Result<void> found_consortium(const node::StateFolder& folder, const crypto::Identity& organisation,
                              const std::string& consortium);
Result<std::string> invite(const node::StateFolder& folder, const crypto::Identity& organisation,
                           double expires_hours);
Result<void> join_consortium(const node::StateFolder& folder, const crypto::Identity& organisation,
                             const std::string& ticket);
/// All pending requests if `ids` is empty. An id may be a beginning.
Result<void> approve_requests(const node::StateFolder& folder, const crypto::Identity& organisation,
                              const std::vector<std::string>& ids);
/// All open proposals if `ids` is empty.
Result<void> approve_proposals(const node::StateFolder& folder, const crypto::Identity& organisation,
                               const std::vector<std::string>& ids);

void add_init(Cli& cli);
void add_up(Cli& cli);
void add_status(Cli& cli);
void add_roster(Cli& cli);
void add_run(Cli& cli);
void add_dev(Cli& cli);

}  // namespace hansa::cli
