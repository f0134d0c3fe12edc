// The node's own thread. It owns the machines that decide (the roster keeper, the run book, the bulk
// transfer) and the database, and feeds them one input at a time; what comes from sockets, trainings and
// operators is posted to its queue. Nothing here waits for the network, for training or for a person.
#pragma once

#include "protocols/roster/keeper.hpp"
#include "protocols/runs/run_book.hpp"
#include "src/http/node_api.hpp"
#include "src/node/bulk_exchange.hpp"
#include "src/node/membership_thread.hpp"
#include "src/node/messenger.hpp"
#include "src/node/node_audit.hpp"
#include "src/node/node_counters.hpp"
#include "src/node/run_history.hpp"
#include "src/node/state_folder.hpp"
#include "src/node/training.hpp"
#include "src/node/wall_clock.hpp"
#include "src/store/folder_lock.hpp"
#include "src/store/state_db.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace hansa::node {

struct CoreOptions {
  StateFolder folder;
  std::string control_endpoint = "tcp://127.0.0.1:0";  ///< empty: only dials out
  std::string bulk_endpoint = "tcp://127.0.0.1:0";
  std::string lobby_endpoint = "tcp://127.0.0.1:0";
  std::string advertise_host = "127.0.0.1";  ///< what others dial
  protocols::membership::Options membership;
  std::function<void(const std::string& level, const std::string& text)> log;
  std::string log_level = "info";  ///< at first: one of kLogLevels
  /// For /api/v1/config: key and "value (origin)".
  std::vector<std::pair<std::string, std::string>> settings;
  /// How long a new connection key is announced before it is taken: the news has reached all by then.
  Duration key_notice = std::chrono::seconds(2);
  std::function<std::int64_t()> unix_time;  ///< seconds since 1970; empty: the system's clock
};

/// A run's manifest, read. Error: why this version cannot read it.
struct ManifestRead {
  Result<config::RunConfig> config;
  std::vector<std::string> privacy;  ///< what the run gives away, in words
};

/// Everything about a run that only this node knows.
struct LocalRun {
  std::optional<DataBinding> binding;
  std::unique_ptr<Training> training;
  bool loading = false;
  RunHistory history;
  std::optional<http::RoundViews> shown;  ///< as long as the history and the parties' names are these
  double seconds_before = 0;              ///< of training, before the node was started again
  Round round = 0;
  learn::Layout layout;
  std::string failure;
  // The end of a run that not everybody has trained to the end (core_ends.cpp).
  struct End {
    Round rounds = 0;
    ParametersRef model;
    crypto::Hash256 hash;
    Time until{};  ///< then it counts, if the others have not said anything else
  };
  std::optional<End> unsure;         ///< trained here, perhaps without the others; not signed for yet
  std::optional<Time> others_agree;  ///< since when they have signed one end
  bool wants_final = false;          ///< theirs is to be fetched
  SharedBytes final_model;           ///< the own one, while others may need it
  bool packing = false;              ///< it is being read or packed
  std::deque<Arrived> early;         ///< frames from parties that were faster
  std::size_t early_bytes = 0;
};

class Core final : public http::NodeApi, private MailReceiver, private TrainingObserver {
 public:
  static Result<std::unique_ptr<Core>> open(CoreOptions options);
  ~Core() override;

  // http::NodeApi
  [[nodiscard]] std::shared_ptr<const http::NodeView> view() const override;
  [[nodiscard]] std::shared_ptr<void> subscribe(
      std::function<void(const http::NodeEvent&)> listener) override;
  Result<std::string> propose_run(const ProposeRun& wanted) override;
  Result<void> approve_run(const BindRun& binding) override;
  Result<void> stop_run(const std::string& run, const std::string& reason) override;
  Result<FinalModel> final_model(const std::string& run) override;
  Result<KeeperState> keeper_state() override;
  Result<void> change_keeper(const KeeperChange& change) override;
  Result<std::string> open_lobby(double seconds) override;
  Result<std::vector<AuditEntry>> audit_entries(std::optional<std::uint64_t> from,
                                                std::size_t limit) override;
  Result<void> rotate_key() override;
  Result<void> drain(bool on) override;
  Result<void> set_log_level(const std::string& level) override;
  /// An orderly end: peers are told that this node leaves.
  void shut_down() override;
  /// For tests: ends as a process does that is killed, without another word.
  void crash();

