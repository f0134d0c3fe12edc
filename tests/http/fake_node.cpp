// Towns of the old League, with data such as a real node shows in the middle of a run.
#include "tests/http/fake_node.hpp"

#include "src/crypto/hash.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace hansa::http::test {
namespace {

std::string hash_of(std::string_view text) { return crypto::Hasher("test/http").update(text).finish().hex(); }

std::string id_of(std::string_view text) {
  std::string id = "HN";
  const std::string hex = hash_of(text);
  for (int group = 0; group < 6; ++group) {
    id += '-';
    for (int i = 0; i < 5; ++i) id += "ABCDEFGHJKLMNPQR"[std::size_t(hex[std::size_t(group * 5 + i)]) % 16];
  }
  return id;
}

struct Town {
  const char *name, *words, *state, *node_state;
  double rtt_ms;
};
constexpr std::array kTowns = {
    Town{"Lübeck", "anchor maple river copper lantern gull", "active", "alive", 0},
    Town{"Bergen", "cedar harbor violet plank herring moss", "active", "alive", 4.2},
    Town{"Danzig", "amber wagon quiet meadow falcon brick", "active", "suspect", 21.5},
    Town{"Visby", "stone garden north barrel thistle rope", "active", "alive", 9.8},
    Town{"Riga", "birch window salt engine plum feather", "suspended", "unreachable", 0},
};

RunView training_run(std::int64_t now_s) {
  RunView run;
  run.id = hash_of("run 1").substr(0, 32);
  run.name = "bank-branches";
  run.state = "running";
  run.proposer = "Bergen";
  run.strategy = "d-psgd";
  run.aggregation = "secure";
  run.model = "logistic";
  run.metric_name = "auc";
  run.round = 24;
  run.rounds = 40;
  run.approvals = {"Lübeck", "Bergen", "Danzig", "Visby"};
  run.waiting_for = {"Danzig"};
  for (int i = 0; i < 4; ++i)
    run.parties.push_back({kTowns[std::size_t(i)].name, id_of(kTowns[std::size_t(i)].name), "training", ""});
  run.approved_here = true;
  run.created_at_s = now_s - 900;
  run.approve_by_s = now_s - 300;
  std::vector<RoundView> history;
  for (std::uint32_t round = 1; round <= run.round; ++round) {
    const double wave = double((round * 37) % 11) / 200;
    RoundView entry;
    entry.round = round;
    entry.seconds = round * 3.1 + wave * 10;
    entry.loss = 0.25 + 0.45 / (1 + 0.3 * round) + wave / 4;
    if (round % 2 == 0) entry.metric = 0.93 - 0.35 / (1 + 0.4 * round) - wave / 5;
    entry.participants = round % 9 == 0 ? 3 : 4;
    if (round % 9 == 0) entry.missing = {"Danzig"};
    history.push_back(entry);
  }
  run.history = RoundViews(std::move(history));
  run.privacy = {"Peers see only sums over all parties of a cohort, masked until they are complete.",
                 "Tolerates 1 colluding and 1 dropped party of 4. The final model is known to all."};
  run.manifest = "name = \"bank-branches\"\nseed = 7\n[model]\nkind = \"logistic\"\n";
  return run;
}

RunView finished_run(std::int64_t now_s) {
  RunView run;
  run.id = hash_of("run 0").substr(0, 32);
  run.name = "pilot";
  run.state = "complete";
  run.proposer = "Lübeck";
  run.strategy = "cohort";
  run.aggregation = "plain";
  run.model = "mlp";
  run.metric_name = "accuracy";
  run.round = run.rounds = 10;
  run.approvals = {"Lübeck", "Bergen", "Visby"};
  run.model_hash = hash_of("pilot model");
  for (const int i : {0, 1, 3})
    run.parties.push_back(
        {kTowns[std::size_t(i)].name, id_of(kTowns[std::size_t(i)].name), "finished", run.model_hash});
  run.approved_here = true;
  run.created_at_s = now_s - 86'400;
  run.approve_by_s = now_s - 86'000;
  std::vector<RoundView> history = {{0, 0.1, std::nullopt, 0.1, 3, {}}};  // the model before training
  for (std::uint32_t round = 1; round <= 10; ++round)
    history.push_back({round, round * 1.5, 1.2 / round, 0.8 - 0.4 / round, 3, {}});
  run.history = RoundViews(std::move(history));
  return run;
}

RunView proposed_run(std::int64_t now_s) {
  RunView run;
  run.id = hash_of("run 2").substr(0, 32);
  run.name = "fraud-weekly";
  run.state = "proposed";
  run.proposer = "Visby";
  run.strategy = "push-sum";
  run.aggregation = "plain";
  run.model = "deepfm";
  run.metric_name = "auc";
  run.rounds = 100;
  run.approvals = {"Visby"};
  run.waiting_for = {"Lübeck", "Bergen", "Danzig"};
  for (int i = 0; i < 4; ++i)
    run.parties.push_back(
        {kTowns[std::size_t(i)].name, id_of(kTowns[std::size_t(i)].name), i == 3 ? "approved" : "asked", ""});
  run.created_at_s = now_s - 120;
  run.approve_by_s = now_s + 3'480;
  run.manifest = "name = \"fraud-weekly\"\n";
  return run;
}

RosterView sample_roster(std::int64_t now_s) {
  RosterView roster;
  roster.version = 7;
  roster.hash = hash_of("roster 7");
  roster.consortium = hash_of("consortium");
  roster.name = "Baltic Credit Union";
  roster.threshold = 3;
  roster.policy = "3 of 5 organisations";
  roster.expires_at_s = now_s + 12 * 86'400;
  for (const Town& town : kTowns)
    roster.organisations.push_back({id_of(std::string(town.name) + " org"),
                                    town.name,
                                    town.words,
                                    town.state,
                                    {{id_of(town.name), "tcp://10.0.0.1:7710"}}});
  roster.proposals = {{hash_of("p1").substr(0, 16), {"admit Stralsund"}, "Bergen", {"Bergen"}, {}, 3},
                      {hash_of("p2").substr(0, 16),
                       {"remove Riga", "renew the roster until 2027-05-01"},
                       "Visby",
                       {"Visby", "Danzig"},
                       {"Bergen"},
                       3}};
  roster.suspensions = {"Riga, by Bergen and Visby"};
  for (std::uint32_t version = 1; version <= 7; ++version)
    roster.log.push_back({version, hash_of(std::to_string(version)), {"Lübeck", "Bergen", "Visby"}});
  return roster;
}

}  // namespace

