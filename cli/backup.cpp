// `hansa backup` and `hansa restore`: what a backup holds, and what a restored node must not do, is in
// src/node/backup.hpp.
#include "cli/mesh.hpp"

#include "src/node/backup.hpp"
#include "src/store/key_files.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <ctime>
#include <memory>

namespace hansa::cli {
namespace {

using nlohmann::ordered_json;

constexpr const char* kKeysVariable = "HANSA_BACKUP_PASSPHRASE";

struct BackupOptions {
  MeshOptions mesh;
  std::string file, keys_passphrase_file;
  bool with_keys = false, replace = false;
};

Result<crypto::SecretText> keys_passphrase(const BackupOptions& options, bool twice) {
  if (!options.keys_passphrase_file.empty()) return store::passphrase_from_file(options.keys_passphrase_file);
  if (std::getenv(kKeysVariable) != nullptr) return store::passphrase_from_environment(kKeysVariable);
  return ask_passphrase("Passphrase of the keys in the backup", twice,
                        "give --keys-passphrase-file FILE, or set " + std::string(kKeysVariable));
}

ordered_json document_of(const char* schema, const node::BackupContent& content) {
  return {{"schema", schema},
          {"org_key", content.organisation_key},
          {"node_key", content.node_key},
          {"created_at", content.created_at},
          {"boot", content.boot},
          {"has_keys", content.has_keys},
          {"bytes", content.bytes},
          {"pieces", content.pieces}};
}

std::string default_name() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  return fmt::format("hansa-{:%Y%m%d-%H%M%S}.backup", parts);
}

int backup(const BackupOptions& options, bool json) {
  const std::string file = options.file.empty() ? default_name() : options.file;
  crypto::SecretText passphrase;
  if (options.with_keys) {
    auto given = keys_passphrase(options, true);
    if (!given) return fail(given.error(), json);
    passphrase = std::move(given).value();
  }
  const auto made =
      node::make_backup(options.mesh.folder(), file, options.with_keys ? &passphrase : nullptr, unix_now());
  if (!made) return fail(made.error(), json);
  ordered_json document = document_of("hansa.backup.v1", *made);
  document["file"] = file;
  return print_done(
      json, document,
      fmt::format("{}: {} pieces, {} bytes, {}", file, made->pieces.size(), made->bytes,
                  made->has_keys ? "with the keys, sealed under the passphrase"
                                 : "without keys: keep org.key, node.key and curve.key elsewhere"));
}

int show(const BackupOptions& options, bool json) {
  const auto content = node::read_backup(options.file);
  if (!content) return fail(content.error(), json);
  std::string text =
      fmt::format("{}: intact, made {}, {} keys, {} bytes", options.file, time_text(content->created_at),
                  content->has_keys ? "with" : "without", content->bytes);
  for (const std::string& piece : content->pieces) text += "\n  " + piece;
  return print_done(json, document_of("hansa.backup.v1", *content), text);
}

int restore(const BackupOptions& options, bool json) {
  const node::StateFolder folder = options.mesh.folder();
  const auto running = http::Client::of_folder(folder.root);
  if (running && running->text("/livez").ok()) {
    return fail({ErrorKind::usage, "a node is running in " + folder.root.string(), "stop it first"}, json);
  }
  node::RestoreOptions wanted{.replace = options.replace};
  crypto::SecretText passphrase;
  if (options.with_keys) {
    auto given = keys_passphrase(options, false);
    if (!given) return fail(given.error(), json);
    passphrase = std::move(given).value();
    wanted.keys_passphrase = &passphrase;
  }
  const auto restored = node::restore_backup(options.file, folder, wanted, unix_now());
  if (!restored) return fail(restored.error(), json);
  ordered_json document = document_of("hansa.restored.v1", restored->content);
  document["dir"] = folder.root.string();
  document["next_boot_above"] = restored->boot;
  document["moved_aside"] = restored->moved_aside.string();
  document["keys_missing"] = restored->keys_missing;
  std::string text = fmt::format("Restored into {}, as of {}.", folder.root.string(),
                                 time_text(restored->content.created_at));
  if (!restored->moved_aside.empty())
    text += "\nWhat was there is in " + restored->moved_aside.string() + ".";
  if (restored->keys_missing) text += "\nPut org.key, node.key and curve.key there before `hansa up`.";
  text +=
      "\nThe node signs nothing until enough other organisations agree with what it has, and takes no "
      "further "
      "part\nin runs that had begun. `hansa audit verify` checks its log; the others see that it went back.";
  return print_done(json, document, text);
}

void add_keys_passphrase(CLI::App& verb, Cli& cli, BackupOptions& options) {
  cli.values[verb.add_option("--keys-passphrase-file", options.keys_passphrase_file,
                             "File whose first line seals the keys (default: $HANSA_BACKUP_PASSPHRASE, else "
                             "asked)")] = {"<file>"};
}

}  // namespace

void add_backup(Cli& cli) {
  const auto options = std::make_shared<BackupOptions>();
  CLI::App* verb = cli.verb(cli.app, "backup",
                            "Write a node's state into one file, while it runs; without keys unless asked",
                            "Examples:\n  hansa backup -o alfa.backup\n  hansa backup --with-keys\n"
                            "  hansa backup --check alfa.backup");
  cli.values[verb->add_option("-o,--output", options->file,
                              "The file, which must not exist (default: hansa-DATE-TIME.backup)")] = {
      "<file>"};
  verb->add_flag("--with-keys", options->with_keys, "Put the keys in, sealed under a passphrase");
  add_keys_passphrase(*verb, cli, *options);
  CLI::Option* check = verb->add_option("--check", options->file, "Check every byte of this backup instead");
  cli.values[check] = {"<file>"};
  add_dir_option(*verb, options->mesh);
  cli.add_json(*verb);
  verb->callback([&cli, options, check] {
    const bool only_check = check->count() > 0;
    cli.action = [&cli, options, only_check] {
      return only_check ? show(*options, cli.json) : backup(*options, cli.json);
    };
  });
  verb = cli.verb(cli.app, "restore",
                  "Make a node's folder from a backup; it signs nothing old again, and recovers first",
                  "Examples:\n  hansa restore alfa.backup --dir /var/lib/hansa\n"
                  "  hansa restore alfa.backup --with-keys --replace");
  cli.values[verb->add_option("file", options->file, "The backup")->required()] = {"<file>"};
  verb->add_flag("--with-keys", options->with_keys, "Take the keys out of the backup");
  add_keys_passphrase(*verb, cli, *options);
  verb->add_flag("--replace", options->replace, "Move state that is there aside, into replaced-N");
  add_dir_option(*verb, options->mesh);
  cli.add_json(*verb);
  verb->callback([&cli, options] { cli.action = [&cli, options] { return restore(*options, cli.json); }; });
}

}  // namespace hansa::cli