  /// Until shut_down(). An error if the node had to stop by itself, because it cannot keep what it says.
  Result<void> wait();
  /// Grows as long as the node's thread gets on with its work, five times a second or more; for a watchdog.
  [[nodiscard]] std::uint64_t turns() const { return turns_.load(std::memory_order_relaxed); }

 private:
  using RunId = protocols::runs::RunId;
  using Clock = std::chrono::steady_clock;

  explicit Core(CoreOptions options, store::FolderLock lock, NodeKeys keys, store::StateDb db);

  // core.cpp: the thread
  Result<void> start();
  void loop();
  void post(std::function<void()> input);
  /// Runs `question` on the core's thread and waits for its answer.
  template <class Answer>
  Answer ask(std::function<Answer()> question);
  void tick();
  [[nodiscard]] Time now() const;
  void log(const std::string& level, const std::string& text) const;
  [[nodiscard]] std::int64_t unix_now() const;
  void emit(const std::string& name, const std::string& subject);
  void tell_listeners();
  void evidence(const std::string& kind, const std::string& about, const std::string& text);
  /// A failing disk ends the node: what it cannot keep it must not say.
  void must(const Result<void>& done, const std::string& what);

  // core_recovery.cpp
  Result<bool> note_recovery(bool lost);
  [[nodiscard]] bool recovering() const;
  [[nodiscard]] Result<void> may_sign() const;
  void end_recovery();

  // core_audit.cpp
  Result<void> open_audit();
  [[nodiscard]] NodeAudit::Moment moment() const;

  // core_mail.cpp: what arrives
  [[nodiscard]] std::string label_of(const NodeKey& node) const;
  void on_mail(Arrived mail) override;
  void on_bulk(const NodeKey& from, Type type, const std::optional<crypto::Hash256>& run,
               std::span<const std::byte> body) override;
  void on_peer(const NodeKey& peer, bool up) override;
  void on_incompatible(const NodeKey& peer, const std::string& what) override;
  void handle(Arrived mail);
  void start_membership();
  void start_exchange();
  void misbehaved(const NodeKey& peer, protocols::bulk::Misdeed misdeed);

  // core_roster.cpp
  void perform(protocols::roster::KeeperEffects effects);
  void roster_changed();
  void tell_roster(const NodeKey& to, const BytesRef& body);
  void noticed_roster(const protocols::roster::KeeperEvent& event);
  void dial_inviter();

  Result<KeeperState> keeper_state_now();
  Result<void> change_keeper_now(const KeeperChange& change);
  [[nodiscard]] std::string advertised(const std::string& bound) const;

  // core_runs.cpp
  Result<void> restore_runs(bool recovering);
  [[nodiscard]] std::vector<NodeKey> choose_parties(const std::vector<std::string>& wanted) const;
  Result<std::string> propose_now(const ProposeRun& wanted);
  Result<void> approve_now(const BindRun& binding);
  Result<FinalModel> final_now(const std::string& run);
  [[nodiscard]] bool trains(const protocols::runs::Run& run) const;
  void end_training(LocalRun& local);
  void perform(protocols::runs::RunEffects effects);
  void begin_training(const RunId& run, PartyId party, Round not_before);
  void training_ready(const RunId& run, Result<std::unique_ptr<Training>> made);
  void deliver(Arrived mail);
  void runs_changed();
  void keep(const RunId& run, const Bytes& statement);
  void frame_to(const RunId& run, const NodeKey& to, actors::FrameRef frame) override;
  void training_done(const RunId& run, Round rounds, ParametersRef model, Ending ending) override;
  void training_failed(const RunId& run, const std::string& what) override;
  void disk_failed(const RunId& run, const Error& error) override;
  void noticed(const RunId& run, const std::string& what) override;
  void trained(Duration took) override { NodeCounters::add(counters_.training_ns, took); }
  void checkpoint_written(Duration took) override {
    ++counters_.checkpoints;
    NodeCounters::add(counters_.checkpoint_ns, took);
  }
  [[nodiscard]] Result<RunId> find_run(const std::string& prefix) const;

