// What it costs to move a model between two nodes: 64 MiB over the loopback interface, by the transport, the
// envelope and bulk as a node has them (asked for chunk by chunk, four requests open, each chunk's hash
// checked), beside bare libzmq with the same encryption that is pushed messages of a chunk's size as fast as
// it takes them, in the same repetition.
//   mib_per_s, raw_mib_per_s    wall time, connections being up
//   over_raw                    their ratio
//   cpu_ms_per_mib, raw_...     CPU time of the process, both ends
#include "bench/targets.hpp"
#include "protocols/bulk/bulk.hpp"
#include "src/net/transport.hpp"
#include "src/net/zmq_socket.hpp"
#include "src/wire/envelope.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace hansa::bench {
namespace {

using namespace std::chrono_literals;
using net::Bytes;
using net::Channel;
using net::CurveKey;
using net::CurvePublic;
using protocols::bulk::kChunkBytes;
using protocols::envelope::Type;

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

/// Transport, envelope and bulk, all on the transport's thread.
class Node : public net::Sink {
 public:
  explicit Node(std::uint8_t number) : keys_(CurveKey::generate()), key_{std::byte{number}} {
    net::TransportOptions options;
    options.keys = keys_;
    options.consortium = "bench";
    options.control_endpoint = options.bulk_endpoint = "tcp://127.0.0.1:0";
    auto opened = net::Transport::open(std::move(options), *this);
    if (opened) transport_ = std::move(*opened);
  }

  [[nodiscard]] bool ok() const { return transport_ != nullptr; }
  [[nodiscard]] net::Peer peer() const {
    return {keys_.public_key(), std::nullopt, transport_->control_endpoint(), transport_->bulk_endpoint()};
  }
  void meet(const Node& other) {
    {
      const std::lock_guard lock(mutex_);
      other_ = other.keys_.public_key();
      other_node_ = other.key_;
    }
    transport_->set_peers({other.peer()});
  }
  void wait_up() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return up_; });
  }

  protocols::bulk::BlobId offer(const Bytes& model, const Node& to) {
    const std::lock_guard lock(mutex_);
    const auto id = bulk_.hold(protocols::bulk::manifest_of(model), {nullptr, model}, 1);
    bulk_.offer(id, std::span(&to.key_, 1), effects_);
    effects_.clear();  // the other is told by fetch() here
    return id;
  }
  void fetch(const protocols::bulk::BlobId& id, const Node& from) {
    std::unique_lock lock(mutex_);
    fetched_ = false;
    const bool begun = bulk_.fetch({id, kModelBytes, 1}, std::span(&from.key_, 1), Time{}, effects_).ok();
    perform();
    changed_.wait(lock, [&] { return fetched_ || !begun; });
  }

  void on_frame(const CurvePublic&, Channel channel, std::span<const std::byte> header,
                std::span<const std::byte> body) override {
    const std::lock_guard lock(mutex_);
    wire::Envelope envelope;
    const auto plane = static_cast<protocols::envelope::Plane>(channel);
    if (opener_.open(header, body, plane, other_node_, {.consortium = {}, .runs = {}}, envelope) !=
        wire::EnvelopeError::none) {
      return;
    }
    const auto message = protocols::bulk::decode(Type{envelope.type}, body);
    if (!message) return;
    bulk_.on_message(other_node_, *message, Time{}, effects_);
    perform();
  }
  void on_peer(const CurvePublic&, bool up) override {
    const std::lock_guard lock(mutex_);
    up_ = up;
    changed_.notify_all();
  }
  void on_rejected(net::Rejection) override {}

 private:
  void perform() {
    for (const auto& effect : effects_) {
      if (const auto* const send = std::get_if<protocols::bulk::Send>(&effect)) {
        auto body = std::make_shared<const Bytes>(protocols::bulk::encode(send->message));
        wire::Envelope envelope;
        envelope.type = static_cast<std::uint16_t>(protocols::bulk::type_of(send->message));
        envelope.sender = key_;
        envelope.seq = ++seq_;
        auto header = std::make_shared<const Bytes>(wire::seal(envelope, *body, nullptr));
        transport_->send(other_, Channel::bulk, std::move(header), std::move(body));
      } else if (std::holds_alternative<protocols::bulk::Fetched>(effect)) {
        fetched_ = true;
        changed_.notify_all();
      }
    }
    effects_.clear();
  }

  CurveKey keys_;
  crypto::PublicKey key_;
  std::mutex mutex_;
  std::condition_variable changed_;
  CurvePublic other_{};
  crypto::PublicKey other_node_{};
  protocols::bulk::Bulk bulk_;
  protocols::bulk::Effects effects_;
  wire::EnvelopeOpener opener_;
  std::uint64_t seq_ = 0;
  bool up_ = false, fetched_ = false;
  std::unique_ptr<net::Transport> transport_;  // goes first, and its thread with it
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
    if (ok_) move(1);  // the handshake
  }
  [[nodiscard]] bool ok() const { return ok_; }

  /// Sends and receives so many chunks, alternately as either can.
  void move(std::size_t chunks) {
    std::size_t sent = 0, received = 0;
    while (received < chunks) {
      const bool sending = sent < chunks;
      zmq_pollitem_t items[] = {{server_.get(), 0, ZMQ_POLLIN, 0},
                                {client_.get(), 0, static_cast<short>(sending ? ZMQ_POLLOUT : 0), 0}};
      zmq_poll(items, sending ? 2 : 1, -1);
      while (sent < chunks) {
        net::Part part(chunk_);
        if (!client_.send(part, false)) break;
        ++sent;
      }
      for (net::Part part; server_.receive(part);) {
        if (!part.more()) ++received;  // not the routing id
      }
    }
  }

 private:
  std::shared_ptr<const Bytes> chunk_ = std::make_shared<const Bytes>(kChunkBytes, std::byte{1});
  net::Context server_context_, client_context_;
  net::Socket server_, client_;
  bool ok_ = false;
};

