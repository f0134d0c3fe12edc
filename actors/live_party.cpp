// A Host that hands frames to the node, and an actor system that lives as long as the party.
#include "actors/live_party.hpp"

#include "actors/host.hpp"
#include "actors/messages.hpp"
#include "actors/party.hpp"
#include "actors/trainer.hpp"
#include "src/wire/codec.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>

#include <exception>
#include <optional>
#include <utility>

namespace hansa::actors {
namespace {

/// Reports go straight to the node: it is told on the actor's thread.
class NodeSink final : public ReportSink {
 public:
  explicit NodeSink(LiveNode& node) : node_(node) {}
  void report(Report report) override {
    if (const auto* happened = std::get_if<Happened>(&report)) node_.happened(happened->event, happened->at);
    if (const auto* failed = std::get_if<Failed>(&report)) node_.failed(failed->what);
  }

 private:
  LiveNode& node_;
};

class NodeHost final : public Host {
 public:
  NodeHost(LiveNode& node, const exec::LocalTraining& what, ReportSink& sink,
           caf::actor_clock::time_point now)
      : Host(what, sink, now), node_(node) {}

  std::size_t send(PartyId, PartyId to, protocols::Message message) override {
    if (!encoded_ || !same_bytes(*encoded_, message)) {
      frame_ = std::make_shared<const std::vector<std::byte>>(wire::encode(message));
      encoded_ = std::move(message);
    }
    const std::size_t bytes = frame_.size();
    node_.send(to, frame_);
    return bytes;
  }
  Result<void> persist(PartyId, const protocols::Record& record) override { return node_.persist(record); }
  bool input_handled() override {
    encoded_.reset();  // a model that nobody else holds may be changed in place
    frame_ = {};
    return false;
  }
  void trained(Duration took) override { node_.trained(took); }

 private:
  /// Whether `b` is sure to be encoded as `a` was: a model that goes to several neighbours.
  static bool same_bytes(const protocols::Message& a, const protocols::Message& b) noexcept {
    const auto* const x = std::get_if<protocols::ModelMessage>(&a);
    const auto* const y = std::get_if<protocols::ModelMessage>(&b);
    return x != nullptr && y != nullptr && x->round == y->round && x->weight == y->weight &&
           x->age == y->age && x->sequence == y->sequence && x->model.block == y->model.block &&
           x->model.first == y->model.first && x->model.count == y->model.count;
  }

  LiveNode& node_;
  std::optional<protocols::Message> encoded_;  ///< last, while the same input is handled
  FrameRef frame_;
};

caf::actor_system_config& tuned(caf::actor_system_config& config) {
  // One thread for the party beside the trainer's own: a node does little between its trainings.
  config.set("scheduler.max-threads", std::size_t{1});
  return config;
}

class CafParty final : public LiveParty {
 public:
  CafParty(Options options, LiveNode& node)
      : training_(std::move(options.training)), sink_(node), system_(tuned(config_)) {
    host_ = std::make_shared<NodeHost>(node, training_, sink_, system_.clock().now());
    auto trainer = system_.spawn<TrainerActor, caf::detached>(host_);
    party_ = system_.spawn<PartyActor, caf::lazy_init>(host_, options.self, std::move(trainer),
                                                       std::move(options.machine));
  }
  ~CafParty() override {
    host_->leaving.store(true, std::memory_order_relaxed);
    caf::anon_send(party_, Leave{});
    party_ = nullptr;  // the system's destructor waits for both actors
  }

  void begin() override { caf::anon_send(party_, Begin{}); }
  void deliver(PartyId from, FrameRef frame) override {
    caf::anon_send(party_, Frame{from, std::move(frame)});
  }
  void peer_down(PartyId peer) override { caf::anon_send(party_, PeerDown{peer}); }

 private:
  const exec::LocalTraining training_;
  NodeSink sink_;
  caf::actor_system_config config_;
  caf::actor_system system_;
  std::shared_ptr<NodeHost> host_;
  caf::actor party_;
};

}  // namespace

Result<std::unique_ptr<LiveParty>> LiveParty::make(Options options, LiveNode& node) {
  try {
    return std::unique_ptr<LiveParty>(std::make_unique<CafParty>(std::move(options), node));
  } catch (const std::exception& failure) {
    return Error{ErrorKind::failed, std::string("the actor system cannot be started: ") + failure.what(), ""};
  }
}

}  // namespace hansa::actors
