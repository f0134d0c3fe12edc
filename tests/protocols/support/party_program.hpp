// Bytes as a program of inputs to one machine: messages with any field, computations right and wrong, alarms,
// peers going down, crashes. Whatever the program, the machine must not crash, and what it asks for must be
// sound. Shared by fuzz/party_fuzz.cpp and by the unit tests, which run it on a fixed set of programs.
#pragma once

#include "tests/protocols/support/rig.hpp"

#include <hansa/assert.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

namespace hansa::protocols::testing {

class PartyProgram {
 public:
  explicit PartyProgram(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  void run() {
    const auto& entry = strategy_registry()[byte() % strategy_registry().size()];
    run_ = std::make_shared<const RunOptions>(options(entry));
    make_ = entry.make;
    boot();
    while (!bytes_.empty()) step();
  }

 private:
  static constexpr std::uint32_t kParties = 5;

  std::uint8_t byte() {
    if (bytes_.empty()) return 0;
    const std::uint8_t value = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return value;
  }
  std::uint64_t word() {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | byte();
    return value;
  }

  RunOptions options(const StrategyEntry& entry) {
    const std::uint8_t choice = byte();
    RunOptions run = run_options(kParties, 1 + byte() % 8, 1 + byte() % 20);
    run.finish_rounds = choice & 3;
    run.eval_every = (choice >> 2) & 3;
    run.weights = (choice & 16) != 0 ? MixWeights::sample_count : MixWeights::topology;
    run.epidemic_fanout = 2;
    run.cohort = {.parties = kParties, .size = (choice & 32) != 0 ? 2U : 5U, .grid = false, .seed = 1};
    if (entry.column_stochastic) {
      run.topology = graph(
          {{.5, 0, 0, 0, .5}, {.5, .5, 0, 0, 0}, {0, .5, .5, 0, 0}, {0, 0, .5, .5, 0}, {0, 0, 0, .5, .5}},
          topology::Promise::column_stochastic);
    }
    run.gossip_learning.merge = static_cast<MergeRule>((choice >> 6) % 3);
    return run;
  }

  void boot() {
    tasks_.clear();
    machine_ = make_({.self = P(0), .training_rows = 3, .run = run_, .restored = disk_});
    machine_->start(now_, out_);
    judge();
  }

  void step() {
    switch (byte() % 8) {
      case 0:
      case 1:
      case 2:
        machine_->on_message(P(byte() % (kParties + 1)), message(), now_, out_);
        break;
      case 3:
        finish_task();
        return;
      case 4:
        stale_result();
        break;
      case 5:
        now_ += Duration(static_cast<Duration::rep>(word() >> 24));
        machine_->on_deadline(now_, out_);
        break;
      case 6:
        machine_->on_peer_down(P(byte() % (kParties + 1)), now_, out_);
        break;
      default:
        return byte() % 4 == 0 ? boot() : ring();
    }
    judge();
  }

  /// An answer to any task, perhaps to the one that is asked.
  void stale_result() {
    const ComputeId id = byte();
    const bool asked = !tasks_.empty() && tasks_.back().id == id;
    const std::uint32_t size = asked ? std::get<MixAndTrain>(tasks_.back().task).size : run_->parameter_count;
    if (asked) tasks_.clear();
    machine_->on_computed(id, result_of(1, size), now_, out_);
  }

  void ring() {
    if (const auto due = machine_->next_deadline()) now_ = std::max(now_, *due);
    machine_->on_deadline(now_, out_);
    judge();
  }

  void finish_task() {
    if (tasks_.empty()) return;
    const Compute task = std::move(tasks_.back());
    tasks_.clear();
    const auto size = std::get<MixAndTrain>(task.task).size;
    machine_->on_computed(task.id, result_of(static_cast<float>(byte()), size), now_, out_);
    judge();
  }

  double number() {
    constexpr double special[] = {1, 0, -1, 0.5, 3, 1e-300, 1e300, 1e15};
    const std::uint8_t choice = byte();
    return choice < 128 ? special[choice % 8] : std::bit_cast<double>(word());
  }
  Round round() {
    const std::uint8_t choice = byte();
    return choice < 200 ? machine_->round() + choice % 4 - 1 : static_cast<Round>(word());
  }
  Slice slice(std::uint32_t usual) {
    const std::uint8_t choice = byte();
    if (choice < 180) return Slice::whole(constant_model(usual, static_cast<float>(number())));
    if (choice < 190) return {};
    return {constant_model(byte() % 32, 1), static_cast<std::uint32_t>(word()),
            static_cast<std::uint32_t>(byte())};
  }
  /// No party of these runs sums securely or draws a beacon: all must refuse it.
  Message packet() {
    const std::size_t size = 1 + byte() % 200U;
    const auto content = static_cast<std::byte>(byte());
    if (content == std::byte{6}) {
      return RelayedPacketMessage{round(), party_at(byte()), word(),
                                  std::make_shared<const std::vector<std::byte>>(size % 3, content)};
    }
    auto bytes = std::make_shared<const std::vector<std::byte>>(size, content);
    if (size % 4 == 0) return BeaconPacketMessage{byte(), std::move(bytes)};
    return SecurePacketMessage{round(), byte(), std::move(bytes)};
  }
  Message message() {
    const std::uint32_t size = run_->parameter_count;
    const std::uint8_t choice = byte();
    if (choice >= 250) return packet();
    switch (choice % 4) {
      case 0:
        return ModelMessage{.round = round(),
                            .weight = number(),
                            .age = byte() < 200 ? byte() : word(),
                            .sequence = byte() < 200 ? byte() % 10U : word(),
                            .model = slice(size)};
      case 1:
        return ChunkMessage{round(), byte(), number(), slice((size + 4) / 5)};
      case 2:
        return MeanChunkMessage{round(), byte(), number(), slice((size + 4) / 5)};
      default:
        return ShareAck{byte() < 200 ? byte() % 10U : word()};
    }
  }

  /// Everything that comes out must be sound, whatever went in.
  void judge() {
    for (Effect& effect : out_.items()) {
      if (const auto* send = std::get_if<Send>(&effect)) {
        HANSA_ASSERT(index(send->to) <= kParties);
      } else if (auto* compute = std::get_if<Compute>(&effect)) {
        judge(std::get<MixAndTrain>(compute->task));
        tasks_.push_back(std::move(*compute));
      } else if (auto* persist = std::get_if<Persist>(&effect)) {
        HANSA_ASSERT(persist->record.model.size() == run_->parameter_count);
        HANSA_ASSERT(std::isfinite(persist->record.mass) && persist->record.mass > 0);
        disk_ = std::move(persist->record);
      }
    }
    HANSA_ASSERT(tasks_.size() <= 1);
    out_.clear();
    HANSA_ASSERT(machine_->round() <= run_->rounds);
    if (const auto* party = dynamic_cast<const Party*>(machine_.get())) party->check_invariants();
  }

  static void judge(const MixAndTrain& task) {
    HANSA_ASSERT(std::isfinite(task.step_scale) && task.step_scale > 0);
    std::uint32_t covered = 0;
    double sum = 0;
    for (std::size_t i = 0; i < task.terms.size(); ++i) {
      const MixTerm& term = task.terms[i];
      const bool first = i == 0 || term.target != task.terms[i - 1].target;
      HANSA_ASSERT(term.weight >= 0 && term.weight <= 1);
      HANSA_ASSERT(term.source.first + term.source.count <= term.source.block.size());
      HANSA_ASSERT(!first || i == 0 || std::abs(sum - 1) < 1e-5);
      HANSA_ASSERT(first ? term.target == covered : term.source.count == task.terms[i - 1].source.count);
      sum = (first ? 0 : sum) + static_cast<double>(term.weight);
      covered += first ? term.source.count : 0;
    }
    HANSA_ASSERT(covered == task.size);
    HANSA_ASSERT(task.terms.empty() || std::abs(sum - 1) < 1e-5);
  }

  std::span<const std::uint8_t> bytes_;
  std::shared_ptr<const RunOptions> run_;
  std::unique_ptr<Machine> (*make_)(PartyOptions) = nullptr;
  std::unique_ptr<Machine> machine_;
  std::optional<Record> disk_;
  std::vector<Compute> tasks_;
  Effects out_;
  Time now_{};
};

}  // namespace hansa::protocols::testing
