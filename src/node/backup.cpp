// The order of steps matters more than the steps: a restored folder gets its boot counter before its
// database, and the database its name last, so that a power cut never leaves a node that believes it was
// never away.
#include "src/node/backup.hpp"

#include "src/crypto/hash.hpp"
#include "src/crypto/random.hpp"
#include "src/crypto/sealed_bytes.hpp"
#include "src/store/backup_file.hpp"
#include "src/store/folder_lock.hpp"
#include "src/store/key_files.hpp"
#include "src/store/state_db.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

namespace hansa::node {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::byte>;

constexpr std::string_view kDatabase = "state.db", kKeys = "keys", kBoot = "boot";
/// What a further node has in place of its organisation's key.
constexpr std::string_view kPublic[] = {"org.id", "org.pub"};

/// Wiped on the way out.
struct Secrets {
  Bytes bytes;
  ~Secrets() { crypto::wipe(bytes); }
};

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// The key files, each behind its length (2 bytes, little-endian); 0 for one that the node does not have.
Result<void> gather_keys(const StateFolder& folder, Secrets& out) {
  out.bytes.reserve(3 * (2 + crypto::kKeyFileBytesMax));  // so that no copy is left behind
  for (const fs::path& file : {folder.organisation_key(), folder.node_key(), folder.curve_key()}) {
    std::error_code error;
    if (file == folder.organisation_key() && fs::exists(folder.organisation_public(), error) &&
        !fs::exists(file, error)) {
      out.bytes.resize(out.bytes.size() + 2);  // a further node has none
      continue;
    }
    auto content = store::read_private_file(file, crypto::kKeyFileBytesMax);
    if (!content) return content.error();
    out.bytes.push_back(static_cast<std::byte>(content->size() & 0xff));
    out.bytes.push_back(static_cast<std::byte>(content->size() >> 8));
    out.bytes.insert(out.bytes.end(), content->begin(), content->end());
    crypto::wipe(*content);
  }
  return {};
}

Result<void> scatter_keys(const Secrets& keys, const StateFolder& folder) {
  std::span<const std::byte> rest = keys.bytes;
  for (const fs::path& file : {folder.organisation_key(), folder.node_key(), folder.curve_key()}) {
    const std::size_t size =
        rest.size() < 2 ? crypto::kKeyFileBytesMax + 1
                        : std::to_integer<std::size_t>(rest[0]) | std::to_integer<std::size_t>(rest[1]) << 8;
    if (size > crypto::kKeyFileBytesMax || rest.size() < 2 + size)
      return Error{ErrorKind::bad_data, "the keys in the backup are malformed", ""};
    if (size > 0) {
      const auto written = store::write_private_file(file, rest.subspan(2, size));
      if (!written) return written;
    }
    rest = rest.subspan(2 + size);
  }
  return {};
}

/// Files of one folder that a backup takes, in an order in which a log that grows meanwhile still covers its
/// heads.
Result<void> add_folder(store::BackupWriter& writer, const fs::path& folder, const std::string& name) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) return {};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const bool temporary = entry.path().extension() == ".tmp";
    if (entry.is_regular_file(error) && !entry.is_symlink(error) && !temporary) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return std::pair(a.filename() == "log", a) < std::pair(b.filename() == "log", b);
  });
  for (const fs::path& file : files) {
    const auto added = writer.add_file(name + "/" + file.filename().string(), file);
    if (!added) return added;
  }
  return {};
}

