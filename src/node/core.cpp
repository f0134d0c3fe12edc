// The loop: inputs in the order of their arrival, a tick every fifth of a second, a fresh view after whatever
// changed something.
#include "src/node/core.hpp"

#include "src/crypto/random.hpp"
#include "src/node/keeper_rows.hpp"
#include "src/node/process_memory.hpp"
#include "src/store/key_files.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace hansa::node {
namespace {

constexpr auto kTick = std::chrono::milliseconds(200);
/// Between two views that nobody has asked for: many small runs have many rounds.
constexpr auto kViewRest = std::chrono::milliseconds(50);
constexpr auto kViewAge = std::chrono::seconds(1);  ///< the oldest that one gets
constexpr std::size_t kEvidenceMax = 200;
constexpr auto kGoodbye = std::chrono::milliseconds(500);  ///< for the last words to leave

/// Boot counters leave room: a folder that was restored from a backup must not count where another has been.
std::uint64_t next_boot_after(std::uint64_t database, std::uint64_t file) {
  return std::max(database, file) + 1;
}

}  // namespace

Core::Core(CoreOptions options, store::FolderLock lock, NodeKeys keys, store::StateDb db)
    : options_(std::move(options)),
      lock_(std::move(lock)),
      keys_(std::move(keys)),
      db_(std::move(db)),
      keeper_({.node = keys_.node->public_key(), .organisation = keys_.organisation}),
      book_(*keys_.node),
      log_level_(log_level_number(options_.log_level)) {}

Result<std::unique_ptr<Core>> Core::open(CoreOptions options) {
  if (const auto ready = crypto::initialise(); !ready) return ready.error();
  begin_with_little_memory();
  auto lock = store::FolderLock::take(options.folder.root);
  if (!lock) return lock.error();
  for (const auto& written :
       {options.folder.checkpoints(), options.folder.models(), options.folder.histories()}) {
    store::remove_leftovers(written);
  }
  if (const auto taken = take_next_curve_key(options.folder); !taken) return taken.error();
  auto keys = load_node_keys(options.folder);
  if (!keys) return keys.error();
  auto db = store::StateDb::open(options.folder.database());
  if (!db) return db.error();
  std::unique_ptr<Core> core(
      new Core(std::move(options), std::move(lock).value(), std::move(keys).value(), std::move(db).value()));
  if (const auto started = core->start(); !started) return started.error();
  return core;
}

Result<void> Core::start() {
  const auto file = last_boot(options_.folder);
  if (!file) return file.error();
  const auto stored = db_.counter("boot");
  if (!stored) return stored.error();
  boot_ = next_boot_after(*stored, *file);
  if (const auto saved = save_boot(options_.folder, boot_); !saved) return saved.error();
  if (const auto counted = db_.next("boot", boot_); !counted) return counted.error();
  // A database that was damaged, or a folder from a backup: what was signed since is not in it.
  const auto recovering = note_recovery(db_.was_damaged() || (*file > 0 && *stored < *file));
  if (!recovering) return recovering.error();

  MessengerOptions mail{.identity = keys_.node, .boot_id = boot_, .transport = {}};
  mail.transport.keys = keys_.curve.key;
  mail.transport.previous_keys = keys_.previous_curve;
  mail.transport.consortium = "hansa";
  mail.transport.control_endpoint = options_.control_endpoint;
  mail.transport.bulk_endpoint = options_.bulk_endpoint;
  start_membership();  // before anything can arrive
  start_exchange();
  auto messenger = Messenger::open(std::move(mail), *this);
  if (!messenger) return messenger.error();
  messenger_ = std::move(messenger).value();
  if (const auto opened = open_audit(); !opened) return opened.error();

  const auto rows = db_.all("roster");
  if (!rows) return rows.error();
  const auto records = records_of(*rows);
  if (!records) return records.error();
  protocols::roster::KeeperEffects kept;
  if (const auto begun = keeper_.start(*records, unix_now(), kept, *recovering); !begun) return begun.error();
  perform(std::move(kept));
  roster_changed();
  announce_again();

  if (const auto restored = restore_runs(*recovering); !restored) return restored.error();
  if (*recovering) {
    evidence("storage", "state.db",
             (db_.was_damaged() ? "was damaged" : "is older than this node") +
                 std::string("; nothing is signed before the others have told what they have of this node"));
  }
  refresh_view();
  thread_ = std::thread([this] { loop(); });
  return {};
}

