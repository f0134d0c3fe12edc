// `hansa node`: this node among its organisation's nodes. An organisation manages its own nodes alone, by
// certificates, without a vote. A further node asks with a file and gets one back: the organisation's key
// stays where it is.
#include "cli/mesh.hpp"

#include "protocols/roster/admission.hpp"
#include "protocols/roster/identity.hpp"
#include "src/node/second_node.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <memory>

namespace hansa::cli {
namespace {

namespace roster = protocols::roster;

struct NodeOptions {
  MeshOptions mesh;
  std::string file, output;  ///< for `leave` a node's ID is in `file`
  bool yes = false;
};

int command(const NodeOptions& options, bool json, const char* path, const char* text) {
  const auto client = http::Client::of_folder(options.mesh.folder().root);
  if (!client) return fail(client.error(), json);
  const auto answer = client->post(path, http::Json::object());
  if (!answer) return fail(answer.error(), json);
  return print_done(json, *answer, text);
}

int drain(const NodeOptions& options, bool json) {
  return command(options, json, "/api/v1/node/drain",
                 "Draining: what runs goes on, nothing new begins here. `hansa node resume` ends it.");
}

int resume(const NodeOptions& options, bool json) {
  return command(options, json, "/api/v1/node/resume", "The node takes part again.");
}

nlohmann::ordered_json document_of(const roster::NodeCertificate& certificate) {
  return {{"schema", "hansa.certificate.v1"},
          {"node_id", roster::to_text(roster::id_of(certificate.node))},
          {"serial", certificate.serial},
          {"curve_epoch", certificate.curve_epoch},
          {"control", certificate.endpoints.control},
          {"bulk", certificate.endpoints.bulk},
          {"issued_at", certificate.issued_at},
          {"not_after", certificate.not_after},
          {"retired", certificate.retired}};
}

std::string text_of(const roster::NodeCertificate& certificate) {
  return fmt::format(
      "Certificate {} of node {}: {}, good until {}.", certificate.serial,
      roster::short_text(roster::id_of(certificate.node)),
      certificate.endpoints.control.empty() ? "dials out only" : certificate.endpoints.control.front(),
      time_text(certificate.not_after));
}

/// A certificate of this node's keys and endpoints with the next serial, told to all.
int renew(const NodeOptions& options, const crypto::Identity& key, bool json) {
  const node::StateFolder folder = options.mesh.folder();
  roster::NodeCertificate published;
  const auto done =
      decide(folder, key, [&](node::Governance& g, const crypto::Identity& signer) -> Result<void> {
        const auto certificate = own_certificate(folder, signer, g.keeper().next_serial());
        if (!certificate) return certificate.error();
        published = *certificate;
        return g.keeper().publish(*certificate, unix_now(), g.effects());
      });
  if (!done) return fail(done.error(), json);
  return print_done(json, document_of(published), text_of(published));
}

/// Certifies the node that asks with a file, and writes the file that it begins with.
int add(const NodeOptions& options, bool json) {
  if (options.file.empty()) {
    const auto key = organisation_key(options.mesh);
    return key ? renew(options, *key, json) : fail(key.error(), json);
  }
  std::error_code ignored;
  if (options.output.empty() || std::filesystem::exists(options.output, ignored)) {
    return fail(
        {ErrorKind::usage,
         options.output.empty() ? "a node that is added needs an answer" : options.output + " exists already",
         "-o FILE names the new file for it"},
        json);
  }
  const auto bytes = node::read_carried(options.file, roster::kNodeRequestBytesMax);
  if (!bytes) return fail(bytes.error(), json);
  const auto request = roster::decode_node_request(*bytes);
  if (!request) {
    return fail({ErrorKind::bad_data, options.file + " is no request of a node: " + request.error().message,
                 "`hansa node request -o FILE` makes one on the new machine"},
                json);
  }
  const auto key = organisation_key(options.mesh);
  if (!key) return fail(key.error(), json);
  Result<roster::NodeAdmission> admission = Error{};
  roster::NodeCertificate certificate;
  const auto done = decide(options.mesh.folder(), *key,
                           [&](node::Governance& g, const crypto::Identity& signer) -> Result<void> {
                             admission = g.keeper().admit(*request, signer, unix_now(), g.effects());
                             if (!admission) return admission.error();
                             for (const roster::NodeEntry* each : g.keeper().own_nodes()) {
                               if (each->certificate.node == request->node) certificate = each->certificate;
                             }
                             return {};
                           });
  if (!done) return fail(done.error(), json);
  const auto written = node::write_carried(options.output, roster::encode(*admission));
  if (!written) return fail(written.error(), json);
  nlohmann::ordered_json document = document_of(certificate);
  document["node_words"] = roster::fingerprint(certificate.node);
  document["admission"] = options.output;
  return print_done(json, document,
                    fmt::format("{}\nIts words: {}. If the new node shows others, `hansa node leave {}` at "
                                "once.\nNext, there: `hansa node accept {}`, if it is new, and `hansa up`.",
                                text_of(certificate), roster::fingerprint(certificate.node),
                                roster::short_text(roster::id_of(certificate.node)), options.output));
}

int request(const NodeOptions& options, bool json) {
  const node::StateFolder folder = options.mesh.folder();
  const auto endpoints = own_endpoints(folder);
  if (!endpoints) return fail(endpoints.error(), json);
  const auto made = node::make_request(folder, *endpoints, unix_now());
  if (!made) return fail(made.error(), json);
  const auto written = node::write_carried(options.output, roster::encode(*made));
  if (!written) return fail(written.error(), json);
  const roster::Id id = roster::id_of(made->node);
  return print_done(
      json,
      {{"schema", "hansa.node_request.v1"},
       {"org_id", roster::to_text({made->organisation})},
       {"node_id", roster::to_text(id)},
       {"node_words", roster::fingerprint(id)},
       {"control", made->endpoints.control},
       {"bulk", made->endpoints.bulk},
       {"request", options.output}},
      fmt::format("Node {} asks. Its words: {}\nNext, where the organisation's key is: `hansa node "
                  "add {} -o ADMISSION`.",
                  roster::short_text(id), roster::fingerprint(id), options.output));
}

int accept(const NodeOptions& options, bool json) {
  const auto bytes = node::read_carried(options.file, roster::kAdmissionBytesMax);
  if (!bytes) return fail(bytes.error(), json);
  const auto admission = roster::decode_admission(*bytes);
  if (!admission) {
    return fail({ErrorKind::bad_data, options.file + " is no admission: " + admission.error().message,
                 "`hansa node add REQUEST -o FILE` makes one where the organisation's key is"},
                json);
  }
  const auto done = node::accept_admission(options.mesh.folder(), *admission, unix_now());
  if (!done) return fail(done.error(), json);
  return print_done(json,
                    {{"schema", "hansa.node_accepted.v1"},
                     {"organisation", done->organisation},
                     {"consortium", done->consortium},
                     {"roster_version", done->version},
                     {"nodes", done->nodes}},
                    fmt::format("A node of {} in {}: roster version {}, {} nodes. Next: `hansa up`.",
                                done->organisation, done->consortium, done->version, done->nodes));
}

/// The node that `text` names by the beginning of its ID; this one without text.
Result<roster::PublicKey> chosen_node(const NodeOptions& options, const roster::RosterKeeper& keeper) {
  if (options.file.empty()) {
    const auto keys = node::load_node_keys(options.mesh.folder());
    if (!keys) return keys.error();
    return keys->node->public_key();
  }
  std::vector<roster::PublicKey> found;
  std::string wanted = options.file;
  std::transform(wanted.begin(), wanted.end(), wanted.begin(),
                 [](unsigned char c) { return std::toupper(c); });
  for (const roster::NodeEntry* each : keeper.own_nodes()) {
    const roster::PublicKey& key = each->certificate.node;
    if (roster::to_text(roster::id_of(key)).starts_with(wanted)) found.push_back(key);
  }
  if (found.size() == 1) return found.front();
  return Error{ErrorKind::missing,
               (found.empty() ? "this organisation has no node \"" : "more than one node begins with \"") +
                   options.file + "\"",
               "`hansa roster show` lists them"};
}

int leave(const NodeOptions& options, bool json) {
  const std::string who = options.file.empty() ? "This node" : "Node " + options.file;
  const auto sure = confirmed(options.yes, who + " leaves for good; the organisation stays a member.");
  if (!sure) return fail(sure.error(), json);
  const auto key = organisation_key(options.mesh);
  if (!key) return fail(key.error(), json);
  Result<roster::NodeCertificate> retired = Error{};
  const auto done = decide(options.mesh.folder(), *key,
                           [&](node::Governance& g, const crypto::Identity& signer) -> Result<void> {
                             const auto node = chosen_node(options, g.keeper());
                             if (!node) return node.error();
                             retired = g.keeper().retire(*node, signer, unix_now(), g.effects());
                             if (!retired) return retired.error();
                             return {};
                           });
  if (!done) return fail(done.error(), json);
  return print_done(
      json, document_of(*retired),
      "Retired: the others let the node in no more. Stop it, and keep its folder for the audit.");
}

}  // namespace

void add_node(Cli& cli) {
  const auto options = std::make_shared<NodeOptions>();
  CLI::App* group = cli.verb(cli.app, "node", "Certify, add, drain and retire nodes of this organisation",
                             "Examples:\n  hansa node add\n  hansa node add request -o admission\n"
                             "  hansa node drain\n  hansa node resume");
  const auto verb = [&](const std::string& name, const std::string& what, const std::string& example,
                        int (*action)(const NodeOptions&, bool), Opens opens = Opens::folder) {
    return add_mesh_verb(cli, *group, name, what, example, options, action, opens);
  };
  const auto file = [&](CLI::Option* option) {
    cli.values[option] = {"<file>"};
    return option;
  };
  CLI::App* made =
      verb("request", "At a new machine, after `init --node-of`: ask the organisation for a certificate",
           "Example:\n  hansa node request -o request", request);
  file(made->add_option("-o,--output", options->output, "The new file, without secrets"))->required();
  made = verb("add",
              "Certify the node that asks with FILE; without FILE this node anew, for 366 days: after it has "
              "expired, or after its endpoints have changed in hansa.toml",
              "Examples:\n  hansa node add request -o admission\n  hansa node add --dir /var/lib/hansa", add,
              Opens::organisation_key);
  file(made->add_option("file", options->file, "What `hansa node request` wrote on the new machine"));
  file(made->add_option("-o,--output", options->output, "The new file for that machine, without secrets"));
  made = verb("accept", "At the new machine: begin with what `hansa node add` wrote",
              "Example:\n  hansa node accept admission", accept);
  file(made->add_option("file", options->file, "The admission"))->required();
  verb("drain", "Finish what runs and begin nothing new, e.g. before an upgrade",
       "Example:\n  hansa node drain", drain);
  verb("resume", "Take part again", "Example:\n  hansa node resume", resume);
  made = verb("leave",
              "Retire this node for good, or another of the organisation's; the organisation stays a member "
              "(`hansa roster leave` ends that)",
              "Examples:\n  hansa node leave --yes\n  hansa node leave AKQ7M2D --yes", leave,
              Opens::organisation_key);
  made->add_option("node", options->file, "The node's ID, or the beginning; this node without it");
  made->add_flag("--yes", options->yes, "Ask nothing");
}

}  // namespace hansa::cli
