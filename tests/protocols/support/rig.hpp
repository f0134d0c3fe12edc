// One machine on the bench: inputs go in, and what comes out is a list of short lines, so that a test reads
// as a table of inputs and expected effects. Models are shown by their first number.
//   send 1: model r0 x=2            compute 1: 0.5*2 + 0.5*4 train r1
//   persist r0 x=2                  completed 1 x=3 | missing r0 2 deadline | finished x=3
#pragma once

#include "protocols/gossip/registry.hpp"
#include "protocols/party/party.hpp"
#include "topology/topology.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hansa::protocols::testing {

using Lines = std::vector<std::string>;
using namespace std::chrono_literals;

constexpr PartyId P(std::uint32_t i) { return PartyId{i}; }

/// A static or periodic graph from explicit mixing matrices: w[round % period][i][j] is what i gives to what
/// comes from j. Independent of the topology room's builders.
class MatrixTopology final : public topology::Topology {
 public:
  using Matrix = std::vector<std::vector<double>>;
  explicit MatrixTopology(std::vector<Matrix> rounds, topology::Promise promise) : promise_(promise) {
    for (const Matrix& w : rounds) {
      auto& round = rounds_.emplace_back();
      const std::size_t n = w.size();
      round.in.resize(n);
      round.out.resize(n);
      for (std::size_t i = 0; i < n; ++i) {
        round.self.push_back(w[i][i]);
        for (std::size_t j = 0; j < n; ++j) {
          if (i == j) continue;
          if (w[i][j] > 0) round.in[i].push_back({party_at(j), w[i][j]});
          if (w[j][i] > 0) round.out[i].push_back({party_at(j), w[j][i]});
        }
      }
    }
  }
  [[nodiscard]] std::uint32_t parties() const noexcept override {
    return static_cast<std::uint32_t>(rounds_.front().self.size());
  }
  [[nodiscard]] std::uint32_t period() const noexcept override {
    return static_cast<std::uint32_t>(rounds_.size());
  }
  [[nodiscard]] topology::Promise promise() const noexcept override { return promise_; }
  [[nodiscard]] std::span<const topology::Neighbour> in(Round r, PartyId p) const noexcept override {
    return rounds_[r % rounds_.size()].in[index(p)];
  }
  [[nodiscard]] std::span<const topology::Neighbour> out(Round r, PartyId p) const noexcept override {
    return rounds_[r % rounds_.size()].out[index(p)];
  }
  [[nodiscard]] double self_weight(Round r, PartyId p) const noexcept override {
    return rounds_[r % rounds_.size()].self[index(p)];
  }

 private:
  struct OneRound {
    std::vector<std::vector<topology::Neighbour>> in, out;
    std::vector<double> self;
  };
  std::vector<OneRound> rounds_;
  topology::Promise promise_;
};

inline std::shared_ptr<const topology::Topology> graph(
    std::vector<std::vector<double>> w,
    topology::Promise promise = topology::Promise::symmetric_doubly_stochastic) {
  return std::make_shared<MatrixTopology>(std::vector<MatrixTopology::Matrix>{std::move(w)}, promise);
}

/// Every pair connected, equal weights.
inline std::shared_ptr<const topology::Topology> complete_graph(std::size_t n) {
  return graph(std::vector(n, std::vector<double>(n, 1.0 / static_cast<double>(n))));
}

inline ParametersRef constant_model(std::size_t count, float value) {
  Parameters model = Parameters::zeros(count);
  std::fill_n(model.data(), count, value);
  return std::move(model).freeze();
}

inline Computed result_of(float value, std::size_t count = 2) {
  return {.model = constant_model(count, value)};
}

inline Message model_message(Round round, float value, std::size_t count = 2, double weight = 1) {
  return ModelMessage{.round = round, .weight = weight, .model = Slice::whole(constant_model(count, value))};
}

/// Of a secure sum; its one byte means nothing.
inline Message packet_message(Round round) {
  return SecurePacketMessage{round, 0, std::make_shared<const std::vector<std::byte>>(1)};
}

inline Message share(Round round, float value, double mass, std::uint64_t sequence, std::size_t count = 2) {
  return ModelMessage{.round = round,
                      .weight = mass,
                      .sequence = sequence,
                      .model = Slice::whole(constant_model(count, value))};
}