Core::~Core() {
  shut_down();
  if (thread_.joinable()) thread_.join();
  helpers_.clear();  // waits for them
  for (auto& [run, local] : local_) local.training.reset();
  const bool says_goodbye = !crashed_ && !stopping_ && messenger_ != nullptr;
  if (says_goodbye) membership_->leave();
  if (membership_ != nullptr) membership_->stop();  // it sends
  if (says_goodbye) messenger_->transport().linger(kGoodbye);
  messenger_.reset();  // before what its thread calls
}

Result<void> Core::wait() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return closed_; });
  if (failure_) return *failure_;
  return {};
}

void Core::shut_down() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
  ended_.notify_all();
}

void Core::crash() {
  const std::lock_guard lock(mutex_);
  closed_ = crashed_ = true;
  changed_.notify_all();
  ended_.notify_all();
}

void Core::post(std::function<void()> input) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  queue_.push_back(std::move(input));
  if (queue_.size() == 1) changed_.notify_all();  // with more in it the loop knows already
}

void Core::loop() {
  Clock::time_point next = Clock::now() + kTick;
  for (;;) {
    std::deque<std::function<void()>> inputs;
    {
      std::unique_lock lock(mutex_);
      changed_.wait_until(lock, next, [this] { return closed_ || !queue_.empty(); });
      if (closed_) break;
      inputs.swap(queue_);
    }
    for (auto& input : inputs) input();
    if (Clock::now() >= next) {
      tick();
      next = Clock::now() + kTick;
    }
    // Not for every frame of a training: there are many of them. What has to rest a little waits for the
    // tick.
    if (!events_.empty() && now() - view_made_ >= kViewRest) refresh_view();
    turns_.fetch_add(1, std::memory_order_relaxed);
  }
  if (!crashed_) audit_->stop(moment());  // set before closed_ is seen
  // Whoever waits for an answer gets none; ask() sees that the node is closed.
  const std::lock_guard lock(mutex_);
  queue_.clear();
  changed_.notify_all();
}

template <class Answer>
Answer Core::ask(std::function<Answer()> question) {
  auto answer = std::make_shared<std::optional<Answer>>();
  post([this, answer, question = std::move(question)] {
    Answer result = question();
    refresh_view();  // whoever asks next sees what has changed
    const std::lock_guard lock(mutex_);
    answer->emplace(std::move(result));
    changed_.notify_all();
  });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return closed_ || answer->has_value(); });
  if (!answer->has_value()) return Error{ErrorKind::interrupted, "the node is shutting down", ""};
  return std::move(**answer);
}

void Core::tick() {
  protocols::roster::KeeperEffects kept;
  keeper_.on_tick(unix_now(), kept);
  bool news = !kept.empty();
  perform(std::move(kept));
  end_recovery();
  protocols::runs::RunEffects runs;
  book_.on_tick(unix_now(), runs);
  if (now() >= next_compare_) {
    next_compare_ = now() + std::chrono::seconds(3);
    const std::vector<NodeKey> peers = messenger_->connected();
    if (!peers.empty()) book_.on_peer_up(peers[compare_turn_++ % peers.size()], runs);
  }
  news = news || !runs.empty();
  perform(std::move(runs));
  exchange_->tick();
  if (lobby_closes_ && now() > *lobby_closes_) {
    news = true;
    lobby_closes_.reset();
    lobby_endpoint_.clear();
    messenger_->close_lobby();
  }
  look_after_ends();
  if (spare_is_old_ && now() >= next_spare_) {
    spare_is_old_ = false;
    next_spare_ = now() + std::chrono::seconds(2);
    if (const auto saved = db_.save_spare(); !saved) log("warning", saved.error().message);
  }
  std::erase_if(helpers_, [](const std::future<void>& helper) {
    return helper.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  });
  audit_->tick(moment());
  tend_keys();
  dial_inviter();
  // Ages and round trips change all the time; once a second is enough for them.
  if (news || !events_.empty() || now() - view_made_ >= kViewAge) refresh_view();
}

