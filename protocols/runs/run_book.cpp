// Statements are facts: each is checked alone, noted, and then the run's state is worked out anew from all
// facts. So the order in which they come does not matter, and restoring is the same as hearing them again.
#include "protocols/runs/run_book.hpp"

#include "protocols/runs/message_kind.hpp"
#include "protocols/secure_sum/byte_order.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <cctype>

namespace hansa::protocols::runs {
namespace {

using secure_sum::Reader;
using secure_sum::Writer;

constexpr std::size_t kDigestEntryBytes = 32 + 32;

Bytes statement_message(BytesView statement) {
  return Writer(1 + statement.size())
      .u8(static_cast<std::uint8_t>(MessageKind::statement))
      .raw(statement)
      .bytes();
}

}  // namespace

std::string_view run_state_name(RunState state) noexcept {
  switch (state) {
    case RunState::proposed:
      return "proposed";
    case RunState::running:
      return "running";
    case RunState::complete:
      return "complete";
    case RunState::diverged:
      return "diverged";
    case RunState::expired:
      return "expired";
    case RunState::stopped:
      return "stopped";
  }
  return "unknown";
}

std::optional<PartyId> Run::party_of(const NodeKey& node) const noexcept {
  if (!begin) return std::nullopt;
  for (std::size_t i = 0; i < begin->approvals.size(); ++i) {
    if (begin->approvals[i].party == node) return party_at(static_cast<std::uint32_t>(i));
  }
  return std::nullopt;
}

Hash256 Run::training_id() const {
  HANSA_ASSERT(begin.has_value());
  crypto::Hasher hasher("hansa1/training");
  hasher.update(id.bytes);
  for (const Approval& approval : begin->approvals) hasher.update(approval.party);
  return hasher.finish();
}

// Commands.

Result<RunId> RunBook::propose(RunManifest manifest, std::int64_t now_s, RunEffects& out) {
  manifest.proposer = self_->public_key();
  manifest.created_at_s = now_s;
  std::sort(manifest.parties.begin(), manifest.parties.end());
  if (manifest.config.size() > kLimits.config_bytes_max ||
      manifest.schema.size() > kLimits.schema_bytes_max ||
      manifest.privacy.size() > kLimits.privacy_bytes_max || manifest.name.size() > kLimits.name_bytes_max) {
    return Error{
        ErrorKind::usage, "the run's name, configuration or data schema is too long to be proposed",
        "a manifest travels in one message: 64 bytes of name, 24 KiB each of configuration and schema"};
  }
  for (const NodeKey& party : manifest.parties) {
    if (is_member(party)) continue;
    return Error{ErrorKind::usage, "a party of the run is not on the roster",
                 "see `hansa roster show` for who is"};
  }
  const Bytes bytes = sign_statement(*self_, {}, now_s, manifest);
  const Result<Statement> read = read_statement(bytes);
  if (!read) return Error{ErrorKind::usage, read.error().message, "ask at least two parties of the roster"};
  if (find(read->run) != nullptr) return read->run;
  if (const auto may = may_say(read->run, StatementType::propose); !may) return may.error();
  if (runs_.size() >= kLimits.runs_max) {
    return Error{ErrorKind::failed, "this node remembers as many runs as it can", "remove its old runs"};
  }
  out.emplace_back(PersistStatement{read->run, bytes});
  take(bytes, Origin::ours, now_s, out);
  out.emplace_back(TellAll{statement_message(bytes)});
  return read->run;
}

Result<void> RunBook::approve(const RunId& id, std::int64_t now_s, RunEffects& out) {
  const Run* run = find(id);
  if (run == nullptr) return Error{ErrorKind::missing, "there is no such run", "see `hansa run ls`"};
  const NodeKey& me = self_->public_key();
  if (!std::binary_search(run->manifest.parties.begin(), run->manifest.parties.end(), me)) {
    return Error{ErrorKind::usage, "this node is not among the parties of the run", ""};
  }
  if (run->approvals.contains(me)) return {};
  if (run->state != RunState::proposed) {
    return Error{ErrorKind::failed,
                 "the run is " + std::string(run_state_name(run->state)) + "; it takes no more approvals",
                 "propose it again"};
  }
  if (const auto may = may_say(id, StatementType::approve); !may) return may.error();
  say(id, Approve{}, now_s, out);
  return {};
}

Result<void> RunBook::stop(const RunId& id, std::string reason, std::int64_t now_s, RunEffects& out) {
  const Run* run = find(id);
  if (run == nullptr) return Error{ErrorKind::missing, "there is no such run", "see `hansa run ls`"};
  const NodeKey& me = self_->public_key();
  if (run->stopped.contains(me)) return {};
  const bool party = std::binary_search(run->manifest.parties.begin(), run->manifest.parties.end(), me);
  if (!party && run->manifest.proposer != me) {
    return Error{ErrorKind::usage, "this node has no part in the run", "only its parties can stop it"};
  }
  reason.resize(std::min(reason.size(), kLimits.reason_bytes_max));
  if (const auto may = may_say(id, StatementType::stop); !may) return may.error();
  say(id, Stop{std::move(reason)}, now_s, out);
  return {};
}

Result<void> RunBook::finish(const RunId& id, std::uint32_t rounds, const Hash256& model, std::int64_t now_s,
                             RunEffects& out) {
  const Run* run = find(id);
  if (run == nullptr || !run->party_of(self_->public_key())) {
    return Error{ErrorKind::failed, "this node does not train that run", ""};
  }
  if (run->finished.contains(self_->public_key())) return {};
  if (const auto may = may_say(id, StatementType::finish); !may) return may.error();
  say(id, Finish{rounds, model}, now_s, out);
  return {};
}

/// Signs, keeps, believes, tells: in this order, so that nothing is said twice differently after a crash.
void RunBook::say(const RunId& run, const decltype(Statement::what)& what, std::int64_t now_s,
                  RunEffects& out) {
  const Bytes bytes = sign_statement(*self_, run, now_s, what);
  out.emplace_back(PersistStatement{run, bytes});
  out.emplace_back(TellAll{statement_message(bytes)});
  const bool taken = take(bytes, Origin::ours, now_s, out);
  HANSA_ASSERT(taken);
}

// Events.

void RunBook::restore(const std::vector<Bytes>& statements, std::int64_t now_s, RunEffects& out,
                      Recovery recovery) {
  recovery_ = std::move(recovery);
  // Manifests first: the others are about them.
  for (const bool manifests : {true, false}) {
    for (const Bytes& bytes : statements) {
      const bool is_manifest = !bytes.empty() && bytes[0] == std::byte{1};
      if (is_manifest != manifests) continue;
      RunEffects known;
      take(bytes, Origin::disk, now_s, known);
    }
  }
  for (auto& [id, run] : runs_) {
    run.state = RunState::proposed;
    update_state(run, now_s, out);
  }
}

void RunBook::set_members(std::vector<Member> members) {
  members_ = std::move(members);
  std::sort(members_.begin(), members_.end(),
            [](const Member& a, const Member& b) { return a.node < b.node; });
}

void RunBook::on_message(const NodeKey& from, BytesView message, std::int64_t now_s, RunEffects& out) {
  if (message.empty()) return reject(RunReject::malformed);
  const BytesView body = message.subspan(1);
  switch (static_cast<MessageKind>(message[0])) {
    case MessageKind::statement: {
      const std::size_t before = out.size();
      if (!take(body, Origin::peer, now_s, out)) return;
      // Kept before anything is done about it; and passed on, since not everybody reaches everybody.
      const Hash256 run{Reader(body.subspan(1)).array<32>()};
      out.insert(out.begin() + static_cast<std::ptrdiff_t>(before),
                 PersistStatement{run, Bytes(body.begin(), body.end())});
      out.emplace_back(TellAll{Bytes(message.begin(), message.end())});
      return;
    }
    case MessageKind::digest:
      on_digest(from, body, out);
      return tell_digest(from, true, out);
    case MessageKind::digest_reply:
      return on_digest(from, body, out);
    case MessageKind::remind:
      return tell_what_was_seen(from, out);
    case MessageKind::reminder:
      return on_reminded(from, body, now_s, out);
  }
  reject(RunReject::malformed);
}

void RunBook::on_peer_up(const NodeKey& peer, RunEffects& out) {
  tell_digest(peer, false, out);
  if (recovering()) ask_what_was_said(peer, out);
}

void RunBook::tell_digest(const NodeKey& to, bool reply, RunEffects& out) const {
  Writer message(1 + runs_.size() * kDigestEntryBytes);
  message.u8(static_cast<std::uint8_t>(reply ? MessageKind::digest_reply : MessageKind::digest));
  for (const auto& [id, run] : runs_) message.raw(id.bytes).raw(digest_of(run).bytes);
  out.emplace_back(Tell{to, std::move(message).bytes()});
}

/// Tells the peer all about the runs that it knows differently.
void RunBook::on_digest(const NodeKey& from, BytesView digest, RunEffects& out) {
  if (digest.size() % kDigestEntryBytes != 0 || digest.size() > kLimits.runs_max * kDigestEntryBytes) {
    return reject(RunReject::malformed);
  }
  std::map<RunId, Hash256> theirs;
  for (Reader in(digest); !in.rest().empty();) {
    const RunId id{in.array<32>()};
    theirs[id] = Hash256{in.array<32>()};
  }
  for (const auto& [id, run] : runs_) {
    const auto known = theirs.find(id);
    if (known != theirs.end() && known->second == digest_of(run)) continue;
    for (const auto& [key, bytes] : run.statements) out.emplace_back(Tell{from, statement_message(bytes)});
  }
}

void RunBook::on_tick(std::int64_t now_s, RunEffects& out) {
  for (auto& [id, run] : runs_) {
    if (run.state != RunState::proposed && run.state != RunState::running) continue;
    const RunState before = run.state;
    update_state(run, now_s, out);
    if (run.state != before) out.emplace_back(RunChanged{id});
  }
}

// Facts.

/// Checks and notes one statement; false if it told us nothing.
bool RunBook::take(BytesView bytes, Origin origin, std::int64_t now_s, RunEffects& out) {
  const Result<Statement> statement = read_statement(bytes);
  if (!statement) return reject(RunReject::malformed), false;
  const auto type = static_cast<StatementType>(statement->what.index() + 1);
  const auto place = runs_.find(statement->run);
  Run* run = place == runs_.end() ? nullptr : &place->second;
  if (run != nullptr) {
    const auto said = run->statements.find({type, statement->signer});
    if (said != run->statements.end()) {
      if (!std::equal(bytes.begin(), bytes.end(), said->second.begin(), said->second.end())) {
        out.emplace_back(
            Equivocation{statement->run, statement->signer, said->second, Bytes(bytes.begin(), bytes.end())});
      }
      return reject(RunReject::duplicate), false;
    }
  }
  if (const auto why = objection(*statement, run, origin, now_s)) return reject(*why), false;
  if (run == nullptr) {
    run = &runs_[statement->run];
    run->id = statement->run;
    run->manifest = std::get<RunManifest>(statement->what);
  }
  note(*run, *statement, bytes);
  if (origin == Origin::disk) return true;
  update_state(*run, now_s, out);
  out.emplace_back(RunChanged{run->id});
  return true;
}

std::optional<RunReject> RunBook::objection(const Statement& statement, const Run* run, Origin origin,
                                            std::int64_t now_s) const {
  const auto* manifest = std::get_if<RunManifest>(&statement.what);
  if (manifest != nullptr) {
    if (runs_.size() >= kLimits.runs_max) return RunReject::too_many;
    if (origin == Origin::disk) return std::nullopt;
    if (manifest->created_at_s > now_s + kLimits.clock_skew_max_s) return RunReject::clock;
    const auto listed = [this](const NodeKey& node) { return is_member(node); };
    const bool known =
        listed(statement.signer) && std::all_of(manifest->parties.begin(), manifest->parties.end(), listed);
    return known ? std::nullopt : std::optional(RunReject::unlisted);
  }
  if (run == nullptr) return RunReject::not_allowed;  // its manifest will come, and then this once more
  const RunManifest& about = run->manifest;
  const auto is_party = [&](const NodeKey& node) {
    return std::binary_search(about.parties.begin(), about.parties.end(), node);
  };
  bool allowed = is_party(statement.signer);
  if (std::holds_alternative<Stop>(statement.what)) allowed = allowed || statement.signer == about.proposer;
  if (const auto* begin = std::get_if<Begin>(&statement.what)) {
    allowed = statement.signer == about.proposer && begin->approvals.size() >= about.quorum &&
              std::all_of(begin->approvals.begin(), begin->approvals.end(),
                          [&](const Approval& approval) { return is_party(approval.party); });
  }
  return allowed ? std::nullopt : std::optional(RunReject::not_allowed);
}

void RunBook::note(Run& run, const Statement& statement, BytesView bytes) {
  const auto type = static_cast<StatementType>(statement.what.index() + 1);
  run.statements.emplace(std::pair(type, statement.signer), Bytes(bytes.begin(), bytes.end()));
  if (std::holds_alternative<Approve>(statement.what)) {
    run.approvals[statement.signer] = {statement.signer, statement.said_at_s, signature_of(bytes)};
  } else if (const auto* begin = std::get_if<Begin>(&statement.what)) {
    run.begin = *begin;
  } else if (const auto* finish = std::get_if<Finish>(&statement.what)) {
    run.finished[statement.signer] = *finish;
  } else if (const auto* stop = std::get_if<Stop>(&statement.what)) {
    run.stopped[statement.signer] = stop->reason;
  }
}

/// The proposer's only privilege: everybody has approved, or enough have and the time is up.
void RunBook::close_list(Run& run, std::int64_t now_s, RunEffects& out) {
  const RunManifest& manifest = run.manifest;
  if (run.begin || manifest.proposer != self_->public_key() || run.stopped.contains(manifest.proposer))
    return;
  Begin begin;
  for (const auto& [node, approval] : run.approvals) {
    if (!run.stopped.contains(node)) begin.approvals.push_back(approval);
  }
  const bool everybody = begin.approvals.size() == manifest.parties.size();
  const bool time_is_up = now_s >= manifest.approve_by_s && begin.approvals.size() >= manifest.quorum;
  if ((everybody || time_is_up) && may_say(run.id, StatementType::begin)) say(run.id, begin, now_s, out);
}

void RunBook::update_state(Run& run, std::int64_t now_s, RunEffects& out) {
  if (run.state == RunState::proposed) close_list(run, now_s, out);
  if (run.state == RunState::complete) return;  // for good
  const RunState before = run.state;
  const NodeKey& me = self_->public_key();
  if (!run.begin) {
    const bool late = now_s > run.manifest.approve_by_s + kLimits.clock_skew_max_s;
    if (run.stopped.contains(run.manifest.proposer)) {
      run.state = RunState::stopped;
    } else if (late) {
      run.state = RunState::expired;
    }
  } else {
    std::size_t finished = 0, stopped = 0, gone = 0;
    std::set<std::pair<std::uint32_t, Hash256>> models;
    for (const Approval& approval : run.begin->approvals) {
      const auto done = run.finished.find(approval.party);
      if (done != run.finished.end()) {
        ++finished;
        models.emplace(done->second.rounds, done->second.model);
      } else if (run.stopped.contains(approval.party)) {
        ++stopped;
      } else if (!members_.empty() && !is_member(approval.party)) {
        ++gone;  // the others train on without it
      }
    }
    const std::size_t parties = run.begin->approvals.size();
    if (finished > 0 && finished + stopped + gone == parties) {
      run.state = models.size() == 1 && finished >= 2 ? RunState::complete : RunState::diverged;
    } else if (parties - stopped < std::min<std::size_t>(run.manifest.quorum, parties) && finished == 0) {
      run.state = RunState::stopped;
    } else {
      run.state = RunState::running;
    }
  }
  const std::optional<PartyId> mine = run.party_of(me);
  if (!mine || run.finished.contains(me)) return;
  const bool trains = run.state == RunState::running && !run.stopped.contains(me);
  if (trains && before == RunState::proposed && !recovering()) {
    const auto known = not_before_.find(run.id);
    out.emplace_back(BeginTraining{run.id, *mine, known == not_before_.end() ? 0 : known->second});
  }
  if (!trains && before == RunState::running) out.emplace_back(EndTraining{run.id});
}

Hash256 RunBook::digest_of(const Run& run) const {
  crypto::Hasher hasher("hansa1/run-known");
  for (const auto& [key, bytes] : run.statements) {
    hasher.update_u64(static_cast<std::uint64_t>(key.first)).update(key.second);
  }
  return hasher.finish();
}

const Run* RunBook::find(const RunId& run) const noexcept {
  const auto place = runs_.find(run);
  return place == runs_.end() ? nullptr : &place->second;
}

const Run* RunBook::find(std::string_view prefix) const noexcept {
  std::string wanted(prefix);
  std::transform(wanted.begin(), wanted.end(), wanted.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const Run* only = nullptr;
  for (const auto& [id, run] : runs_) {
    if (wanted.empty() || !id.hex().starts_with(wanted)) continue;
    if (only != nullptr) return nullptr;
    only = &run;
  }
  return only;
}

std::optional<AgreedEnd> RunBook::agreed_end(const RunId& id) const {
  const Run* run = find(id);
  if (run == nullptr) return std::nullopt;
  struct End {
    std::vector<NodeKey> holders;
    std::set<std::string> organisations;
  };
  std::map<std::pair<std::uint32_t, Hash256>, End> ends;
  for (const auto& [node, finish] : run->finished) {
    const Member* who = member(node);
    if (node == self_->public_key() || who == nullptr || !run->party_of(node)) continue;
    End& end = ends[{finish.rounds, finish.model}];
    end.holders.push_back(node);
    end.organisations.insert(who->name);
  }
  std::optional<AgreedEnd> best;
  std::size_t most = kAgreeing - 1;
  for (auto& [what, end] : ends) {
    const std::size_t count = end.organisations.size();
    if (count == most) best.reset();  // as many say this as that
    if (count <= most) continue;
    most = count;
    best = AgreedEnd{what.first, what.second, std::move(end.holders)};
  }
  return best;
}

const Member* RunBook::member(const NodeKey& node) const noexcept {
  const auto place = std::lower_bound(members_.begin(), members_.end(), node,
                                      [](const Member& m, const NodeKey& key) { return m.node < key; });
  return place != members_.end() && place->node == node ? &*place : nullptr;
}

}  // namespace hansa::protocols::runs
