// Runs at the node. The run book decides; here data is bound, trainings are started and fed, and models are
// kept.
#include "src/node/core.hpp"

#include "protocols/roster/identity.hpp"
#include "protocols/roster/rules.hpp"
#include "src/node/model_files.hpp"
#include "src/node/run_privacy.hpp"
#include "src/store/key_files.hpp"
#include "src/wire/codec.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace hansa::node {
namespace {

namespace runs = protocols::runs;

constexpr std::size_t kEarlyBytesMax = std::size_t{64}
                                       << 20;  ///< of frames that came before the data was read

/// How a binding lies in the database: its four paths with a zero byte between them.
Bytes binding_bytes(const DataBinding& binding) {
  Bytes bytes;
  for (const std::string* path :
       {&binding.path, &binding.labels_path, &binding.test_path, &binding.test_labels_path}) {
    if (path != &binding.path) bytes.push_back(std::byte{0});
    for (const char c : *path) bytes.push_back(static_cast<std::byte>(c));
  }
  return bytes;
}

DataBinding binding_of(std::span<const std::byte> bytes) {
  std::vector<std::string> paths(1);
  for (const std::byte b : bytes) {
    if (b == std::byte{0}) {
      paths.emplace_back();
    } else {
      paths.back().push_back(static_cast<char>(b));
    }
  }
  paths.resize(4);
  return {paths[0], paths[1], paths[2], paths[3]};
}

runs::NodeKey signer_of(const Bytes& statement) {
  runs::NodeKey key{};
  std::copy_n(statement.begin() + 33, key.size(), key.begin());  // behind its type and run
  return key;
}

}  // namespace

void Core::perform(runs::RunEffects effects) {
  for (runs::RunEffect& effect : effects) {
    if (stopping_) return;
    if (auto* persist = std::get_if<runs::PersistStatement>(&effect)) {
      keep(persist->run, persist->statement);
    } else if (auto* tell = std::get_if<runs::Tell>(&effect)) {
      messenger_->send(tell->to, Type::run_sync, std::make_shared<const Bytes>(std::move(tell->message)));
    } else if (auto* all = std::get_if<runs::TellAll>(&effect)) {
      const auto body = std::make_shared<const Bytes>(std::move(all->message));
      for (const NodeKey& peer : messenger_->connected()) messenger_->send(peer, Type::run_sync, body);
    } else if (auto* changed = std::get_if<runs::RunChanged>(&effect)) {
      runs_changed();
      emit("run", changed->run.hex());
    } else if (auto* begin = std::get_if<runs::BeginTraining>(&effect)) {
      runs_changed();
      begin_training(begin->run, begin->party, begin->not_before);
    } else if (auto* end = std::get_if<runs::EndTraining>(&effect)) {
      end_training(local_[end->run]);
      log("info", "run " + end->run.hex().substr(0, 4) + " is over here");
    } else if (auto* twice = std::get_if<runs::Equivocation>(&effect)) {
      evidence("run", twice->run.hex().substr(0, 12),
               name_of(twice->signer) + " signed two different statements about one run");
    }
  }
}

/// What is on the disk: data that was bound, statements, and what was promised even if its statement is lost.
Result<void> Core::restore_runs(bool recovering) {
  const auto bindings = db_.all("binding");
  if (!bindings) return bindings.error();
  for (const store::StateDb::Row& row : *bindings) {
    if (row.key.size() != 32) continue;
    RunId run;
    std::copy(row.key.begin(), row.key.end(), run.bytes.begin());
    local_[run].binding = binding_of(row.value);
  }
  const auto statements = db_.all("run");
  if (!statements) return statements.error();
  std::vector<Bytes> known;
  for (const store::StateDb::Row& row : *statements) known.push_back(row.value);
  const auto promises = db_.all("promises");
  if (!promises) return promises.error();
  runs::Recovery recovery;
  for (const store::StateDb::Row& row : *promises) {
    if (row.key.size() != 33) continue;
    RunId run;
    std::copy(row.key.begin() + 1, row.key.end(), run.bytes.begin());
    recovery.promised.emplace_back(run, static_cast<runs::StatementType>(row.key[0]));
  }
  const auto& chain = keeper_.chain();
  const std::size_t organisations = chain.empty() ? 0 : chain.head().roster.organisations.size();
  if (recovering && organisations > 1) {
    recovery.organisations = protocols::roster::votes_needed(chain.head().roster.policy, organisations);
  }
  runs::RunEffects effects;
  book_.restore(known, unix_now(), effects, std::move(recovery));
  perform(std::move(effects));
  runs_changed();
  restore_histories();
  return {};
}

