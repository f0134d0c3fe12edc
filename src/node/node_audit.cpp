// What becomes an entry, and what becomes of the witness's effects. An entry names things by their hashes and
// IDs: a log that is shown to auditors must not hold what the things themselves may hold.
#include "src/node/node_audit.hpp"

#include "protocols/checked_reader.hpp"
#include "protocols/roster/identity.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace hansa::node {
namespace {

namespace audit = protocols::audit;

constexpr audit::UnixMillis kAnswerMillisMax = 2000;  ///< older answers say little about a clock
constexpr std::size_t kSaidMax = 256;
constexpr std::size_t kFieldBytesMax = 2048;

/// As a JSON string, cut to what an entry has room for.
std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, kFieldBytesMax)) {
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string id_text(const NodeKey& node) {
  return protocols::roster::to_text(protocols::roster::id_of(node));
}

}  // namespace

NodeAudit::NodeAudit(NodeAuditOptions options, NodeAuditHooks hooks, store::AuditLog log)
    : options_(std::move(options)),
      hooks_(std::move(hooks)),
      log_(std::move(log)),
      witness_(*options_.identity, log_.tree(), log_.witnessed(), options_.witness) {}

Result<std::unique_ptr<NodeAudit>> NodeAudit::open(NodeAuditOptions options, NodeAuditHooks hooks,
                                                   Moment at) {
  auto log = store::AuditLog::open_or_replace(options.folder, options.identity->public_key(), at.unix_ms);
  if (!log) return log.error();
  std::unique_ptr<NodeAudit> self(
      new NodeAudit(std::move(options), std::move(hooks), std::move(log).value()));
  if (!self->log_.repaired().empty()) self->hooks_.warn("audit log: " + self->log_.repaired());
  self->record("node.started", {{"boot", std::to_string(self->options_.boot_id)}}, at);
  return self;
}

void NodeAudit::check(const Error& error) {
  if (!failed_) hooks_.failed(error);
  failed_ = true;
}

void NodeAudit::record(std::string_view kind, Fields fields, Moment at) {
  if (failed_) return;
  std::string text = "{";
  for (const auto& [name, value] : fields) {
    if (value.empty()) continue;
    if (text.size() > 1) text += ',';
    text += json_text(name) + ':' + json_text(value);
  }
  text += '}';
  if (text.size() > store::kAuditTextBytesMax) text = "{\"omitted\":\"too long\"}";
  const auto done = log_.append({at.unix_ms, std::string(kind), text});
  if (!done) check(done.error());
}

void NodeAudit::roster_event(const protocols::roster::KeeperEvent& event, Moment at) {
  const bool nobody = event.organisation == crypto::PublicKey{};
  record("roster." + std::string(protocols::roster::event_name(event.kind)),
         {{"organisation", nobody ? "" : id_text(event.organisation)},
          {"object", event.object == crypto::Hash256{} ? "" : event.object.hex()},
          {"version", event.version == 0 ? "" : std::to_string(event.version)},
          {"text", event.text}},
         at);
}

void NodeAudit::run_statement(std::span<const std::byte> statement, Moment at) {
  constexpr std::array<const char*, 6> kKinds = {"",          "run.proposed", "run.approved",
                                                 "run.begun", "run.finished", "run.stopped"};
  protocols::CheckedReader in(statement);
  const std::uint8_t type = in.u8();
  const std::string run = crypto::to_hex(in.array<32>());
  const std::string signer = id_text(in.array<32>());
  if (in.failed() || type == 0 || type >= kKinds.size()) return;
  static_cast<void>(in.i64());  // when it was signed, which the statement's hash covers
  std::string rounds, model;
  if (type == 4) {
    rounds = std::to_string(in.u32());
    model = crypto::to_hex(in.array<32>());
  }
  record(kKinds[type],
         {{"run", run},
          {"by", signer},
          {"rounds", rounds},
          {"model", model},
          {"statement", crypto::hash("hansa/statement", statement).hex()}},
         at);
  if (type >= 3) next_head_ = Time{0};  // begun, finished or stopped: soon, so that others hold on to it
}

void NodeAudit::evidence(const std::string& kind, const std::string& about, const std::string& text,
                         Moment at) {
  std::string key = kind + '\n' + about + '\n' + text;
  if (std::find(said_.begin(), said_.end(), key) != said_.end()) return;
  said_.push_back(std::move(key));
  if (said_.size() > kSaidMax) said_.pop_front();
  record("evidence", {{"kind", kind}, {"about", about}, {"text", text}}, at);
}