std::optional<std::uint64_t> number_of(const std::map<std::string, std::string>& about, const char* name) {
  const auto found = about.find(name);
  if (found == about.end()) return std::nullopt;
  std::uint64_t value = 0;
  const char* const end = found->second.data() + found->second.size();
  const auto [stop, bad] = std::from_chars(found->second.data(), end, value);
  return bad == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

/// Whether `name` is one that a backup of a node can have: no path out of the folder.
bool is_expected(const std::string& name) {
  constexpr std::string_view kWhole[] = {kDatabase,      kKeys,      kBoot,     "hansa.toml",
                                         "invites.json", kPublic[0], kPublic[1]};
  if (std::find(std::begin(kWhole), std::end(kWhole), name) != std::end(kWhole)) return true;
  for (const std::string_view folder : {"audit/", "models/", "histories/"}) {
    if (!name.starts_with(folder)) continue;
    const std::string_view file = std::string_view(name).substr(folder.size());
    return !file.empty() && file.front() != '.' && file.size() < 100 &&
           std::all_of(file.begin(), file.end(), [](char c) {
             return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
           });
  }
  return false;
}

Result<BackupContent> content_of(const store::BackupReader& reader, const fs::path& file) {
  BackupContent content;
  const auto boot = number_of(reader.about(), "boot"), created = number_of(reader.about(), "created_at");
  const auto organisation = reader.about().find("organisation"), node = reader.about().find("node");
  const bool complete = boot && created && organisation != reader.about().end() &&
                        node != reader.about().end() && reader.has(kDatabase) && reader.has(kBoot);
  if (!complete) return Error{ErrorKind::bad_data, file.string() + " is no backup of a node", ""};
  content.boot = *boot;
  content.created_at = static_cast<std::int64_t>(*created);
  content.organisation_key = organisation->second;
  content.node_key = node->second;
  for (const auto& piece : reader.pieces()) {
    if (!is_expected(piece.name)) {
      return Error{ErrorKind::bad_data, file.string() + " holds \"" + piece.name + "\", which no backup has",
                   "do not trust this file"};
    }
    content.has_keys = content.has_keys || piece.name == kKeys;
    content.bytes += piece.bytes;
    content.pieces.push_back(piece.name);
  }
  return content;
}

/// Keys that are there must be those of the backup.
Result<void> same_keys(const StateFolder& folder, const BackupContent& content) {
  for (const auto& [file, key] : {std::pair(folder.organisation_key(), content.organisation_key),
                                  std::pair(folder.node_key(), content.node_key)}) {
    std::error_code error;
    if (!fs::exists(file, error)) continue;
    const auto info = store::read_key_info(file);
    if (!info) return info.error();
    if (crypto::to_hex(info->public_key) != key) {
      return Error{ErrorKind::usage, "the backup is of another node than the keys in " + folder.root.string(),
                   "choose another folder with --dir, or the backup of this node"};
    }
  }
  return {};
}

Result<fs::path> make_room(const StateFolder& folder, bool replace, std::int64_t now_s) {
  std::error_code error;
  std::vector<fs::path> there;
  for (const fs::path& each :
       {folder.database(), fs::path(folder.database().string() + "-wal"),
        fs::path(folder.database().string() + "-shm"), fs::path(folder.database().string() + ".spare"),
        folder.audit(), folder.models(), folder.histories(), folder.checkpoints()}) {
    if (fs::exists(each, error)) there.push_back(each);
  }
  if (there.empty()) return fs::path();
  if (!replace) {
    return Error{ErrorKind::usage, folder.root.string() + " holds a node's state already",
                 "--replace moves it aside first; what it has signed since the backup stays forgotten"};
  }
  const fs::path aside = folder.root / ("replaced-" + std::to_string(now_s));
  if (const auto made = store::ensure_private_folder(aside); !made) return made.error();
  for (const fs::path& each : there) {
    fs::rename(each, aside / each.filename(), error);
    if (error) return Error{ErrorKind::failed, "cannot move " + each.string() + ": " + error.message(), ""};
  }
  return aside;
}

/// The restored database knows that it is one, and no data is bound to a run any more.
Result<void> mark_restored(const fs::path& database) {
  auto db = store::StateDb::open(database);
  if (!db) return db.error();
  if (db->was_damaged()) return Error{ErrorKind::bad_data, "the database in the backup is damaged", ""};
  const auto text = [](std::string_view t) { return std::as_bytes(std::span(t.data(), t.size())); };
  if (const auto put = db->put(kNodeTable, text(kRecoveringKey), text(kRestored)); !put) return put;
  const auto bindings = db->all("binding");
  if (!bindings) return bindings.error();
  for (const auto& row : *bindings) {
    if (const auto gone = db->erase("binding", row.key); !gone) return gone;
  }
  return {};
}

}  // namespace

Result<BackupContent> make_backup(const StateFolder& folder, const fs::path& to,
                                  const crypto::SecretText* keys_passphrase, std::int64_t now_s,
                                  const crypto::StretchCost& cost) {
  if (const auto ready = crypto::initialise(); !ready) return ready.error();
  const auto keys = load_node_keys(folder);
  if (!keys) return keys.error();
  auto writer = store::BackupWriter::create(to);
  if (!writer) return writer.error();
  std::error_code error;
  if (fs::exists(folder.database(), error)) {
    const fs::path copy = to.string() + ".state";
    fs::remove(copy, error);
    auto done = store::copy_database(folder.database(), copy);
    if (done) done = writer->add_file(kDatabase, copy);
    fs::remove(copy, error);
    if (!done) return done.error();
  } else {
    return Error{ErrorKind::missing, folder.root.string() + " has no state yet", "it has never been up"};
  }
  // After the database: the counter is never below what the database has seen.
  const auto boot = last_boot(folder);
  if (!boot) return boot.error();
  if (const auto added = writer->add(kBoot, as_bytes(std::to_string(*boot))); !added) return added.error();
  for (const fs::path& file :
       {folder.settings(), folder.invites(), folder.organisation_id(), folder.organisation_public()}) {
    if (!fs::exists(file, error)) continue;
    if (const auto added = writer->add_file(file.filename().string(), file); !added) return added.error();
  }
  if (const auto added = add_folder(*writer, folder.audit(), "audit"); !added) return added.error();
  if (const auto added = add_folder(*writer, folder.models(), "models"); !added) return added.error();
  if (const auto added = add_folder(*writer, folder.histories(), "histories"); !added) return added.error();
  if (keys_passphrase != nullptr) {
    Secrets secrets;
    if (const auto gathered = gather_keys(folder, secrets); !gathered) return gathered.error();
    const auto sealed = crypto::seal_bytes(secrets.bytes, *keys_passphrase, cost);
    if (!sealed) return sealed.error();
    if (const auto added = writer->add(kKeys, *sealed); !added) return added.error();
  }
  const auto finished = writer->finish({{"organisation", crypto::to_hex(keys->organisation)},
                                        {"node", crypto::to_hex(keys->node->public_key())},
                                        {"boot", std::to_string(*boot)},
                                        {"created_at", std::to_string(now_s)}});
  if (!finished) return finished.error();
  return read_backup(to);
}