/// Kept before it is told; what this node signs itself is promised once and never differently.
void Core::keep(const RunId& run, const Bytes& statement) {
  const crypto::Hash256 digest = crypto::hash("hansa/statement", statement);
  if (signer_of(statement) == keys_.node->public_key()) {
    Bytes scope{statement[0]};
    scope.insert(scope.end(), run.bytes.begin(), run.bytes.end());
    const auto promised = db_.promise(scope, digest, "run", statement);
    if (!promised) return must(promised.error(), "a signature cannot be kept");
    if (*promised == store::Promise::different) {
      return must(Error{ErrorKind::failed, "something else was signed before", ""}, "a second signature");
    }
  } else {
    must(db_.put("run", digest.bytes, statement), "a run cannot be kept");
  }
  spare_is_old_ = true;
  audit_->run_statement(statement, moment());
}

/// Which runs messages are taken for: those that may begin any moment, and those under way. A training that
/// has finished here goes on serving the others until none of them needs it.
void Core::runs_changed() {
  std::vector<wire::OpenRun> open;
  std::set<RunId> exchanged;  // also after we have finished: others may still need our last model
  for (const auto& [id, run] : book_.runs()) {
    const auto local = local_.find(id);
    if (local != local_.end()) local->second.shown.reset();  // who its parties are may just have come
    if (local != local_.end() && run.begin && run.state != runs::RunState::running) {
      end_training(local->second);
    }
    if (!manifests_.contains(id)) {
      auto config = config_of(run.manifest, static_cast<std::uint32_t>(run.manifest.parties.size()));
      auto privacy = config ? privacy_lines(*config) : std::vector<std::string>();
      manifests_.emplace(id, ManifestRead{std::move(config), std::move(privacy)});
    }
    const bool lives = run.state == runs::RunState::proposed || run.state == runs::RunState::running;
    if (local != local_.end() && lives) exchanged.insert(id);
    const bool may = run.state == runs::RunState::proposed || run.state == runs::RunState::running ||
                     run.state == runs::RunState::complete;
    if (may) open.push_back({id, 0, ~Round{0}, run.manifest.roster_version});
  }
  messenger_->set_runs(std::move(open));
  exchange_->set_runs(std::move(exchanged));
}

/// One node of each organisation that is wanted: the one that is named, else this one, else one that is
/// connected.
std::vector<NodeKey> Core::choose_parties(const std::vector<std::string>& wanted) const {
  std::map<NodeKey, std::pair<int, NodeKey>> chosen;  // by organisation; the smallest rank wins
  for (const protocols::roster::AllowedNode& node : allowed_) {
    if (!node.trains) continue;
    const std::string id = protocols::roster::to_text(protocols::roster::id_of(node.node));
    const auto names = [&](const std::string& name) { return name.size() >= 7 && id.starts_with(name); };
    const bool named = std::any_of(wanted.begin(), wanted.end(), names);
    const bool asked = wanted.empty() || named ||
                       std::find(wanted.begin(), wanted.end(), node.organisation_name) != wanted.end();
    if (!asked) continue;
    const auto up = up_.find(node.node);
    const int rank = named                                   ? 0
                     : node.node == keys_.node->public_key() ? 1
                     : up != up_.end() && up->second         ? 2
                                                             : 3;
    const auto [place, fresh] = chosen.try_emplace(node.organisation, rank, node.node);
    if (!fresh && rank < place->second.first) place->second = {rank, node.node};
  }
  std::vector<NodeKey> parties;
  for (const auto& [organisation, choice] : chosen) parties.push_back(choice.second);
  return parties;
}

