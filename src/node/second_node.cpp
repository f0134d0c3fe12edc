// The roster goes into the database first and the organisation's public key into the folder last: with that
// file there the node can start, so that whatever stops us before leaves a node that still waits.
#include "src/node/second_node.hpp"

#include "protocols/roster/identity.hpp"
#include "protocols/roster/keeper.hpp"
#include "src/crypto/random.hpp"
#include "src/node/keeper_rows.hpp"
#include "src/store/folder_lock.hpp"
#include "src/store/key_files.hpp"
#include "src/store/state_db.hpp"

#include <fstream>
#include <string>

namespace hansa::node {

namespace fs = std::filesystem;
namespace roster = protocols::roster;

Result<roster::NodeRequest> make_request(const StateFolder& folder, const roster::Endpoints& endpoints,
                                         std::int64_t now_s) {
  if (const auto ready = crypto::initialise(); !ready) return ready.error();
  const auto organisation = organisation_id(folder);
  if (!organisation) return organisation.error();
  const auto node = store::load_node_key(folder.node_key());
  if (!node) return node.error();
  const auto curve = store::load_curve_key(folder.curve_key());
  if (!curve) return curve.error();
  roster::NodeRequest request{.organisation = organisation->hash,
                              .node = node->public_key(),
                              .curve = curve->key.public_key(),
                              .curve_epoch = curve->epoch,
                              .endpoints = endpoints,
                              .created_at = now_s};
  roster::sign(request, *node);
  if (const auto readable = roster::decode_node_request(roster::encode(request)); !readable) {
    return Error{ErrorKind::usage, readable.error().message,
                 "`listen` and `advertise` in " + folder.settings().string() + " say where others dial in"};
  }
  return request;
}

Result<Accepted> accept_admission(const StateFolder& folder, const roster::NodeAdmission& admission,
                                  std::int64_t now_s) {
  if (const auto ready = crypto::initialise(); !ready) return ready.error();
  const auto organisation = organisation_id(folder);
  if (!organisation) return organisation.error();
  const auto lock = store::FolderLock::take(folder.root);
  if (!lock) return lock.error();
  std::error_code ignored;
  if (fs::exists(folder.organisation_public(), ignored)) {
    return Error{ErrorKind::usage, "this node has been admitted already",
                 "`hansa up` starts it; a certificate that is renewed reaches it by itself"};
  }
  const auto node = store::load_node_key(folder.node_key());
  if (!node) return node.error();
  const auto records = roster::first_records(admission, organisation->hash, node->public_key(), now_s);
  if (!records) return records.error();
  std::vector<store::StateDb::Row> rows;
  for (const roster::Record& record : *records) rows.push_back(row_of(record));
  {
    auto db = store::StateDb::open(folder.database());
    if (!db) return db.error();
    if (const auto kept = db->put_all("roster", rows); !kept) return kept.error();
  }
  const std::string text = crypto::to_hex(admission.organisation) + "\n";
  const auto named = store::write_private_file(folder.organisation_public(),
                                               std::as_bytes(std::span(text.data(), text.size())));
  if (!named) return named.error();
  roster::RosterKeeper keeper({.node = node->public_key(), .organisation = admission.organisation});
  roster::KeeperEffects unused;
  if (const auto started = keeper.start(*records, now_s, unused); !started) return started.error();
  const roster::Roster& head = keeper.chain().head().roster;
  return Accepted{head.find(admission.organisation)->name, head.name, head.version,
                  keeper.allowed_nodes(now_s).size()};
}

Result<std::vector<std::byte>> read_carried(const fs::path& file, std::size_t bytes_max) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  if (error) return Error{ErrorKind::missing, "cannot read " + file.string() + ": " + error.message(), ""};
  if (size > bytes_max)
    return Error{ErrorKind::bad_data, file.string() + " is far too large to be what it should be", ""};
  std::vector<std::byte> bytes(size);
  std::ifstream in(file, std::ios::binary);
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!in) return Error{ErrorKind::missing, "cannot read " + file.string(), ""};
  return bytes;
}

Result<void> write_carried(const fs::path& file, std::span<const std::byte> content) {
  std::error_code ignored;
  if (fs::exists(file, ignored))
    return Error{ErrorKind::usage, file.string() + " exists already", "choose another name, or remove it"};
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
  out.flush();
  if (out) return {};
  return Error{ErrorKind::failed, "cannot write " + file.string(), "is there room, and may you write there?"};
}

}  // namespace hansa::node