Result<BackupContent> read_backup(const fs::path& file) {
  const auto reader = store::BackupReader::open(file);
  if (!reader) return reader.error();
  return content_of(*reader, file);
}

Result<Restored> restore_backup(const fs::path& file, const StateFolder& folder,
                                const RestoreOptions& options, std::int64_t now_s) {
  if (const auto ready = crypto::initialise(); !ready) return ready.error();
  const auto reader = store::BackupReader::open(file);
  if (!reader) return reader.error();
  auto content = content_of(*reader, file);
  if (!content) return content.error();
  Restored restored;
  restored.content = *content;
  // The keys are opened before anything is changed: a wrong passphrase leaves all as it was.
  Secrets keys;
  if (options.keys_passphrase != nullptr) {
    if (!content->has_keys)
      return Error{ErrorKind::usage, "the backup has no keys in it", "leave out --with-keys"};
    const auto sealed = reader->read(kKeys, 2 * crypto::kSealedBytesMax);
    if (!sealed) return sealed.error();
    auto opened = crypto::open_bytes(*sealed, *options.keys_passphrase, file.string());
    if (!opened) return opened.error();
    keys.bytes = std::move(*opened);
  }
  if (const auto made = store::ensure_private_folder(folder.root); !made) return made.error();
  const auto lock = store::FolderLock::take(folder.root);
  if (!lock) return lock.error();
  if (const auto same = same_keys(folder, *content); !same) return same.error();
  auto aside = make_room(folder, options.replace, now_s);
  if (!aside) return aside.error();
  restored.moved_aside = *aside;
  // The counter goes first: if anything stops us from here on, it is too high, and never too low.
  const auto known = last_boot(folder);
  if (!known) return known.error();
  const auto clock = static_cast<std::uint64_t>(std::max<std::int64_t>(now_s, 0));
  restored.boot = std::max({*known, content->boot, clock}) + 1;
  if (const auto saved = save_boot(folder, restored.boot); !saved) return saved.error();
  std::error_code error;
  for (const std::string& piece : content->pieces) {
    const bool special = piece == kDatabase || piece == kKeys || piece == kBoot;
    // What is of this machine, or newer here, stays.
    const bool stays =
        piece == "hansa.toml" || piece == "invites.json" || piece == kPublic[0] || piece == kPublic[1];
    if (special || (stays && fs::exists(folder.root / piece, error))) continue;
    const fs::path to = folder.root / piece;
    if (const auto made = store::ensure_private_folder(to.parent_path()); !made) return made.error();
    if (const auto done = reader->extract(piece, to); !done) return done.error();
  }
  const bool has_keys =
      fs::exists(folder.node_key(), error) && fs::exists(folder.curve_key(), error) &&
      (fs::exists(folder.organisation_key(), error) || fs::exists(folder.organisation_public(), error));
  if (options.keys_passphrase != nullptr && !has_keys) {
    if (const auto written = scatter_keys(keys, folder); !written) return written.error();
  }
  restored.keys_missing = options.keys_passphrase == nullptr && !has_keys;
  // The database goes last, under its name only when it is ready.
  const fs::path beside = folder.root / "state.db.restoring";
  for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(beside.string() + suffix, error);
  if (const auto done = reader->extract(kDatabase, beside); !done) return done.error();
  if (const auto marked = mark_restored(beside); !marked) return marked.error();
  if (fs::exists(beside.string() + "-wal", error))
    return Error{ErrorKind::failed, "the restored database cannot be closed", "is the disk full?"};
  fs::rename(beside, folder.database(), error);
  if (error) return Error{ErrorKind::failed, "cannot put state.db in place: " + error.message(), ""};
  return restored;
}

}  // namespace hansa::node
