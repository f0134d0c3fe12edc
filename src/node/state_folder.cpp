// Keys are made once and never replaced here; whatever stands for the organisation's key at a further node is
// read with the same care as a key.
#include "src/node/state_folder.hpp"

#include "src/crypto/hash.hpp"
#include "src/crypto/random.hpp"
#include "src/store/key_files.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

namespace hansa::node {

namespace {

bool is_there(const std::filesystem::path& file) {
  std::error_code error;
  return std::filesystem::exists(file, error);
}

}  // namespace

namespace {

constexpr std::size_t kIdFileBytesMax = 256;

Result<void> ready_for_keys(const StateFolder& folder) {
  if (const auto ready = crypto::initialise(); !ready) return ready.error();
  if (const auto made = store::ensure_private_folder(folder.root); !made) return made.error();
  for (const auto& file :
       {folder.organisation_key(), folder.organisation_id(), folder.node_key(), folder.curve_key()}) {
    if (!is_there(file)) continue;
    return Error{ErrorKind::usage, file.string() + " exists already",
                 "this folder belongs to an organisation; choose another with --dir"};
  }
  return {};
}

Result<void> make_node_keys(const StateFolder& folder, NewNode& made) {
  const crypto::Identity node = crypto::Identity::generate();
  const crypto::CurveKey curve = crypto::CurveKey::generate();
  made.node = node.public_key();
  made.curve = curve.public_key();
  if (const auto saved = store::save_node_key(folder.node_key(), node); !saved) return saved.error();
  return store::save_curve_key(folder.curve_key(), curve, 1);
}

Result<std::string> first_line(const std::filesystem::path& file) {
  const auto bytes = store::read_private_file(file, kIdFileBytesMax);
  if (!bytes) return bytes.error();
  std::string line;
  for (const std::byte b : *bytes) {
    if (b == std::byte{'\n'}) break;
    line.push_back(static_cast<char>(b));
  }
  return line;
}

}  // namespace

Result<NewNode> make_state_folder(const StateFolder& folder, const crypto::SecretText& passphrase,
                                  const crypto::StretchCost& cost) {
  if (const auto ready = ready_for_keys(folder); !ready) return ready.error();
  const crypto::Identity organisation = crypto::Identity::generate();
  NewNode made{organisation.public_key(), {}, {}};
  const auto sealed = store::save_organisation_key(folder.organisation_key(), organisation, passphrase, cost);
  if (!sealed) return sealed.error();
  if (const auto saved = make_node_keys(folder, made); !saved) return saved.error();
  return made;
}

Result<NewNode> make_further_folder(const StateFolder& folder, const protocols::roster::Id& organisation) {
  if (const auto ready = ready_for_keys(folder); !ready) return ready.error();
  const std::string text = protocols::roster::to_text(organisation) + "\n";
  const auto named =
      store::write_private_file(folder.organisation_id(), std::as_bytes(std::span(text.data(), text.size())));
  if (!named) return named.error();
  NewNode made;
  if (const auto saved = make_node_keys(folder, made); !saved) return saved.error();
  return made;
}

Result<protocols::roster::Id> organisation_id(const StateFolder& folder) {
  if (is_there(folder.organisation_key()) || !is_there(folder.organisation_id())) {
    return Error{ErrorKind::usage, folder.root.string() + " is no folder of a further node",
                 "`hansa init --node-of ID` makes one; a first node joins with a ticket"};
  }
  const auto line = first_line(folder.organisation_id());
  if (!line) return line.error();
  auto id = protocols::roster::parse_id(*line);
  if (!id) {
    return Error{ErrorKind::bad_data, folder.organisation_id().string() + ": " + id.error().message,
                 "the organisation's ID belongs there: `hansa keys status` where its key is"};
  }
  return id;
}

Result<crypto::PublicKey> organisation_of(const StateFolder& folder) {
  if (!is_there(folder.organisation_key()) && is_there(folder.organisation_public())) {
    const auto line = first_line(folder.organisation_public());
    if (!line) return line.error();
    const auto bytes = crypto::from_hex(*line);
    crypto::PublicKey key{};
    if (!bytes || bytes->size() != key.size()) {
      return Error{ErrorKind::bad_data, folder.organisation_public().string() + " is damaged",
                   "restore it from a backup of this node"};
    }
    std::copy(bytes->begin(), bytes->end(), key.begin());
    return key;
  }
  if (!is_there(folder.organisation_key()) && is_there(folder.organisation_id())) {
    return Error{ErrorKind::waiting, "this node waits to be admitted by its organisation",
                 "`hansa node request` asks, `hansa node accept FILE` takes the answer"};
  }
  const auto info = store::read_key_info(folder.organisation_key());
  if (!info) return info.error();
  return info->public_key;
}

Result<NodeKeys> load_node_keys(const StateFolder& folder) {
  auto node = store::load_node_key(folder.node_key());
  if (!node) return node.error();
  auto curve = store::load_curve_key(folder.curve_key());
  if (!curve) return curve.error();
  const auto organisation = organisation_of(folder);
  if (!organisation) return organisation.error();
  NodeKeys keys{std::make_shared<const crypto::Identity>(std::move(node).value()), std::move(curve).value(),
                *organisation};
  if (is_there(folder.previous_curve_key())) {
    auto previous = store::load_curve_key(folder.previous_curve_key());
    if (!previous) return previous.error();
    keys.previous_curve = std::move(previous->key);
  }
  return keys;
}

Result<void> take_next_curve_key(const StateFolder& folder) {
  if (!is_there(folder.next_curve_key())) return {};
  const auto next = store::load_curve_key(folder.next_curve_key());
  if (!next) return next.error();
  const auto current = store::load_curve_key(folder.curve_key());
  if (!current) return current.error();
  if (next->epoch > current->epoch) {
    const auto kept = store::save_curve_key(folder.previous_curve_key(), current->key, current->epoch, true);
    if (!kept) return kept.error();
    const auto taken = store::save_curve_key(folder.curve_key(), next->key, next->epoch, true);
    if (!taken) return taken.error();
  }
  std::error_code error;
  if (std::filesystem::remove(folder.next_curve_key(), error)) return {};
  return Error{ErrorKind::failed, folder.next_curve_key().string() + ": cannot be removed", error.message()};
}

Result<std::uint64_t> last_boot(const StateFolder& folder) {
  std::error_code error;
  if (!std::filesystem::exists(folder.boot_counter(), error)) return std::uint64_t{0};
  const auto bytes = store::read_private_file(folder.boot_counter(), 32);
  if (!bytes) return bytes.error();
  std::string text(bytes->size(), '\0');
  std::transform(bytes->begin(), bytes->end(), text.begin(),
                 [](std::byte b) { return static_cast<char>(b); });
  std::uint64_t value = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  // A damaged counter is no reason to stop: peers remember the last one, and the database has it as well.
  return bad == std::errc() && end == text.data() + text.size() ? value : 0;
}

Result<void> save_boot(const StateFolder& folder, std::uint64_t boot) {
  const std::string text = std::to_string(boot);
  return store::write_private_file(folder.boot_counter(), std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace hansa::node