  // core_history.cpp
  void restore_histories();
  void round_done(const RunId& run, const RoundReport& report) override;
  void forget_round(const RunId& run, LocalRun& local, Round round);
  void kept_history(const Result<void>& kept);

  // core_ends.cpp: runs that end without some of their parties
  void ended(const RunId& run, Round rounds, const ParametersRef& model, Ending ending);
  void look_after_ends();
  void settle(const protocols::runs::Run& run, LocalRun& local);
  void finish_with(const RunId& run, LocalRun& local, Round rounds, std::span<const float> model,
                   const crypto::Hash256& hash);
  void want_final(const RunId& run, LocalRun& local, std::set<NodeKey> holders);
  void offer_final(const protocols::runs::Run& run, LocalRun& local);
  void adopt(const RunId& run, const NodeKey& from, const SharedBytes& model);

  // core_view.cpp
  void refresh_view();
  [[nodiscard]] http::RosterView roster_view() const;
  [[nodiscard]] http::RunView run_view(const protocols::runs::Run& run);
  [[nodiscard]] http::RoundViews round_views(const protocols::runs::Run& run,
                                             const RunHistory& history) const;
  [[nodiscard]] std::string name_of(const NodeKey& node) const;

  // core_keys.cpp
  Result<void> rotate_key_now();
  Result<void> announce_key(const crypto::CurveKey& key, std::uint32_t epoch);
  void announce_again();
  void tell_rotation(const NodeKey& peer);
  void take_next_key();
  void tend_keys();

  // core_metrics.cpp
  void measure(http::NodeView& view);

  const CoreOptions options_;
  const store::FolderLock lock_;
  NodeKeys keys_;  ///< of them only the connection key changes
  store::StateDb db_;
  std::uint64_t boot_ = 0;
  std::string recovery_;  ///< why the node is recovering (backup.hpp); empty: it is not
  const Clock::time_point began_ = Clock::now();

  protocols::roster::RosterKeeper keeper_;
  protocols::runs::RunBook book_;
  std::map<RunId, LocalRun> local_;
  std::map<RunId, ManifestRead> manifests_;  ///< of all runs of the book
  std::vector<protocols::roster::AllowedNode> allowed_;
  std::map<NodeKey, bool> up_;
  std::map<NodeKey, Time> up_since_;
  std::map<std::pair<NodeKey, protocols::bulk::Misdeed>, Time> misdeeds_;  ///< when each was last said
  std::vector<http::EvidenceView> evidence_;
  std::optional<Time> lobby_closes_;
  std::string lobby_endpoint_;
  bool draining_ = false;
  std::atomic<bool> stopping_ = false;                      ///< because the disk failed
  std::optional<protocols::roster::Bootstrap> lobby_host_;  ///< dialled while we are strangers to it
  Time next_compare_{0}, view_made_{0}, next_ends_{0}, next_spare_{0};
  bool history_failed_ = false;  ///< has been said
  bool spare_is_old_ = true;     ///< something has changed that only this node knows
  std::size_t compare_turn_ = 0;
  std::optional<Time> switch_at_;  ///< to a key that has been announced
  Time next_key_look_{0};
  std::vector<std::future<void>> helpers_;  ///< threads that load data, or wait for a training to end

  mutable NodeCounters counters_;
  std::atomic<std::size_t> log_level_;
  Time measured_at_{-1};
  std::unique_ptr<MembershipThread> membership_;
  std::unique_ptr<BulkExchange> exchange_;
  std::unique_ptr<Messenger> messenger_;
  std::unique_ptr<NodeAudit> audit_;  ///< there once the node has started

  mutable std::mutex mutex_;  ///< guards the queue, the view and the listeners
  std::condition_variable changed_;
  std::condition_variable ended_;  ///< apart, or wait() would wake up at every input
  std::deque<std::function<void()>> queue_;
  std::shared_ptr<const http::NodeView> view_;
  std::map<std::uint64_t, std::function<void(const http::NodeEvent&)>> listeners_;
  std::vector<http::NodeEvent> events_;  ///< since the view was made
  std::uint64_t listener_count_ = 0;
  bool closed_ = false, crashed_ = false;
  std::optional<Error> failure_;
  std::atomic<std::uint64_t> turns_ = 0;
  std::thread thread_;
};

}  // namespace hansa::node
