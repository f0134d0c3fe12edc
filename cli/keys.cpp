// `hansa keys`: which keys a node has, how old they are and what is due. Secrets are never shown.
#include "cli/mesh.hpp"

#include "protocols/roster/identity.hpp"
#include "src/store/key_files.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>

#include <sys/stat.h>

namespace hansa::cli {
namespace {

namespace roster = protocols::roster;
using nlohmann::ordered_json;

struct KeyOptions {
  MeshOptions mesh;
  std::string new_passphrase_file;
};

std::int64_t written_at(const std::filesystem::path& file) {
  struct stat status {};
  return ::stat(file.c_str(), &status) == 0 ? static_cast<std::int64_t>(status.st_mtime) : 0;
}

ordered_json key_json(const char* kind, const crypto::KeyFileInfo& info, const std::filesystem::path& file) {
  ordered_json key = {{"kind", kind},
                      {"public_key", crypto::to_hex(info.public_key)},
                      {"file", file.string()},
                      {"sealed", info.sealed},
                      {"file_age_seconds", unix_now() - written_at(file)}};
  if (info.kind != crypto::KeyKind::curve) {
    const roster::Id id = roster::id_of(info.public_key);
    key["id"] = roster::to_text(id);
    key["words"] = roster::fingerprint(id);
  } else {
    key["epoch"] = info.epoch;
  }
  return key;
}

/// What the certificates say, if a node is running: dates are signed there, and not in the files.
void add_certificate(const node::StateFolder& folder, ordered_json& document, std::string& text) {
  auto keys = node::load_node_keys(folder);
  const auto client = http::Client::of_folder(folder.root);
  if (!keys || !client) return;
  const auto state = client->keeper_state();
  if (!state) return;
  auto governance = node::Governance::open(*keys, *state, unix_now());
  if (!governance) return;
  const roster::NodeEntry* node = governance->keeper().own_node();
  if (node == nullptr) return;
  const auto curve = node->curve();
  const std::int64_t expires = curve.issued_at + roster::kCurveLifetime;
  const std::int64_t due = governance->keeper().rotation_due().value_or(expires);
  document["certificate"] = {{"serial", node->certificate.serial},
                             {"issued_at", node->certificate.issued_at},
                             {"not_after", node->certificate.not_after}};
  document["curve"] = {{"epoch", curve.epoch},
                       {"issued_at", curve.issued_at},
                       {"rotation_due_at", due},
                       {"expires_at", expires},
                       {"accepted", node->accepted_curves(unix_now()).size()}};
  text +=
      fmt::format("\nNode certificate {}, good until {}\nCURVE epoch {} since {}, rotation {}, expires {}",
                  node->certificate.serial, time_text(node->certificate.not_after), curve.epoch,
                  time_text(curve.issued_at), due <= unix_now() ? "now due" : "due " + time_text(due),
                  time_text(expires));
  std::size_t current = 0, all = 0;
  const auto peers = client->get("/api/v1/peers");
  if (!peers) return;
  ordered_json epochs = ordered_json::array();
  for (const http::Json& peer : peers->value("peers", http::Json::array())) {
    ++all;
    current += peer.value("connected", false) ? 1 : 0;
    epochs.push_back({{"node", peer.value("short_id", "")},
                      {"org", peer.value("org", "")},
                      {"curve_epoch", peer.value("curve_epoch", 0)},
                      {"connected", peer.value("connected", false)}});
  }
  document["peers"] = epochs;
  if (all > 0) text += fmt::format("\n{} of {} peers are connected with keys that pass", current, all);
}

int status(const KeyOptions& options, bool json) {
  const node::StateFolder folder = options.mesh.folder();
  ordered_json keys = ordered_json::array();
  std::string text;
  for (const auto& [kind, file] :
       {std::pair("organisation", folder.organisation_key()), std::pair("node", folder.node_key()),
        std::pair("curve", folder.curve_key())}) {
    std::error_code ignored;
    if (file == folder.organisation_key() && !std::filesystem::exists(file, ignored)) {
      const auto organisation =
          node::organisation_of(folder);  // at a further node; else says what is missing
      if (!organisation) return fail(organisation.error(), json);
      const roster::Id id = roster::id_of(*organisation);
      keys.push_back({{"kind", kind},
                      {"public_key", crypto::to_hex(*organisation)},
                      {"file", nullptr},
                      {"id", roster::to_text(id)},
                      {"words", roster::fingerprint(id)}});
      text += fmt::format("{:<13} {}\n{:<13} {}\n{:<13} not here: at another node of the organisation", kind,
                          roster::to_text(id), "", roster::fingerprint(id), "");
      continue;
    }
    const auto info = store::read_key_info(file);
    if (!info) return fail(info.error(), json);
    keys.push_back(key_json(kind, *info, file));
    const ordered_json& key = keys.back();
    text += (text.empty() ? "" : "\n") +
            fmt::format("{:<13} {}", kind, key.value("id", crypto::to_hex(info->public_key)));
    if (key.contains("words")) text += fmt::format("\n{:<13} {}", "", key["words"].get<std::string>());
    text += fmt::format("\n{:<13} {}, written {} ago", "",
                        info->sealed ? "under a passphrase" : "readable by the node without a passphrase",
                        age_text(key["file_age_seconds"].get<std::int64_t>()));
    if (key.contains("epoch")) text += fmt::format(", epoch {}", info->epoch);
  }
  ordered_json document = {
      {"schema", "hansa.keys_status.v1"}, {"keys", keys}, {"certificate", nullptr}, {"curve", nullptr}};
  add_certificate(folder, document, text);
  if (document["certificate"].is_null()) text += "\nNo node answers, or it has no certificate yet.";
  return print_done(json, document, text);
}

int rotate(const KeyOptions& options, bool json) {
  const auto client = http::Client::of_folder(options.mesh.folder().root);
  if (!client) return fail(client.error(), json);
  const auto answer = client->post("/api/v1/keys/rotate", http::Json::object());
  if (!answer) return fail(answer.error(), json);
  return print_done(json, *answer,
                    "The node announces a new connection key and takes it; old and new both pass for a day. "
                    "`hansa keys status` shows its epoch.");
}

int passphrase(const KeyOptions& options, bool json) {
  const std::filesystem::path file = options.mesh.folder().organisation_key();
  const auto key = organisation_key(options.mesh);
  if (!key) return fail(key.error(), json);
  const auto fresh = options.new_passphrase_file.empty()
                         ? ask_passphrase("New passphrase of the organisation's key", true,
                                          "give --new-passphrase-file FILE")
                         : store::passphrase_from_file(options.new_passphrase_file);
  if (!fresh) return fail(fresh.error(), json);
  const auto saved = store::save_organisation_key(file, *key, *fresh, {}, true);
  if (!saved) return fail(saved.error(), json);
  // Only what can be opened again has been saved.
  const auto again = store::load_organisation_key(file, *fresh);
  if (!again) return fail(again.error(), json);
  return print_done(
      json, {{"schema", "hansa.done.v1"}, {"done", true}},
      "The organisation's key is under the new passphrase; copies of the old file still open with "
      "the old one.");
}

}  // namespace

void add_keys(Cli& cli) {
  const auto options = std::make_shared<KeyOptions>();
  CLI::App* group =
      cli.verb(cli.app, "keys", "Show the node's keys, replace the connection key, and change the passphrase",
               "Examples:\n  hansa keys status\n  hansa keys passphrase");
  add_mesh_verb(cli, *group, "status", "IDs, words and ages of the keys, and when the next rotation is due",
                "Example:\n  hansa keys status --json", options, status);
  add_mesh_verb(cli, *group, "rotate", "Replace the connection (CURVE) key now; nobody is cut off",
                "Example:\n  hansa keys rotate", options, rotate);
  CLI::App* verb = cli.verb(*group, "passphrase", "Put the organisation's key under another passphrase",
                            "Examples:\n  hansa keys passphrase\n"
                            "  hansa keys passphrase --passphrase-file old --new-passphrase-file new");
  add_key_options(*verb, options->mesh);
  cli.values[verb->add_option("--new-passphrase-file", options->new_passphrase_file,
                              "File whose first line is the new one (default: asked twice)")] = {"<file>"};
  cli.add_json(*verb);
  verb->callback(
      [&cli, options] { cli.action = [&cli, options] { return passphrase(*options, cli.json); }; });
}

}  // namespace hansa::cli