void NodeAudit::set_peers(std::span<const NodeKey> peers, Moment at) {
  const std::set<NodeKey> now(peers.begin(), peers.end());
  for (const NodeKey& peer : peers_) {
    if (!now.contains(peer)) record("peer.removed", {{"node", id_text(peer)}}, at);
  }
  for (const NodeKey& peer : now) {
    if (!peers_.contains(peer)) record("peer.allowed", {{"node", id_text(peer)}}, at);
  }
  peers_ = now;
  std::erase_if(clock_skew_s_, [&](const auto& item) { return !now.contains(item.first); });
  witness_.set_peers(peers);
}

void NodeAudit::peer_up(const NodeKey& peer) {
  audit::WitnessEffects effects;
  witness_.on_peer_up(peer, effects);
  perform(std::move(effects), {});
}

void NodeAudit::on_mail(const Arrived& mail, Moment at) {
  const auto message = audit::decode(mail.type, *mail.body);
  if (!message) return;
  audit::WitnessEffects effects;
  witness_.on_message(mail.from, *message, at, effects);
  perform(std::move(effects), at);
}

void NodeAudit::sign_head(Moment at) {
  next_head_ = at.now + options_.head_every;
  const bool news = !log_.head() || log_.head()->head.size < log_.size();
  const auto head = log_.sign_head(*options_.identity, at.unix_ms, options_.boot_id);
  if (!head) return check(head.error());
  if (!news && witness_.next_deadline()) return;  // the machine repeats it by itself
  audit::WitnessEffects effects;
  witness_.announce(*head, at, effects);
  perform(std::move(effects), at);
}

void NodeAudit::tick(Moment at) {
  if (failed_) return;
  if (at.now >= next_head_) sign_head(at);
  const auto deadline = witness_.next_deadline();
  if (failed_ || !deadline || at.now < *deadline) return;
  audit::WitnessEffects effects;
  witness_.on_deadline(at, effects);
  perform(std::move(effects), at);
}

void NodeAudit::stop(Moment at) {
  record("node.stopped", {{"boot", std::to_string(options_.boot_id)}}, at);
  if (!failed_) sign_head(at);
}

/// Its clock was read between our signing the head and now: the middle is what ours showed then, at most half
/// the way off (the rule of NTP, RFC 5905).
void NodeAudit::compare_clocks(const audit::Cosignature& answer, Moment at) {
  const audit::UnixMillis asked = answer.subject.head.time_ms;
  if (at.unix_ms < asked || at.unix_ms - asked > kAnswerMillisMax) return;
  const audit::UnixMillis middle = asked + (at.unix_ms - asked) / 2;
  clock_skew_s_[answer.witness] = static_cast<double>(answer.time_ms - middle) / 1000;
}

void NodeAudit::perform(audit::WitnessEffects effects, Moment at) {
  for (const audit::WitnessEffect& effect : effects) {
    if (failed_) return;  // what cannot be kept is not said
    if (const auto* const send = std::get_if<audit::Send>(&effect)) {
      hooks_.send(send->to, audit::type_of(send->message),
                  std::make_shared<const audit::Bytes>(audit::encode(send->message)));
    } else if (const auto* const seen = std::get_if<audit::Witnessed>(&effect)) {
      if (const auto kept = log_.witness(seen->head); !kept) check(kept.error());
    } else if (const auto* const cosigned = std::get_if<audit::Cosigned>(&effect)) {
      compare_clocks(cosigned->cosignature, at);
      if (const auto kept = log_.keep(cosigned->cosignature); !kept) check(kept.error());
    } else if (const auto* const caught = std::get_if<audit::Caught>(&effect)) {
      const audit::Head &a = caught->evidence.earlier.head, &b = caught->evidence.later.head;
      record("audit.contradiction",
             {{"node", id_text(a.node)}, {"evidence", crypto::to_hex(audit::encode(caught->evidence))}}, at);
      hooks_.evidence(a.node, "signed two audit logs that exclude each other, of " + std::to_string(a.size) +
                                  " and of " + std::to_string(b.size) + " entries");
    } else if (const auto* const back = std::get_if<audit::RolledBack>(&effect)) {
      hooks_.evidence(back->now.head.node, "shows an audit log of " + std::to_string(back->now.head.size) +
                                               " entries and had " + std::to_string(back->before.head.size) +
                                               ": an old backup, or a log that was cut");
    } else if (const auto* const withheld = std::get_if<audit::ProofWithheld>(&effect)) {
      hooks_.evidence(withheld->node, "does not show that its audit log goes on from entry " +
                                          std::to_string(withheld->from));
    } else if (const auto* const differs = std::get_if<audit::OwnLogDiffers>(&effect)) {
      hooks_.evidence(differs->cosignature.witness,
                      "holds a head of " + std::to_string(differs->cosignature.subject.head.size) +
                          " entries with our signature that our audit log does not have");
    }
  }
}

}  // namespace hansa::node