void bulk_64mib(benchmark::State& state) {
  Bytes model(kModelBytes);
  for (std::size_t i = 0; i < model.size(); ++i) model[i] = static_cast<std::byte>(i * 2654435761u >> 24);
  Node giver(1), taker(2);
  Raw raw;
  if (!giver.ok() || !taker.ok() || !raw.ok()) return state.SkipWithError("cannot open sockets");
  giver.meet(taker);
  taker.meet(giver);
  giver.wait_up();
  taker.wait_up();
  const auto id = giver.offer(model, taker);
  taker.fetch(id, giver);  // warm
  raw.move(kModelBytes / kChunkBytes);

  std::vector<double> ratios, ours, theirs;
  Cost bulk_total, raw_total;
  for ([[maybe_unused]] auto _ : state) {
    const Cost b = cost_of([&] { taker.fetch(id, giver); });
    const Cost r = cost_of([&] { raw.move(kModelBytes / kChunkBytes); });
    state.SetIterationTime(b.seconds);
    ratios.push_back(r.seconds / b.seconds);
    ours.push_back(kModelBytes / kMib / b.seconds);
    theirs.push_back(kModelBytes / kMib / r.seconds);
    bulk_total.cpu_seconds += b.cpu_seconds;
    raw_total.cpu_seconds += r.cpu_seconds;
  }
  const double mib = static_cast<double>(ratios.size()) * kModelBytes / kMib;
  state.counters["mib_per_s"] = median(ours);
  state.counters["raw_mib_per_s"] = median(theirs);
  state.counters["over_raw"] = median(ratios);
  state.counters["cpu_ms_per_mib"] = 1000 * bulk_total.cpu_seconds / mib;
  state.counters["raw_cpu_ms_per_mib"] = 1000 * raw_total.cpu_seconds / mib;
  record({"model exchange over CURVE, 64 MiB: throughput over raw libzmq", true, 0.85, ratios});
}
BENCHMARK(bulk_64mib)->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(10);

}  // namespace
}  // namespace hansa::bench