NodeView sample_view(std::int64_t now_s) {
  NodeView view;
  view.organisation = kTowns[0].name;
  view.organisation_id = id_of("Lübeck org");
  view.words = kTowns[0].words;
  view.node_id = id_of(kTowns[0].name);
  view.short_id = view.node_id.substr(3, 5);
  view.ready = true;
  view.warnings = {"the roster expires in 12 days"};
  view.control_endpoint = "tcp://127.0.0.1:7710";
  view.bulk_endpoint = "tcp://127.0.0.1:7711";
  view.uptime_seconds = 93'784;
  view.boot_id = 12;
  view.roster = sample_roster(now_s);
  view.keys = {.curve_epoch = 3,
               .curve_key = hash_of("curve"),
               .curve_issued_at_s = now_s - 5 * 86'400,
               .curve_rotation_due_at_s = now_s + 10 * 86'400,
               .curve_expires_at_s = now_s + 25 * 86'400,
               .certificate_serial = 2,
               .certificate_issued_at_s = now_s - 90 * 86'400,
               .certificate_expires_at_s = now_s + 276 * 86'400};
  for (std::size_t i = 1; i < kTowns.size(); ++i) {
    const Town& town = kTowns[i];
    PeerView peer;
    peer.node_id = id_of(town.name);
    peer.short_id = peer.node_id.substr(3, 5);
    peer.organisation = town.name;
    peer.state = town.node_state;
    if (town.rtt_ms > 0) peer.rtt_ms = town.rtt_ms;
    peer.endpoint = i == 3 ? "" : "tcp://127.0.0.1:" + std::to_string(7710 + 10 * i);
    peer.connected = peer.state != "unreachable";
    peer.bytes_sent = 1'000'000 * i * i;
    peer.bytes_received = 900'000 * i * i;
    peer.has_our_key = peer.connected;
    peer.last_seen_seconds = peer.connected ? 0.4 * double(i) : 5'400.0;
    view.peers.push_back(peer);
  }
  view.requests = {
      {"q1", "Stralsund", "herring cloud marble spoon acorn tide", id_of("Stralsund org"), 340, {}}};
  view.runs = {proposed_run(now_s), training_run(now_s), finished_run(now_s)};
  view.evidence = {{"run", "Riga", "signed two results for round 3 of pilot", now_s - 7'200}};
  view.audit_head = hash_of("audit");
  view.audit_entries = 4'182;
  view.settings = {
      {"http.port", "7720 (default)"}, {"log.level", "info (file)"}, {"dir", "/var/lib/hansa (flag)"}};
  view.counters = {{"hansa_messages_sent_total{type=\"ping\"}", 5120},
                   {"hansa_messages_received_total{type=\"ping\"}", 5098},
                   {"hansa_rejected_messages_total{reason=\"replay\"}", 2}};
  view.gauges = {{"hansa_local_health_score", 0}};
  return view;
}

std::shared_ptr<const NodeView> FakeNode::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

std::shared_ptr<void> FakeNode::subscribe(std::function<void(const NodeEvent&)> listener) {
  const std::lock_guard lock(mutex_);
  const int id = next_listener_++;
  listeners_->emplace_back(id, std::move(listener));
  return {&mutex_, [this, id](void*) {
            const std::lock_guard inner(mutex_);
            std::erase_if(*listeners_, [id](const auto& entry) { return entry.first == id; });
          }};
}

void FakeNode::change(const std::function<void(NodeView&)>& edit, const NodeEvent& event) {
  const std::lock_guard lock(mutex_);
  auto next = std::make_shared<NodeView>(*view_);
  edit(*next);
  view_ = std::move(next);
  for (const auto& [id, listener] : *listeners_) listener(event);
}

std::vector<std::string> FakeNode::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

std::size_t FakeNode::listeners() const {
  const std::lock_guard lock(mutex_);
  return listeners_->size();
}

Result<void> FakeNode::note(const std::string& call) {
  const std::lock_guard lock(mutex_);
  calls_.push_back(call);
  return {};
}

Result<std::string> FakeNode::propose_run(const ProposeRun& wanted) {
  if (wanted.manifest_toml.find("seed") == std::string::npos)
    return Error{ErrorKind::usage, "the configuration has no seed", "add seed = 1"};
  (void)note("propose " + std::to_string(wanted.parties.size()) + " " + std::to_string(wanted.quorum));
  return std::string("0123456789abcdef");
}
Result<void> FakeNode::approve_run(const BindRun& binding) {
  return note("approve " + binding.run + " " + binding.data + " " + binding.test);
}
Result<void> FakeNode::stop_run(const std::string& run, const std::string& reason) {
  return note("stop " + run + " " + reason);
}
Result<NodeApi::FinalModel> FakeNode::final_model(const std::string& run) {
  if (run != hash_of("run 0").substr(0, 32)) return Error{ErrorKind::failed, "the run is not complete", ""};
  return FinalModel{{1.5f, -2.0f, 0.25f, 3.0f, 0.0f, -0.125f, 9.0f},
                    {{"weights", 0, {2, 3}}, {"bias", 6, {1}}},
                    hash_of("pilot model")};
}
Result<NodeApi::KeeperState> FakeNode::keeper_state() {
  return KeeperState{hash_of("keeper"), {{"01ab", "00ff"}, {"02", ""}}};
}
Result<void> FakeNode::change_keeper(const KeeperChange& change) {
  if (change.base != hash_of("keeper"))
    return Error{ErrorKind::conflict, "the roster changed meanwhile", "repeat the command"};
  return note("keeper " + std::to_string(change.records.size()) + " " +
              std::to_string(change.messages.size()));
}
Result<std::string> FakeNode::open_lobby(double seconds) {
  (void)note("lobby " + std::to_string(int(seconds)));
  return std::string("tcp://127.0.0.1:7799");
}
Result<std::vector<NodeApi::AuditEntry>> FakeNode::audit_entries(std::optional<std::uint64_t> from,
                                                                 std::size_t limit) {
  const std::uint64_t total = view()->audit_entries;
  std::vector<AuditEntry> entries;
  for (std::uint64_t i = from.value_or(total - limit); i < total && entries.size() < limit; ++i)
    entries.push_back({i, 1'800'000'000'000 + std::int64_t(i), "run.begun", "{\"parties\":\"5\"}"});
  return entries;
}
Result<void> FakeNode::rotate_key() { return note("rotate"); }
Result<void> FakeNode::drain(bool on) { return note(on ? "drain" : "resume"); }
Result<void> FakeNode::set_log_level(const std::string& level) { return note("log " + level); }
void FakeNode::shut_down() { (void)note("shutdown"); }

}  // namespace hansa::http::test
