// The organisation's key is opened here and nowhere else; every decision is worked out on a copy of the
// node's keeper and handed over whole.
#include "cli/mesh.hpp"

#include "cli/overrides.hpp"

#include "src/crypto/random.hpp"
#include "src/store/key_files.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>

#include <unistd.h>

namespace hansa::cli {

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

namespace {

/// $HANSA_CONFIG, else /etc/hansa/hansa.toml if it is there.
Result<std::vector<config::NodeFile>> machine_file() {
  const char* set = std::getenv("HANSA_CONFIG");
  const bool chosen = set != nullptr && *set != '\0';
  const std::string path = chosen ? set : "/etc/hansa/hansa.toml";
  std::ifstream file(path, std::ios::binary);
  if (!file && !chosen) return std::vector<config::NodeFile>{};
  if (!file) return Error{ErrorKind::missing, "cannot read " + path, "$HANSA_CONFIG names it"};
  return std::vector<config::NodeFile>{{std::string{std::istreambuf_iterator<char>(file), {}}, path}};
}

}  // namespace

Result<config::NodeConfig> machine_config() {
  auto machine = machine_file();
  if (!machine) return machine.error();
  auto resolved = config::resolve_node_config(*machine, {}, {});
  if (!resolved) return resolved.error();
  return std::move(resolved->config);
}

Result<config::ResolvedNodeConfig> resolve_settings(const node::StateFolder& folder,
                                                    const std::vector<std::string>& set) {
  const auto overrides = parse_overrides(set);
  if (!overrides) return overrides.error();
  auto machine = machine_file();
  if (!machine) return machine.error();
  std::ifstream file(folder.settings(), std::ios::binary);
  if (!file) {
    return Error{ErrorKind::missing, "there is no node in " + folder.root.string(),
                 "`hansa init` makes one; --dir names another folder"};
  }
  std::vector<config::NodeFile> files = std::move(machine).value();
  files.push_back({std::string{std::istreambuf_iterator<char>(file), {}}, folder.settings().string()});
  config::Environment environment;
  for (char** each = ::environ; *each != nullptr; ++each) {
    const std::string_view variable(*each);
    const std::size_t equals = variable.find('=');
    if (variable.starts_with("HANSA_") && equals != std::string_view::npos)
      environment.emplace_back(variable.substr(0, equals), variable.substr(equals + 1));
  }
  return config::resolve_node_config(files, environment, *overrides);
}

Result<config::NodeConfig> read_node_config(const node::StateFolder& folder) {
  auto resolved = resolve_settings(folder, {});
  if (!resolved) return resolved.error();
  return std::move(resolved->config);
}

Result<crypto::SecretText> read_passphrase(const MeshOptions& options) {
  if (!options.passphrase_file.empty()) return store::passphrase_from_file(options.passphrase_file);
  if (std::getenv("HANSA_PASSPHRASE") != nullptr)
    return store::passphrase_from_environment("HANSA_PASSPHRASE");
  return ask_passphrase("Passphrase of the organisation's key", false,
                        "give --passphrase-file FILE, or set HANSA_PASSPHRASE");
}

Result<crypto::SecretText> ask_passphrase(const std::string& question, bool twice,
                                          const std::string& otherwise) {
  if (::isatty(STDIN_FILENO) == 0) return Error{ErrorKind::usage, question + " is needed", otherwise};
  const auto ask = [](const std::string& prompt) {
    char* const typed = ::getpass((prompt + ": ").c_str());  // a buffer of its own, which must be wiped
    crypto::SecretText text(typed != nullptr ? typed : "");
    if (typed != nullptr) crypto::wipe(std::as_writable_bytes(std::span(typed, text.size())));
    return text;
  };
  crypto::SecretText first = ask(question);
  if (twice && ask("Once more").reveal() != first.reveal())
    return Error{ErrorKind::usage, "the two are not the same", "try again"};
  return first;
}

Result<crypto::Identity> organisation_key(const MeshOptions& options) {
  const node::StateFolder folder = options.folder();
  std::error_code ignored;
  if (!std::filesystem::exists(folder.organisation_key(), ignored) &&
      std::filesystem::exists(folder.organisation_id(), ignored)) {
    return Error{ErrorKind::usage, "the organisation's key is not in " + folder.root.string(),
                 "do this at the node of the organisation that has it (org.key); to renew the certificate of "
                 "this one, begin with `hansa node request`"};
  }
  const auto passphrase = read_passphrase(options);
  if (!passphrase) return passphrase.error();
  return store::load_organisation_key(folder.organisation_key(), *passphrase);
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
    if (changed || changed.error().kind != ErrorKind::conflict || attempt == 10) return changed;
  }
}

Result<http::Json> ask_node(const MeshOptions& options, const std::string& path) {
  auto client = http::Client::of_folder(options.folder().root);
  if (!client) return client.error();
  return client->get(path);
}

int print_done(bool json, const nlohmann::ordered_json& document, const std::string& text) {
  constexpr auto kReplace = nlohmann::ordered_json::error_handler_t::replace;
  fmt::print("{}\n", json ? document.dump(2, ' ', false, kReplace) : text);
  return kExitOk;
}

std::string time_text(std::int64_t unix_s) {
  const auto seconds = static_cast<std::time_t>(unix_s);
  std::tm parts{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return std::to_string(unix_s);
  return fmt::format("{:%Y-%m-%d %H:%M} UTC", parts);
}

std::string age_text(std::int64_t seconds) {
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 7200) return fmt::format("{} min", seconds / 60);
  if (seconds < 2 * 86'400) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} d", seconds / 86'400);
}

Result<void> confirmed(bool yes, const std::string& question) {
  if (yes) return {};
  if (::isatty(STDIN_FILENO) == 0) {
    return Error{ErrorKind::usage, question + " This needs a yes.", "add --yes"};
  }
  fmt::print(stderr, "{} [y/N] ", question);
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "yes") return {};
  return Error{ErrorKind::interrupted, "nothing was done", ""};
}

Result<crypto::Hash256> the_one(const std::vector<crypto::Hash256>& known, const std::string& id,
                                const std::string& what) {
  std::vector<crypto::Hash256> found;
  for (const crypto::Hash256& each : known) {
    if (!id.empty() && each.hex().starts_with(id)) found.push_back(each);
  }
  if (found.size() == 1) return found.front();
  return Error{ErrorKind::missing,
               found.empty() ? "there is no " + what + " \"" + id + "\""
                             : "more than one " + what + " begins with \"" + id + "\"",
               "`hansa roster show` and `hansa requests` list what is open"};
}

}  // namespace hansa::cli
