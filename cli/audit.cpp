// `hansa audit`: what a node did and saw, read from its folder alone, whether it runs or not. So an auditor
// needs a copy of the folder and this program, and no trust in the node.
#include "cli/mesh.hpp"

#include "src/store/audit_log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <memory>

namespace hansa::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  MeshOptions mesh;
  std::uint64_t from = 0;
  bool from_given = false;
  std::size_t count = 20;
};

/// A node's folder holds the log in `audit`; the log's own folder may be named as well.
std::filesystem::path log_folder(const MeshOptions& mesh) {
  const node::StateFolder named = mesh.folder();
  std::error_code error;
  return std::filesystem::exists(named.audit(), error) ? named.audit() : named.root;
}

std::string time_text(std::int64_t ms) {
  const auto seconds = static_cast<std::time_t>(ms / 1000);
  std::tm parts{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return fmt::format("{} ms", ms);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", parts);
}

/// An entry's text is JSON; if a damaged or foreign log holds something else, it is shown as text.
Json data_of(const store::AuditEntry& entry) {
  Json data = Json::parse(entry.text, nullptr, false);
  return data.is_discarded() ? Json(entry.text) : data;
}

std::string dump(const Json& document, int indent = -1) {
  return document.dump(indent, ' ', false, Json::error_handler_t::replace);
}

int tail(const Options& options, bool json) {
  const std::filesystem::path folder = log_folder(options.mesh);
  std::uint64_t from = options.from;
  if (!options.from_given) {
    const auto report = store::verify_log(folder);
    if (!report) return fail(report.error(), json);
    from = report->entries - std::min<std::uint64_t>(report->entries, options.count);
  }
  const auto entries = store::read_log(folder, from, options.count);
  if (!entries) return fail(entries.error(), json);
  Json list = Json::array();
  for (const auto& [number, entry] : *entries) {
    const Json data = data_of(entry);
    if (json) {
      list.push_back({{"number", number}, {"time_ms", entry.time_ms}, {"kind", entry.kind}, {"data", data}});
    } else {
      fmt::print("{:>6}  {}  {:<24}  {}\n", number, time_text(entry.time_ms), entry.kind, dump(data));
    }
  }
  if (json) fmt::print("{}\n", dump({{"schema", "hansa.audit.v1"}, {"entries", list}}, 2));
  return kExitOk;
}

int verify(const Options& options, bool json) {
  const auto found = store::verify_log(log_folder(options.mesh));
  if (!found) return fail(found.error(), json);
  const store::AuditReport& report = *found;
  if (json) {
    Json document = {{"schema", "hansa.audit_report.v1"},
                     {"ok", report.ok()},
                     {"problem", report.problem},
                     {"bad_entry", nullptr},
                     {"node", crypto::to_hex(report.node)},
                     {"entries", report.entries},
                     {"heads", report.heads},
                     {"head_size", report.head ? report.head->head.size : 0},
                     {"head_root", report.head ? report.head->head.root.hex() : ""},
                     {"cosignatures", report.cosignatures},
                     {"witnesses", report.witnesses},
                     {"cosigned_entries", report.cosigned_size},
                     {"torn_bytes", report.torn_bytes}};
    if (report.bad_entry) document["bad_entry"] = *report.bad_entry;
    fmt::print("{}\n", dump(document, 2));
    return report.ok() ? kExitOk : kExitFailed;
  }
  const auto line = [](std::string_view key, const std::string& value) {
    fmt::print("{:<14}{}\n", key, value);
  };
  line("result", report.ok() ? "intact" : "DAMAGED: " + report.problem);
  line("node", crypto::to_hex(report.node));
  line("entries", std::to_string(report.entries));
  line("signed",
       report.head ? fmt::format("{} entries, root {}", report.head->head.size, report.head->head.root.hex())
                   : "nothing yet");
  line("cosigned", fmt::format("{} entries, by {} other node{}", report.cosigned_size, report.witnesses,
                               report.witnesses == 1 ? "" : "s"));
  if (report.torn_bytes > 0)
    line("torn",
         fmt::format("{} bytes of an interrupted write at the end, covered by no head", report.torn_bytes));
  return report.ok() ? kExitOk : kExitFailed;
}

}  // namespace

void add_audit(Cli& cli) {
  CLI::App* group = cli.verb(cli.app, "audit", "Read and check a node's audit log",
                             "Example:\n  hansa audit verify --dir /var/lib/hansa");
  const auto options = std::make_shared<Options>();
  const auto add = [&](const std::string& name, const std::string& description, const std::string& example) {
    CLI::App* verb = cli.verb(*group, name, description, example);
    CLI::Option* folder = verb->add_option(
        "--dir", options->mesh.dir,
        "The node's folder, or a copy of its audit folder (default: $HANSA_DIR, else ~/.hansa)");
    cli.values[folder] = {"<file>"};
    cli.add_json(*verb);
    return verb;
  };
  CLI::App* tail_verb =
      add("tail", "The last entries, or those from a number on",
          "Examples:\n  hansa audit tail --dir alfa\n  hansa audit tail --from 0 --count 50");
  CLI::Option* from = tail_verb->add_option("--from", options->from, "Number of the first entry to show");
  tail_verb->add_option("--count", options->count, "How many entries at most")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}))
      ->capture_default_str();
  tail_verb->callback([&cli, options, from] {
    options->from_given = from->count() > 0;
    cli.action = [&cli, options] { return tail(*options, cli.json); };
  });
  CLI::App* verify_verb =
      add("verify", "Finds any change to the log and names the entry; exit code 1 if there is one",
          "Example:\n  hansa audit verify --dir alfa --json");
  verify_verb->callback(
      [&cli, options] { cli.action = [&cli, options] { return verify(*options, cli.json); }; });
}

}  // namespace hansa::cli