inline std::string text(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.4g", value);
  return buffer;
}
inline std::string text(PartyId party) { return std::to_string(index(party)); }
inline std::string text(const ParametersRef& model) {
  return !model ? "-" : model.size() == 0 ? "empty" : text(static_cast<double>(model.data()[0]));
}
inline std::string text(const Slice& slice) {
  return slice.count == 0 ? "empty" : text(static_cast<double>(slice.data()[0]));
}
inline std::string text(MissReason reason) {
  constexpr const char* names[] = {"deadline", "suspected", "down"};
  return names[static_cast<int>(reason)];
}
inline std::string text(RejectReason reason) {
  constexpr const char* names[] = {"unexpected_sender", "wrong_size",     "bad_weight", "duplicate", "late",
                                   "too_many",          "unexpected_type"};
  return names[static_cast<int>(reason)];
}
inline std::string round_text(Round round) { return " r" + std::to_string(round); }

struct MessageText {
  std::string operator()(const ModelMessage& m) const {
    std::string line = "model" + round_text(m.round) + " x=" + text(m.model);
    if (m.sequence > 0) line += " m=" + text(m.weight) + " #" + std::to_string(m.sequence);
    if (m.sequence == 0 && m.weight != 1) line += " w=" + text(m.weight);
    if (m.age > 0) line += " age=" + std::to_string(m.age);
    return line;
  }
  std::string operator()(const ChunkMessage& m) const { return "chunk" + piece(m); }
  std::string operator()(const MeanChunkMessage& m) const { return "mean" + piece(m); }
  std::string operator()(const ShareAck& m) const { return "ack #" + std::to_string(m.sequence); }
  std::string operator()(const SecurePacketMessage& m) const {
    return "packet" + round_text(m.round) + " attempt " + std::to_string(m.attempt) + ", " +
           std::to_string(m.packet->size()) + " bytes";
  }
  std::string operator()(const RelayedPacketMessage& m) const {
    const std::string what = m.packet->empty() ? "without me"
                                               : std::to_string(std::to_integer<int>(m.packet->front())) +
                                                     " to " + std::to_string(m.to);
    return "relayed" + round_text(m.round) + " of " + text(m.receiver) + ": " + what;
  }
  std::string operator()(const BeaconPacketMessage& m) const {
    return "beacon packet, attempt " + std::to_string(m.attempt) + ", " + std::to_string(m.packet->size()) +
           " bytes";
  }
  template <class M>
  static std::string piece(const M& m) {
    return round_text(m.round) + " [" + std::to_string(m.offset) + "+" + std::to_string(m.piece.count) +
           "] x=" + text(m.piece) + " w=" + text(m.weight);
  }
};

struct EventText {
  std::string operator()(const RoundCompleted& e) const {
    return "completed " + std::to_string(e.completed) + (e.model ? " x=" + text(e.model) : "");
  }
  std::string operator()(const PeerMissing& e) const {
    return "missing" + round_text(e.round) + " " + text(e.peer) + " " + text(e.reason);
  }
  std::string operator()(const RoundsSkipped& e) const {
    return "skipped " + std::to_string(e.from) + "->" + std::to_string(e.to);
  }
  std::string operator()(const Rejected& e) const {
    return "rejected " + text(e.from) + " " + text(e.reason);
  }
  std::string operator()(const Finished& e) const {
    return "finished x=" + text(e.model) + (e.mass != 1 ? " m=" + text(e.mass) : "");
  }
  std::string operator()(const SumEnded& e) const {
    return "sum" + round_text(e.round) + " attempt " + std::to_string(e.attempt) + " of " +
           text(e.first_member) + ": " + std::to_string(e.contributors) + "/" + std::to_string(e.members);
  }
  std::string operator()(const ContributionRefused& e) const { return "refused" + round_text(e.round); }
  std::string operator()(const MemberCaught& e) const {
    return "caught" + round_text(e.round) + " " + text(e.peer) + " " + std::to_string(e.misdeed);
  }
  std::string operator()(const BeaconDrawn& e) const {
    return (e.record->taking_part ? "beacon of " : "no beacon here; ") +
           std::to_string(e.record->members.size()) + " in attempt " + std::to_string(e.record->attempt);
  }
};