Time Core::now() const { return std::chrono::duration_cast<Duration>(Clock::now() - began_); }

void Core::log(const std::string& level, const std::string& text) const {
  const std::size_t number = log_level_number(level);
  if (number < kLogLevels.size()) ++counters_.log_lines[number];
  if (options_.log && number <= log_level_) options_.log(level, text);
}

void Core::evidence(const std::string& kind, const std::string& about, const std::string& text) {
  log("warning", kind + " " + about + ": " + text);
  if (evidence_.size() == kEvidenceMax) evidence_.erase(evidence_.begin());
  evidence_.push_back({kind, about, text, unix_now()});
  audit_->evidence(kind, about, text, moment());
  emit("evidence", about);
}

void Core::must(const Result<void>& done, const std::string& what) {
  if (done) return;
  const Error& why = done.error();
  log("error", what + ": " + why.message + "; the node stops, because it would forget what it says");
  stopping_ = true;
  {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = Error{why.kind, what + ": " + why.message, why.hint};
  }
  shut_down();
}

void Core::emit(const std::string& name, const std::string& subject) { events_.push_back({name, subject}); }

/// Whoever hears of a change looks at the view, so the view comes first.
void Core::tell_listeners() {
  if (events_.empty()) return;
  std::vector<std::function<void(const http::NodeEvent&)>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, listener] : listeners_) all.push_back(listener);
  }
  for (const http::NodeEvent& event : std::exchange(events_, {})) {
    for (const auto& listener : all) listener(event);
  }
}

std::shared_ptr<void> Core::subscribe(std::function<void(const http::NodeEvent&)> listener) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t number = ++listener_count_;
  listeners_.emplace(number, std::move(listener));
  return {this, [this, number](void*) {
            const std::lock_guard again(mutex_);
            listeners_.erase(number);
          }};
}

std::shared_ptr<const http::NodeView> Core::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

// Commands: each is a question to the loop.

Result<std::string> Core::propose_run(const ProposeRun& wanted) {
  return ask<Result<std::string>>([this, wanted] { return propose_now(wanted); });
}
Result<void> Core::approve_run(const BindRun& binding) {
  return ask<Result<void>>([this, binding] { return approve_now(binding); });
}
Result<void> Core::stop_run(const std::string& run, const std::string& reason) {
  return ask<Result<void>>([this, run, reason]() -> Result<void> {
    const auto id = find_run(run);
    if (!id) return id.error();
    protocols::runs::RunEffects effects;
    const auto done = book_.stop(*id, reason, unix_now(), effects);
    perform(std::move(effects));
    return done;
  });
}
Result<http::NodeApi::FinalModel> Core::final_model(const std::string& run) {
  return ask<Result<FinalModel>>([this, run] { return final_now(run); });
}
Result<http::NodeApi::KeeperState> Core::keeper_state() {
  return ask<Result<KeeperState>>([this] { return keeper_state_now(); });
}
Result<void> Core::change_keeper(const KeeperChange& change) {
  return ask<Result<void>>([this, change] { return change_keeper_now(change); });
}
Result<std::string> Core::open_lobby(double seconds) {
  return ask<Result<std::string>>([this, seconds]() -> Result<std::string> {
    lobby_closes_ =
        std::max(lobby_closes_.value_or(Time{0}),
                 now() + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds)));
    if (lobby_endpoint_.empty()) {
      auto bound = messenger_->open_lobby(options_.lobby_endpoint);
      if (!bound) return bound.error();
      lobby_endpoint_ = advertised(*bound);
    }
    return lobby_endpoint_;
  });
}
Result<void> Core::drain(bool on) {
  return ask<Result<void>>([this, on]() -> Result<void> {
    draining_ = on;
    log("info", on ? "this node drains: it begins nothing new" : "this node takes part again");
    membership_->drain(on);
    emit("status", "");
    return {};
  });
}
Result<void> Core::set_log_level(const std::string& level) {
  const std::size_t number = log_level_number(level);
  if (number == kLogLevels.size()) {
    return Error{ErrorKind::usage, "there is no log level \"" + level + "\"",
                 "levels: error, warning, info, debug"};
  }
  log_level_ = number;
  return {};
}

}  // namespace hansa::node
