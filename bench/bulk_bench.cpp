// What it costs to move a model between two nodes: 64 MiB over the loopback interface, by the sockets, the
// envelopes and the exchange as a node has them (asked for chunk by chunk, spot-checked as a frame of that
// size is), beside bare libzmq with the same encryption that is pushed the same chunks as fast as it takes
// them, in the same repetition.
//   mib_per_s, raw_mib_per_s    wall time from the offer until the model is whole, connections being up
//   over_raw                    their ratio
//   over_raw_packed             the same with packing the model, which a node does once for all neighbours
//   over_raw_checked            the same as a final model goes: every chunk's hash is checked
//   cpu_ms_per_mib, raw_...     CPU time of the process, both ends; pack_...: of packing
#include "bench/targets.hpp"
#include "src/net/zmq_socket.hpp"
#include "src/node/bulk_exchange.hpp"
#include "src/node/messenger.hpp"
#include "src/node/process_memory.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hansa::bench {
namespace {

using namespace std::chrono_literals;
using net::CurveKey;
using node::Bytes;
using protocols::bulk::kChunkBytes;

constexpr std::size_t kModelBytes = std::size_t{64} << 20;
constexpr double kMib = 1 << 20;

struct Cost {
  double seconds = 0, cpu_seconds = 0;
};

double process_cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

template <class F>
Cost cost_of(const F& work) {
  const auto begin = std::chrono::steady_clock::now();
  const double cpu = process_cpu_seconds();
  work();
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(),
          process_cpu_seconds() - cpu};
}

/// What a node has for models: sockets, envelopes and the exchange, with the threads that they have there.
class Node : private node::MailReceiver {
 public:
  Node() {
    node::BulkExchangeConfig config;
    config.send = [this](const Key& to, protocols::envelope::Type type, SharedBytes body,
                         std::optional<Run> run) { messenger_->send(to, type, std::move(body), run); };
    config.deliver = [this](const Run&, const Key&, std::uint8_t, SharedBytes frame) {
      const std::lock_guard lock(mutex_);
      frame_ = std::move(frame);
      changed_.notify_all();
    };
    config.on_misbehaved = [](const Key&, protocols::bulk::Misdeed) {};
    config.on_failed = [](const Key&, const std::string&) {};
    exchange_ = std::make_unique<node::BulkExchange>(std::move(config));
    exchange_->set_runs({kRun});
    node::MessengerOptions options{.identity = identity_, .boot_id = 1, .transport = {}};
    options.transport.keys = curve_;
    options.transport.consortium = "bench";
    options.transport.control_endpoint = options.transport.bulk_endpoint = "tcp://127.0.0.1:0";
    auto opened = node::Messenger::open(std::move(options), *this);
    if (opened) messenger_ = std::move(*opened);
  }

  [[nodiscard]] bool ok() const { return messenger_ != nullptr; }
  [[nodiscard]] node::MeshPeer peer() const {
    const auto& transport = messenger_->transport();
    return {identity_->public_key(), curve_.public_key(), std::nullopt, transport.control_endpoint(),
            transport.bulk_endpoint()};
  }
  void meet(const Node& other) { messenger_->set_peers({other.peer()}); }
  void wait_up() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return up_; });
  }

  /// From a model in memory to the same bytes at `to`.
  void give(const SharedBytes& model, Node& to, std::uint8_t kind = node::kFrameBlob) {
    {
      const std::lock_guard lock(to.mutex_);
      to.frame_ = {};
    }
    to.exchange_->want_final(kRun, {identity_->public_key()});
    exchange_->offer(kRun, to.identity_->public_key(), model, kind);
    std::unique_lock lock(to.mutex_);
    to.changed_.wait(lock, [&to] { return to.frame_.size() != 0; });
  }

 private:
  using Key = crypto::PublicKey;
  using Run = crypto::Hash256;
  static constexpr Run kRun{};

  void on_mail(node::Arrived) override {}
  void on_bulk(const Key& from, protocols::envelope::Type type, const std::optional<Run>& run,
               std::span<const std::byte> body) override {
    exchange_->on_message(from, type, run, body);
  }
  void on_peer(const Key&, bool up) override {
    const std::lock_guard lock(mutex_);
    up_ = up;
    changed_.notify_all();
  }
  void on_incompatible(const Key&, const std::string&) override {}

  const std::shared_ptr<const crypto::Identity> identity_ =
      std::make_shared<const crypto::Identity>(crypto::Identity::generate());
  const CurveKey curve_ = CurveKey::generate();
  std::mutex mutex_;
  std::condition_variable changed_;
  SharedBytes frame_;
  bool up_ = false;
  std::unique_ptr<node::BulkExchange> exchange_;
  std::unique_ptr<node::Messenger> messenger_;  // goes first, and its thread with it
};

