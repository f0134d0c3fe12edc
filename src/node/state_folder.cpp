#include "src/node/state_folder.hpp"

#include "src/crypto/random.hpp"
#include "src/store/key_files.hpp"

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

Result<NewNode> make_state_folder(const StateFolder& folder, const crypto::SecretText& passphrase,
                                  const crypto::StretchCost& cost) {
  if (const auto ready = crypto::initialise(); !ready) return ready.error();
  if (const auto made = store::ensure_private_folder(folder.root); !made) return made.error();
  for (const auto& file : {folder.organisation_key(), folder.node_key(), folder.curve_key()}) {
    std::error_code error;
    if (!std::filesystem::exists(file, error)) continue;
    return Error{ErrorKind::usage, file.string() + " exists already",
                 "this folder belongs to an organisation; choose another with --dir"};
  }
  const crypto::Identity organisation = crypto::Identity::generate(), node = crypto::Identity::generate();
  const crypto::CurveKey curve = crypto::CurveKey::generate();
  const auto sealed = store::save_organisation_key(folder.organisation_key(), organisation, passphrase, cost);
  if (!sealed) return sealed.error();
  if (const auto saved = store::save_node_key(folder.node_key(), node); !saved) return saved.error();
  if (const auto saved = store::save_curve_key(folder.curve_key(), curve, 1); !saved) return saved.error();
  return NewNode{organisation.public_key(), node.public_key(), curve.public_key()};
}

Result<NodeKeys> load_node_keys(const StateFolder& folder) {
  auto node = store::load_node_key(folder.node_key());
  if (!node) return node.error();
  auto curve = store::load_curve_key(folder.curve_key());
  if (!curve) return curve.error();
  const auto organisation = store::read_key_info(folder.organisation_key());
  if (!organisation) return organisation.error();
  NodeKeys keys{std::make_shared<const crypto::Identity>(std::move(node).value()), std::move(curve).value(),
                organisation->public_key};
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
