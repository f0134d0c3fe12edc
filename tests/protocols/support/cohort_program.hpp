// Bytes as a program for a whole secure cohort: real parties whose real packets are delivered in any order,
// lost, repeated, changed, sent to the wrong member or into the wrong round, while tasks finish late, alarms
// ring early and members crash. One member is dishonest besides: packets changed in its name are signed
// again. Shared by fuzz/secure_cohort_fuzz.cpp and by the unit tests, which run a fixed set of programs.
#pragma once

#include "protocols/gossip/secure_cohort.hpp"
#include "protocols/secure_sum/vectors.hpp"
#include "src/exec/secure_tasks.hpp"
#include "tests/protocols/support/rig.hpp"

#include <hansa/assert.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <vector>

namespace hansa::protocols::testing {

class CohortProgram {
 public:
  explicit CohortProgram(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  void run() {
    run_ = std::make_shared<const RunOptions>(options());
    for (std::uint32_t i = 0; i < kParties; ++i) boot(i);
    for (std::size_t steps = 0; !bytes_.empty() && steps < kStepsMax; ++steps) step();
    settle();
  }

  /// Sums that ended well, over all parties.
  [[nodiscard]] std::size_t sums() const noexcept { return sums_; }
  /// How often honest members caught the dishonest one.
  [[nodiscard]] std::size_t caught() const noexcept { return caught_; }

 private:
  static constexpr std::uint32_t kParties = 4, kParameters = 6;
  static constexpr std::uint32_t kDishonest = kParties - 1;
  static constexpr std::size_t kStepsMax = 400, kWaitingMax = 2000;

  using Bytes = secure_sum::Bytes;
  using PacketType = secure_sum::PacketType;
  using Session = std::array<std::byte, 32>;

  struct Node {
    std::unique_ptr<Machine> machine;
    std::optional<Record> disk;
    std::deque<Compute> tasks;
    std::uint32_t boots = 0;
  };
  struct Waiting {
    std::uint32_t from = 0, to = 0;
    SecurePacketMessage message;
  };

  std::uint8_t byte() {
    if (bytes_.empty()) return 0;
    const std::uint8_t value = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return value;
  }
  std::size_t number(std::size_t below) { return (std::size_t{byte()} << 8 | byte()) % below; }

  RunOptions options() {
    RunOptions run = run_options(kParties, 1 + byte() % 2, kParameters);
    run.aggregation = Aggregation::secure;
    run.cohort = {.parties = kParties, .size = kParties, .grid = false, .seed = 1};
    for (std::uint32_t i = 0; i < kParties; ++i) {
      crypto::Bytes32 seed{};
      seed.fill(static_cast<std::byte>(i + 1));
      identities_.push_back(std::make_shared<const crypto::Identity>(crypto::Identity::from_seed(seed)));
      run.secure.roster.push_back(identities_.back()->public_key());
    }
    return run;
  }

  void boot(std::uint32_t self) {
    Node& node = nodes_[self];
    node.tasks.clear();
    auto entropy = std::make_shared<secure_sum::LabelledEntropy>(
        "cohort program " + std::to_string(node.boots++), static_cast<std::uint16_t>(self));
    node.machine = std::make_unique<SecureCohort>(PartyOptions{.self = P(self),
                                                               .training_rows = 1 + self,
                                                               .run = run_,
                                                               .restored = node.disk,
                                                               .identity = identities_[self],
                                                               .entropy = entropy});
    Effects out;
    node.machine->start(now_, out);
    perform(self, out);
  }

  void step() {
    switch (byte() % 16) {
      case 0:
      case 1:
        return deliver(pick(true));
      case 2:
        return deliver(pick(false));
      case 3:
      case 4:
        for (std::size_t some = byte() % 64; some > 0 && !network_.empty(); --some) deliver(take(0));
        return;
      case 5:
      case 6:
        return finish_task(byte() % kParties);
      case 7:
        static_cast<void>(pick(true));  // lost
        return;
      case 8:
        return deliver(flipped(pick(byte() % 2 == 0)));
      case 9:
        return deliver(resized(pick(true)));
      case 10:
      case 11:
        return deliver(signed_again(pick(true)));
      case 12:
        return deliver(misdirected(pick(byte() % 2 == 0)));
      case 13:
        return ring(byte() % kParties);
      case 14:
        return stale_result(byte() % kParties);
      default:
        return byte() % 4 == 0 ? boot(byte() % kParties) : run_quietly();
    }
  }

  Waiting take(std::size_t at) {
    Waiting taken = std::move(network_[at]);
    network_.erase(network_.begin() + static_cast<std::ptrdiff_t>(at));
    return taken;
  }
  /// A packet that is under way; it stays there if it is not removed. An empty one if there is none.
  Waiting pick(bool remove) {
    if (network_.empty()) return {};
    const std::size_t at = number(network_.size());
    return remove ? take(at) : network_[at];
  }

  static Waiting with_packet(Waiting of, Bytes packet) {
    of.message.packet = std::make_shared<const Bytes>(std::move(packet));
    return of;
  }
  Waiting flipped(Waiting of) {
    if (of.message.packet == nullptr) return of;
    Bytes packet = *of.message.packet;
    packet[number(packet.size())] ^= static_cast<std::byte>(1U << (byte() % 8));
    return with_packet(std::move(of), std::move(packet));
  }
  Waiting resized(Waiting of) {
    if (of.message.packet == nullptr) return of;
    Bytes packet = *of.message.packet;
    packet.resize(number(packet.size() + 64));
    return with_packet(std::move(of), std::move(packet));
  }
  /// In the dishonest member's name, whosever packet it was: up to three bytes of its body changed, perhaps
  /// under the session of another packet, and properly signed.
  Waiting signed_again(Waiting of) {
    if (of.message.packet == nullptr || of.message.packet->size() < secure_sum::kEnvelopeBytes) return of;
    Bytes body(of.message.packet->begin() + secure_sum::kEnvelopeBytes, of.message.packet->end());
    const auto type = static_cast<PacketType>((*of.message.packet)[0]);
    secure_sum::Hash256 session{session_of(*of.message.packet)};
    if (byte() % 4 == 0 && !network_.empty()) {
      const Bytes& other = *network_[number(network_.size())].message.packet;
      if (other.size() >= secure_sum::kEnvelopeBytes) session.bytes = session_of(other);
    }
    for (std::size_t changes = byte() % 4; changes > 0 && !body.empty(); --changes) {
      body[number(body.size())] ^= static_cast<std::byte>(byte());
    }
    const auto signature = identities_[kDishonest]->sign(signed_bytes(type, kDishonest, session, body));
    of.from = kDishonest;
    return with_packet(std::move(of), encode_packet(type, kDishonest, session, signature, body));
  }
  Waiting misdirected(Waiting of) {
    switch (byte() % 4) {
      case 0:
        of.to = byte() % kParties;
        break;
      case 1:
        of.from = byte() % (kParties + 1);
        break;
      case 2:
        of.message.round += byte() % 5;
        break;
      default:
        of.message.attempt ^= byte() % 5;
    }
    return of;
  }

  void deliver(Waiting waiting) {
    if (waiting.message.packet == nullptr) return;
    Effects out;
    nodes_[waiting.to].machine->on_message(P(waiting.from), std::move(waiting.message), now_, out);
    perform(waiting.to, out);
  }

  void finish_task(std::uint32_t self) {
    Node& node = nodes_[self];
    if (node.tasks.empty()) return;
    Compute compute = std::move(node.tasks.front());
    node.tasks.pop_front();
    Computed computed;
    std::visit(
        [&](auto& task) {
          if constexpr (std::is_same_v<std::decay_t<decltype(task)>, MixAndTrain>) {
            computed = result_of(0.25f * static_cast<float>(self), kParameters);
          } else {
            computed = exec::perform_sum(std::move(task));
          }
        },
        compute.task);
    Effects out;
    node.machine->on_computed(compute.id, std::move(computed), now_, out);
    perform(self, out);
  }
  /// The answer to a question that nobody asked.
  void stale_result(std::uint32_t self) {
    Effects out;
    nodes_[self].machine->on_computed(ComputeId{1'000'000} + byte(), {}, now_, out);
    perform(self, out);
  }

  void ring(std::uint32_t self) {
    Machine& machine = *nodes_[self].machine;
    if (const auto due = machine.next_deadline(); due && byte() % 4 != 0) now_ = std::max(now_, *due);
    Effects out;
    machine.on_deadline(now_, out);
    perform(self, out);
  }

  /// Everything that is under way arrives, and every task ends.
  void run_quietly() {
    for (std::size_t steps = 0; steps < 10'000; ++steps) {
      bool idle = network_.empty();
      if (!idle) deliver(take(0));
      for (std::uint32_t i = 0; i < kParties; ++i) {
        idle = idle && nodes_[i].tasks.empty();
        finish_task(i);
      }
      if (idle) return;
    }
    HANSA_ASSERT(false);  // parties that never stop talking
  }

  /// Whatever happened, waiting must end: with the network quiet, alarms alone bring every party to its end.
  void settle() {
    bytes_ = {};
    for (std::size_t alarms = 0; alarms < 500; ++alarms) {
      run_quietly();
      std::optional<Time> next;
      for (const Node& node : nodes_) {
        const auto due = node.machine->finished() ? std::nullopt : node.machine->next_deadline();
        if (due && (!next || *due < *next)) next = due;
      }
      if (!next) break;
      now_ = std::max(now_, *next);
      for (std::uint32_t i = 0; i < kParties; ++i) {
        Effects out;
        nodes_[i].machine->on_deadline(now_, out);
        perform(i, out);
      }
    }
    for (const Node& node : nodes_) HANSA_ASSERT(node.machine->finished());
  }

  static Session session_of(const Bytes& packet) {
    Session session;
    std::copy_n(packet.begin() + 3, session.size(), session.begin());
    return session;
  }

  void perform(std::uint32_t self, Effects& out) {
    for (Effect& effect : out.items()) {
      if (auto* send = std::get_if<Send>(&effect)) {
        auto& message = std::get<SecurePacketMessage>(send->message);
        const auto to = static_cast<std::uint32_t>(index(send->to));
        judge(self, to, message);
        if (network_.size() < kWaitingMax) network_.push_back({self, to, std::move(message)});
      } else if (auto* compute = std::get_if<Compute>(&effect)) {
        nodes_[self].tasks.push_back(std::move(*compute));
      } else if (auto* persist = std::get_if<Persist>(&effect)) {
        HANSA_ASSERT(persist->record.model.size() == kParameters);
        nodes_[self].disk = std::move(persist->record);
      } else {
        judge(self, std::get<Emit>(effect).event);
      }
    }
  }

  /// What an honest member sends. It never contradicts itself: one packet of a kind in a session (of those
  /// that name their receiver, one for each), so one VOTE, and one REVEAL with one kind of share per member.
  /// All honest REVEALs of a session are for the same decision, so that both kinds never come together. No
  /// CHUNK before every honest member was READY, and CHUNKs of one session only in a round: the input is
  /// spent.
  void judge(std::uint32_t self, std::uint32_t to, const SecurePacketMessage& message) {
    const Bytes& packet = *message.packet;
    HANSA_ASSERT(to < kParties && to != self && packet.size() >= secure_sum::kEnvelopeBytes);
    const auto type = static_cast<PacketType>(packet[0]);
    const Session session = session_of(packet);
    if (type == PacketType::pull) return;
    if (type == PacketType::result) return judge_result(self, packet, session);
    const bool directed = type == PacketType::share || type == PacketType::chunk ||
                          type == PacketType::audit || type == PacketType::audited;
    // ADVERTs of others are passed on as well: of each member one and the same.
    const std::size_t what = directed                     ? to
                             : type == PacketType::advert ? kParties + packet_member(packet)
                                                          : kParties;
    const auto [said, fresh] =
        said_.try_emplace({self, type, session, static_cast<std::uint32_t>(what)}, message.packet);
    HANSA_ASSERT(fresh || *said->second == packet);
    if (type == PacketType::ready) ready_[session].insert(self);
    if (type == PacketType::chunk) {
      std::set<std::uint32_t> honest = ready_[session];
      honest.erase(kDishonest);
      HANSA_ASSERT(honest.size() >= (message.attempt == 0 ? kParties - 1 : kParties - 2));
      HANSA_ASSERT(spent_.try_emplace({self, message.round}, session).first->second == session);
    }
    if (type == PacketType::reveal) {
      const Bytes decision(packet.begin() + secure_sum::kEnvelopeBytes,
                           packet.begin() + secure_sum::kEnvelopeBytes + 32);
      HANSA_ASSERT(decisions_.try_emplace(session, decision).first->second == decision);
    }
  }
  /// A RESULT is the sender's own, or that of another owner, passed on.
  void judge_result(std::uint32_t self, const Bytes& packet, const Session& session) {
    if (self != packet_member(packet)) return;
    const auto copy = std::make_shared<const Bytes>(packet);
    HANSA_ASSERT(*said_.try_emplace({self, PacketType::result, session, kParties}, copy).first->second ==
                 packet);
  }
  static std::size_t packet_member(const Bytes& packet) {
    return std::to_integer<std::size_t>(packet[1]) | std::to_integer<std::size_t>(packet[2]) << 8;
  }

  void judge(std::uint32_t self, const Event& event) {
    if (const auto* caught = std::get_if<MemberCaught>(&event)) {
      HANSA_ASSERT(caught->peer == P(kDishonest));  // an honest member is never accused
      ++caught_;
    } else if (const auto* sum = std::get_if<SumEnded>(&event)) {
      HANSA_ASSERT(sum->contributors == 0 || sum->contributors >= 3);
      sums_ += sum->contributors > 0 ? 1 : 0;
    } else if (const auto* finished = std::get_if<Finished>(&event)) {
      HANSA_ASSERT(finished->model.size() == kParameters);
      for (const float value : finished->model.span()) HANSA_ASSERT(std::abs(value) <= run_->secure.clip);
    }
    HANSA_ASSERT(nodes_[self].machine == nullptr || nodes_[self].machine->round() <= run_->rounds);
  }

  std::span<const std::uint8_t> bytes_;
  std::shared_ptr<const RunOptions> run_;
  std::vector<std::shared_ptr<const crypto::Identity>> identities_;
  std::array<Node, kParties> nodes_;
  std::vector<Waiting> network_;
  Time now_{};
  std::map<std::tuple<std::uint32_t, PacketType, Session, std::uint32_t>, std::shared_ptr<const Bytes>> said_;
  std::map<Session, std::set<std::uint32_t>> ready_;
  std::map<std::pair<std::uint32_t, Round>, Session> spent_;
  std::map<Session, Bytes> decisions_;
  std::size_t sums_ = 0, caught_ = 0;
};

}  // namespace hansa::protocols::testing
