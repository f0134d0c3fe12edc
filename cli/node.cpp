// `hansa node`: this node among its organisation's nodes. An organisation manages its own nodes alone, by
// certificates, without a vote.
#include "cli/mesh.hpp"

#include "protocols/roster/identity.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>

namespace hansa::cli {
namespace {

namespace roster = protocols::roster;

struct NodeOptions {
  MeshOptions mesh;
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

/// A certificate of this node's keys and endpoints with the next serial, told to all.
Result<roster::NodeCertificate> publish(const NodeOptions& options, const crypto::Identity& key,
                                        bool retired) {
  const node::StateFolder folder = options.mesh.folder();
  roster::NodeCertificate published;
  const auto done =
      decide(folder, key, [&](node::Governance& g, const crypto::Identity& signer) -> Result<void> {
        auto certificate = own_certificate(folder, signer, g.keeper().next_serial());
        if (!certificate) return certificate.error();
        if (retired) {
          certificate->retired = true;
          roster::sign(*certificate, signer);
        }
        published = *certificate;
        return g.keeper().publish(*certificate, unix_now(), g.effects());
      });
  if (!done) return done.error();
  return published;
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

int add(const NodeOptions& options, bool json) {
  const auto key = organisation_key(options.mesh);
  if (!key) return fail(key.error(), json);
  const auto done = publish(options, *key, false);
  if (!done) return fail(done.error(), json);
  return print_done(
      json, document_of(*done),
      fmt::format("Certificate {} of node {}: {}, good until {}.", done->serial,
                  roster::short_text(roster::id_of(done->node)),
                  done->endpoints.control.empty() ? "dials out only" : done->endpoints.control.front(),
                  time_text(done->not_after)));
}

int leave(const NodeOptions& options, bool json) {
  const auto sure = confirmed(options.yes, "This node leaves for good; the organisation stays a member.");
  if (!sure) return fail(sure.error(), json);
  const auto key = organisation_key(options.mesh);
  if (!key) return fail(key.error(), json);
  const auto done = publish(options, *key, true);
  if (!done) return fail(done.error(), json);
  return print_done(
      json, document_of(*done),
      "Retired: the others let this node in no more. Stop it, and keep its folder for the audit.");
}

}  // namespace

void add_node(Cli& cli) {
  const auto options = std::make_shared<NodeOptions>();
  CLI::App* group = cli.verb(cli.app, "node", "Certify, drain and retire this node",
                             "Examples:\n  hansa node add\n  hansa node drain\n  hansa node resume");
  const auto verb = [&](const std::string& name, const std::string& what, const std::string& example,
                        int (*action)(const NodeOptions&, bool), bool needs_key) {
    CLI::App* made = cli.verb(*group, name, what, example);
    needs_key ? add_key_options(*made, options->mesh) : add_dir_option(*made, options->mesh);
    cli.add_json(*made);
    made->callback([&cli, options, action] {
      cli.action = [&cli, options, action] { return action(*options, cli.json); };
    });
    return made;
  };
  verb("add",
       "Certify this node anew, for 366 days: after it has expired, or after its endpoints have changed in "
       "hansa.toml",
       "Example:\n  hansa node add --dir /var/lib/hansa", add, true);
  verb("drain", "Finish what runs and begin nothing new, e.g. before an upgrade",
       "Example:\n  hansa node drain", drain, false);
  verb("resume", "Take part again", "Example:\n  hansa node resume", resume, false);
  verb("leave", "Retire this node for good; its organisation stays a member (`hansa roster leave` ends that)",
       "Example:\n  hansa node leave --yes", leave, true)
      ->add_flag("--yes", options->yes, "Ask nothing");
}

}  // namespace hansa::cli