/// Bare libzmq, pushed.
class Raw {
 public:
  Raw() : server_(server_context_, ZMQ_ROUTER), client_(client_context_, ZMQ_DEALER) {
    const CurveKey server_keys = CurveKey::generate(), client_keys = CurveKey::generate();
    server_.set(ZMQ_CURVE_SERVER, 1);
    server_.set(ZMQ_CURVE_SECRETKEY, server_keys.secret());
    client_.set(ZMQ_CURVE_SERVERKEY, server_keys.public_key());
    client_.set(ZMQ_CURVE_PUBLICKEY, client_keys.public_key());
    client_.set(ZMQ_CURVE_SECRETKEY, client_keys.secret());
    for (net::Socket* const socket : {&server_, &client_}) {
      socket->set(ZMQ_SNDHWM, 64);
      socket->set(ZMQ_RCVHWM, 64);
    }
    ok_ = server_.bind("tcp://127.0.0.1:*") && client_.connect(server_.last_endpoint());
    if (ok_) move(std::make_shared<const Bytes>(kChunkBytes));  // the handshake
  }
  [[nodiscard]] bool ok() const { return ok_; }

  /// Sends and receives a model chunk by chunk, alternately as either can. Nothing is kept of it.
  void move(const SharedBytes& model) {
    const std::size_t chunks = model.size() / kChunkBytes;
    std::size_t sent = 0, received = 0;
    while (received < chunks) {
      const bool sending = sent < chunks;
      zmq_pollitem_t items[] = {{server_.get(), 0, ZMQ_POLLIN, 0},
                                {client_.get(), 0, static_cast<short>(sending ? ZMQ_POLLOUT : 0), 0}};
      zmq_poll(items, sending ? 2 : 1, -1);
      while (sent < chunks) {
        net::Part part(SharedBytes(model.owner(), model->subspan(sent * kChunkBytes, kChunkBytes)));
        if (!client_.send(part, false)) break;
        ++sent;
      }
      for (net::Part part; server_.receive(part);) {
        if (!part.more()) ++received;  // not the routing id
      }
    }
  }

 private:
  net::Context server_context_, client_context_;
  net::Socket server_, client_;
  bool ok_ = false;
};

SharedBytes some_model(std::size_t seed) {
  auto model = std::make_shared<Bytes>(kModelBytes);
  for (std::size_t i = 0; i < kModelBytes; ++i)
    (*model)[i] = static_cast<std::byte>((i + seed) * 2654435761u >> 24);
  return model;
}

void bulk_64mib(benchmark::State& state) {
  node::begin_with_little_memory();  // as a node does; raw libzmq profits of what the exchange does later
  const SharedBytes models[] = {some_model(0), some_model(1)}, final_model = some_model(2);
  Node giver, taker;
  Raw raw;
  if (!giver.ok() || !taker.ok() || !raw.ok()) return state.SkipWithError("cannot open sockets");
  giver.meet(taker);
  taker.meet(giver);
  giver.wait_up();
  taker.wait_up();
  giver.give(models[1], taker);
  giver.give(final_model, taker, node::kFinalBlob);
  raw.move(models[0]);

  std::vector<double> ratios, packed_ratios, checked_ratios, ours, theirs;
  Cost packing_total, bulk_total, raw_total;
  std::size_t turn = 0;
  for ([[maybe_unused]] auto _ : state) {
    const SharedBytes& model = models[turn++ % 2];  // not the one that was packed last
    const Cost with_packing = cost_of([&] { giver.give(model, taker); });
    const Cost b = cost_of([&] { giver.give(model, taker); });
    const Cost r = cost_of([&] { raw.move(model); });
    giver.give(final_model, taker, node::kFinalBlob);  // packs it
    const Cost checked = cost_of([&] { giver.give(final_model, taker, node::kFinalBlob); });
    state.SetIterationTime(b.seconds);
    ratios.push_back(r.seconds / b.seconds);
    packed_ratios.push_back(r.seconds / with_packing.seconds);
    checked_ratios.push_back(r.seconds / checked.seconds);
    ours.push_back(kModelBytes / kMib / b.seconds);
    theirs.push_back(kModelBytes / kMib / r.seconds);
    packing_total.cpu_seconds += with_packing.cpu_seconds - b.cpu_seconds;
    bulk_total.cpu_seconds += b.cpu_seconds;
    raw_total.cpu_seconds += r.cpu_seconds;
  }
  const double mib = static_cast<double>(ratios.size()) * kModelBytes / kMib;
  state.counters["mib_per_s"] = median(ours);
  state.counters["raw_mib_per_s"] = median(theirs);
  state.counters["over_raw"] = median(ratios);
  state.counters["over_raw_packed"] = median(packed_ratios);
  state.counters["over_raw_checked"] = median(checked_ratios);
  state.counters["cpu_ms_per_mib"] = 1000 * bulk_total.cpu_seconds / mib;
  state.counters["raw_cpu_ms_per_mib"] = 1000 * raw_total.cpu_seconds / mib;
  state.counters["pack_cpu_ms_per_mib"] = 1000 * packing_total.cpu_seconds / mib;
  record({"model exchange over CURVE, 64 MiB: throughput over raw libzmq", true, 0.85, ratios});
}
BENCHMARK(bulk_64mib)->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(10);

}  // namespace
}  // namespace hansa::bench