Result<std::string> Core::propose_now(const ProposeRun& wanted) {
  if (const auto sign = may_sign(); !sign) return sign.error();
  if (const auto may = keeper_.may_start_rounds(unix_now()); !may) {
    return Error{ErrorKind::failed, "no run can be proposed: " + may.text, ""};
  }
  if (draining_) return Error{ErrorKind::failed, "this node is draining", "`hansa node resume` first"};
  runs::RunManifest manifest;
  manifest.parties = choose_parties(wanted.parties);
  const auto parties = static_cast<std::uint32_t>(manifest.parties.size());
  auto proposal = make_proposal(wanted.manifest_toml, wanted.schema_toml, parties);
  if (!proposal) return proposal.error();
  manifest.consortium = keeper_.chain().consortium();
  manifest.roster_version = keeper_.hint().version;
  manifest.roster_hash = keeper_.hint().hash;
  manifest.approve_by_s = unix_now() + static_cast<std::int64_t>(wanted.approve_within_seconds);
  manifest.quorum = wanted.quorum == 0 ? parties : wanted.quorum;
  manifest.name = proposal->name.substr(0, runs::kLimits.name_bytes_max);
  manifest.config = std::move(proposal->config);
  manifest.schema = std::move(proposal->schema);
  runs::RunEffects effects;
  const auto id = book_.propose(std::move(manifest), unix_now(), effects);
  perform(std::move(effects));
  if (!id) return id.error();
  for (const std::string& table : proposal->ignored) {
    log("info", "run " + id->hex().substr(0, 4) + ": [" + table + "] only matters in a simulation");
  }
  return id->hex();
}

Result<void> Core::approve_now(const BindRun& wanted) {
  if (const auto sign = may_sign(); !sign) return sign.error();
  const auto id = find_run(wanted.run);
  if (!id) return id.error();
  if (const auto may = keeper_.may_start_rounds(unix_now()); !may) {
    return Error{ErrorKind::failed, "the run cannot be approved: " + may.text, ""};
  }
  const runs::Run& run = *book_.find(*id);
  const auto asks = [&](const NodeKey& node) {
    return std::binary_search(run.manifest.parties.begin(), run.manifest.parties.end(), node);
  };
  for (const protocols::roster::AllowedNode& node : allowed_) {
    if (node.organisation != keys_.organisation || !asks(node.node) || asks(keys_.node->public_key()))
      continue;
    const std::string other = protocols::roster::short_text(protocols::roster::id_of(node.node));
    return Error{ErrorKind::usage, "the run asks node " + other + " of this organisation, not this one",
                 "approve it there, or propose it with --party and this node's ID"};
  }
  const DataBinding binding{wanted.data, wanted.labels, wanted.test, wanted.test_labels};
  const auto& config = manifests_.at(*id).config;
  if (!config) return config.error();
  if (const auto fits = bind_data(*config, run.manifest, binding, party_at(0)); !fits) return fits.error();
  if (const auto kept = db_.put("binding", id->bytes, binding_bytes(binding)); !kept) return kept.error();
  spare_is_old_ = true;
  local_[*id].binding = binding;
  runs::RunEffects effects;
  const auto approved = book_.approve(*id, unix_now(), effects);
  perform(std::move(effects));
  return approved;
}

void Core::begin_training(const RunId& id, PartyId party, Round not_before) {
  LocalRun& local = local_[id];
  const runs::Run& run = *book_.find(id);
  if (local.training != nullptr || local.loading) return;
  emit("run", id.hex());
  if (const auto may = keeper_.may_start_rounds(unix_now()); !may && !keeper_.recovering()) {
    local.failure = may.text;
    return log("error", "run " + id.hex().substr(0, 4) + " does not begin here: " + may.text);
  }
  if (!local.binding) {
    local.failure = "no data is bound to the run; approve it again with --data";
    return log("error", "run " + id.hex().substr(0, 4) + ": " + local.failure);
  }
  local.loading = true;
  log("info", "run " + id.hex().substr(0, 4) + " begins with " + std::to_string(run.begin->approvals.size()) +
                  " parties");
  helpers_.push_back(
      std::async(std::launch::async, [this, id, run, party, not_before, binding = *local.binding] {
        auto made = std::make_shared<Result<std::unique_ptr<Training>>>(Training::make(
            run, party, binding, keys_.node, options_.folder.checkpoints(), *this, not_before));
        post([this, id, made] { training_ready(id, std::move(*made)); });
      }));
}

