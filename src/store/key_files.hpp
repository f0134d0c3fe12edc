// Key files on disk. A file is written beside its place, flushed, renamed into it, and the folder flushed, so
// that a power cut leaves the old file or the new one and never half a key. Files must be readable by their
// owner alone (0600, in a folder with 0700); anything else is refused with the command that repairs it,
// because a key that others could read is no longer a secret.
#pragma once

#include "src/crypto/key_file.hpp"

#include <hansa/result.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace hansa::store {

/// Creates `folder` with mode 0700 if it is not there; else checks it: a folder of this user, not a link, no
/// rights for others. Its parent must exist.
[[nodiscard]] Result<void> ensure_private_folder(const std::filesystem::path& folder);
/// The check alone.
[[nodiscard]] Result<void> check_private_folder(const std::filesystem::path& folder);
/// A file of this user with mode 0600 or 0400, not a link.
[[nodiscard]] Result<void> check_private_file(const std::filesystem::path& file);

/// Replaces `file` atomically and durably; its mode is 0600. The folder must be private.
[[nodiscard]] Result<void> write_private_file(const std::filesystem::path& file,
                                              std::span<const std::byte> content);
/// Removes what write_private_file() has left behind in `folder` and the folders in it when its process was
/// killed: files whose names end with ".tmp". Nobody may be writing there. Returns how many there were.
std::size_t remove_leftovers(const std::filesystem::path& folder);
/// Checks the folder and the file, then reads at most `bytes_max`. Wipe what comes back where it is secret.
[[nodiscard]] Result<std::vector<std::byte>> read_private_file(const std::filesystem::path& file,
                                                               std::size_t bytes_max);

// Every save_* refuses to overwrite a file that exists unless `replace` is set; losing a key is final.
[[nodiscard]] Result<void> save_node_key(const std::filesystem::path& file, const crypto::Identity& key,
                                         bool replace = false);
[[nodiscard]] Result<crypto::Identity> load_node_key(const std::filesystem::path& file);
[[nodiscard]] Result<void> save_curve_key(const std::filesystem::path& file, const crypto::CurveKey& key,
                                          std::uint32_t epoch, bool replace = false);
[[nodiscard]] Result<crypto::NumberedCurveKey> load_curve_key(const std::filesystem::path& file);
/// Takes as long as `cost` says.
[[nodiscard]] Result<void> save_organisation_key(const std::filesystem::path& file,
                                                 const crypto::Identity& key,
                                                 const crypto::SecretText& passphrase,
                                                 const crypto::StretchCost& cost = {}, bool replace = false);
[[nodiscard]] Result<crypto::Identity> load_organisation_key(const std::filesystem::path& file,
                                                             const crypto::SecretText& passphrase);
/// Kind and public key of any key file, without a passphrase.
[[nodiscard]] Result<crypto::KeyFileInfo> read_key_info(const std::filesystem::path& file);

/// The first line of a private file, without its end.
[[nodiscard]] Result<crypto::SecretText> passphrase_from_file(const std::filesystem::path& file);
/// The environment variable `name`, which is then removed from this process's environment, so that no child
/// inherits it. Call it before threads start.
[[nodiscard]] Result<crypto::SecretText> passphrase_from_environment(const std::string& name);

}  // namespace hansa::store
