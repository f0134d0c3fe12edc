// Backups of a node, and its return from one. A backup holds what the node promised and learned, its audit
// log, its final models, the histories of its runs, and its settings; it never holds a key unless that is
// asked for, and then sealed under a passphrase of its own. Checkpoints are left out: a restored node does
// not go on where a backup was.
//
// What a node signed after the backup was made is not in it. So a restored node starts with a boot counter
// above every one it can have had, signs no vote until enough other organisations agree with what it has
// (RosterKeeper's recovery, which brings the own votes back), and takes no further part in runs that had
// begun. A reformatted replica that forgets its promises breaks a consensus; this is the same lesson.
#pragma once

#include "src/crypto/key_file.hpp"
#include "src/crypto/secret_text.hpp"
#include "src/node/state_folder.hpp"

#include <hansa/result.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace hansa::node {

/// Where state.db notes that the node has returned from a backup and does not know yet what it signed since.
inline constexpr std::string_view kNodeTable = "node";
inline constexpr std::string_view kRecoveringKey = "recovering";
inline constexpr std::string_view kRestored = "restored", kDamaged = "damaged";

struct BackupContent {
  std::string organisation_key, node_key;  ///< public, in hexadecimal
  std::uint64_t boot = 0;                  ///< the node's starts when it was made
  std::int64_t created_at = 0;
  bool has_keys = false;
  std::uint64_t bytes = 0;
  std::vector<std::string> pieces;
};

/// Writes the new file `to`; the node may be running. With `keys_passphrase` the three key files go in, too,
/// sealed.
[[nodiscard]] Result<BackupContent> make_backup(const StateFolder& folder, const std::filesystem::path& to,
                                                const crypto::SecretText* keys_passphrase, std::int64_t now_s,
                                                const crypto::StretchCost& cost = {});
/// What a backup says about itself; every byte of it is checked.
[[nodiscard]] Result<BackupContent> read_backup(const std::filesystem::path& file);

struct RestoreOptions {
  bool replace = false;  ///< move state that is there into a folder "replaced-N" instead of refusing
  const crypto::SecretText* keys_passphrase = nullptr;  ///< takes the keys out of the backup
};
struct Restored {
  BackupContent content;
  std::uint64_t boot = 0;             ///< the counter that the next start will exceed
  std::filesystem::path moved_aside;  ///< empty if there was nothing
  bool keys_missing = false;          ///< the folder has no keys yet: the node cannot start
};
/// The folder may be new, hold only keys and settings (which stay), or hold state if `replace`. No node may
/// be running there. Nothing is changed unless the whole backup is intact and belongs to the keys there.
[[nodiscard]] Result<Restored> restore_backup(const std::filesystem::path& file, const StateFolder& folder,
                                              const RestoreOptions& options, std::int64_t now_s);

}  // namespace hansa::node