/// What a party is asked to compute, for the line of a Compute.
struct TaskText {
  std::string operator()(const MixAndTrain& task) const {
    std::string line;
    for (std::size_t i = 0; i < task.terms.size(); ++i) {
      const MixTerm& term = task.terms[i];
      const bool same_target = i > 0 && term.target == task.terms[i - 1].target;
      line += i == 0 ? " " : same_target ? " + " : " | ";
      line += text(static_cast<double>(term.weight)) + "*" + text(term.source);
    }
    if (task.train) line += " train" + round_text(task.round);
    if (task.step_scale != 1.0f) line += " scale " + text(static_cast<double>(task.step_scale));
    return line;
  }
  std::string operator()(const FixedPointMean& task) const {
    std::string line = " mean of";
    for (const auto& term : task.terms) line += " " + text(term.weight) + "*" + text(term.source);
    return line;
  }
  std::string operator()(const EncodeInput& task) const {
    return " encode " + text(task.weight) + "*" + text(task.model);
  }
  std::string operator()(const ApplyMasks&) const { return " masks"; }
  std::string operator()(const DecodeSums& task) const {
    return " decode " + std::to_string(task.sums.size()) + " sums of " + std::to_string(task.contributors);
  }
};

struct EffectText {
  std::string operator()(const Send& e) const {
    return "send " + text(e.to) + ": " + std::visit(MessageText{}, e.message);
  }
  std::string operator()(const Compute& e) const {
    return "compute " + std::to_string(e.id) + ":" + std::visit(TaskText{}, e.task);
  }
  std::string operator()(const Emit& e) const { return std::visit(EventText{}, e.event); }
  std::string operator()(const Persist& e) const {
    const Record& r = e.record;
    std::string line = "persist" + round_text(r.round) + " x=" + text(r.model);
    if (r.mass != 1) line += " m=" + text(r.mass);
    if (r.age > 0) line += " age=" + std::to_string(r.age);
    if (r.finished) line += " finished";
    for (const PendingShare& p : r.pending) {
      line += " pending " + text(p.to) + "#" + std::to_string(p.sequence) + "=" + text(p.mass);
    }
    return line;
  }
};

inline Lines describe(const Effects& effects) {
  Lines lines;
  for (const Effect& effect : effects.items()) lines.push_back(std::visit(EffectText{}, effect));
  return lines;
}

/// A run of `parties` with models of two floats that start at 0; adjust before use.
inline RunOptions run_options(std::uint32_t parties, Round rounds, std::size_t count = 2) {
  RunOptions run;
  run.parties = parties;
  run.rounds = rounds;
  run.eval_every = 0;
  run.parameter_count = static_cast<std::uint32_t>(count);
  run.initial_model = constant_model(count, 0);
  run.deadline = {.floor = 10s, .ceiling = 100s, .factor = 4};
  run.topology = complete_graph(parties);
  run.epidemic_fanout = parties > 4 ? 3 : parties - 1;
  run.cohort = {.parties = parties, .size = parties, .grid = false, .seed = 1};
  return run;
}

/// One machine and the effects of its last input.
class Rig {
 public:
  using Make = std::unique_ptr<Machine> (*)(PartyOptions);
  Rig(Make make, RunOptions run, std::uint32_t self = 0, std::optional<Record> restored = std::nullopt,
      std::uint64_t rows = 1)
      : machine(make({.self = P(self),
                      .training_rows = rows,
                      .run = std::make_shared<const RunOptions>(std::move(run)),
                      .restored = std::move(restored)})) {}

  Lines start(Time now = 0s) {
    return after([&] { machine->start(now, out); });
  }
  Lines message(std::uint32_t from, Message message, Time now = 0s) {
    return after([&] { machine->on_message(P(from), std::move(message), now, out); });
  }
  Lines computed(ComputeId id, float value, Time now = 0s) { return computed(id, result_of(value), now); }
  Lines computed(ComputeId id, Computed result, Time now = 0s) {
    return after([&] { machine->on_computed(id, std::move(result), now, out); });
  }
  Lines deadline(Time now) {
    return after([&] { machine->on_deadline(now, out); });
  }
  Lines down(std::uint32_t peer, Time now = 0s) {
    return after([&] { machine->on_peer_down(P(peer), now, out); });
  }
  /// The last record that the last input persisted.
  [[nodiscard]] Record persisted() const {
    for (auto at = out.items().rbegin(); at != out.items().rend(); ++at) {
      if (const auto* persist = std::get_if<Persist>(&*at)) return persist->record;
    }
    return {};
  }

  /// What the last input asked to compute.
  [[nodiscard]] std::optional<ComputeId> asked() const {
    for (const Effect& effect : out.items()) {
      if (const auto* compute = std::get_if<Compute>(&effect)) return compute->id;
    }
    return std::nullopt;
  }

  std::unique_ptr<Machine> machine;
  Effects out;

 private:
  template <class Input>
  Lines after(Input input) {
    out.clear();
    input();
    if (const auto* party = dynamic_cast<const Party*>(machine.get())) party->check_invariants();
    return describe(out);
  }
};

}  // namespace hansa::protocols::testing