/// Whether this node trains a run or may soon do so, as the run stands now.
bool Core::trains(const runs::Run& run) const {
  const bool lives = run.state == runs::RunState::proposed || run.state == runs::RunState::running;
  const NodeKey& me = keys_.node->public_key();
  return lives && !run.stopped.contains(me) && !run.finished.contains(me);
}

/// A training can end only when its threads have come back, which may be inside a call to this node: a thread
/// waits for them, not the loop. What it still says is looked at by nobody.
void Core::end_training(LocalRun& local) {
  local.early.clear();
  local.early_bytes = 0;
  if (local.training == nullptr) return;
  helpers_.push_back(
      std::async(std::launch::async, [ending = std::move(local.training)]() mutable { ending.reset(); }));
}

void Core::training_ready(const RunId& id, Result<std::unique_ptr<Training>> made) {
  LocalRun& local = local_[id];
  local.loading = false;
  emit("run", id.hex());
  if (!trains(*book_.find(id))) return;  // it was stopped while its data was read
  if (!made) {
    local.failure = made.error().message;
    log("error", "run " + id.hex().substr(0, 4) + " cannot be trained here: " + local.failure);
    runs::RunEffects effects;
    const auto stopped = book_.stop(id, local.failure, unix_now(), effects);
    perform(std::move(effects));
    if (!stopped) log("error", stopped.error().message);
    return;
  }
  if (*made == nullptr) {
    local.failure =
        "its checkpoints are lost or damaged, so it trains no more; waits for the others' final model";
    return evidence("storage", id.hex().substr(0, 12), local.failure);
  }
  local.training = std::move(made).value();
  local.history.metric_name = local.training->metric_name();
  local.seconds_before = seconds_until(local.history, local.training->resumed_at());
  local.layout = local.training->layout();
  local.round = local.training->resumed_at();
  for (const std::string& file : local.training->quarantined()) {
    evidence("storage", file, "this checkpoint was damaged; an earlier one is used");
  }
  local.training->begin();
  for (Arrived& mail : std::exchange(local.early, {})) local.training->deliver(mail.from, mail.body);
  local.early_bytes = 0;
}

void Core::deliver(Arrived mail) {
  if (!mail.run) return;
  const auto place = local_.find(*mail.run);
  if (place == local_.end()) return;
  LocalRun& local = place->second;
  if (const auto round = wire::round_of(*mail.body)) book_.saw(*mail.run, mail.from, *round);
  if (local.training != nullptr) return local.training->deliver(mail.from, std::move(mail.body));
  const bool waits = local.binding && local.failure.empty() && trains(*book_.find(*mail.run));
  if (!waits || local.early_bytes + mail.body->size() > kEarlyBytesMax) return;
  local.early_bytes += mail.body->size();
  local.early.push_back(std::move(mail));
}

void Core::training_done(const RunId& id, Round rounds, ParametersRef model, Ending ending) {
  post([this, id, rounds, ending, model = std::move(model)] { ended(id, rounds, model, ending); });
}

void Core::training_failed(const RunId& id, const std::string& what) {
  post([this, id, what] {
    local_[id].failure = what;
    evidence("run", id.hex().substr(0, 12), "training failed here: " + what);
  });
}

void Core::disk_failed(const RunId&, const Error& error) {
  post([this, error] { must(error, "a checkpoint cannot be kept"); });
}

void Core::noticed(const RunId& id, const std::string& what) {
  post([this, id, what] { evidence("secure_sum", id.hex().substr(0, 12), what); });
}

Result<http::NodeApi::FinalModel> Core::final_now(const std::string& prefix) {
  const auto id = find_run(prefix);
  if (!id) return id.error();
  const runs::Run& run = *book_.find(*id);
  const auto finished = run.finished.find(keys_.node->public_key());
  if (finished == run.finished.end()) {
    return Error{ErrorKind::failed, "run " + id->hex().substr(0, 4) + " has not finished here",
                 "`hansa run watch " + id->hex().substr(0, 4) + "` shows where it is"};
  }
  return load_model(options_.folder, *id, finished->second.model);
}

Result<Core::RunId> Core::find_run(const std::string& prefix) const {
  const runs::Run* run = book_.find(prefix);
  if (run != nullptr) return run->id;
  return Error{ErrorKind::missing, "there is no run \"" + prefix + "\", or more than one that begins so",
               "`hansa run ls` lists them"};
}

}  // namespace hansa::node
