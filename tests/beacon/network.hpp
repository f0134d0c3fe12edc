// A network of ceremonies in virtual time: seeded delays, losses and repetitions, crashes after any number of
// sends with a return from what was durable, and a hook through which a test plays the adversary. Everything
// that was sent is kept as the trace.
#pragma once

#include "protocols/beacon/ceremony.hpp"
#include "protocols/secure_sum/vectors.hpp"

#include <hansa/rng.hpp>

#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace hansa::protocols::beacon::testing {

using namespace std::chrono_literals;

crypto::Identity test_identity(Member member);
CeremonyPlan test_plan(std::size_t members);

struct Weather {
  Duration delay_min = 1ms, delay_max = 1ms;
  double slow = 0;  ///< share of packets that take up to `slow_max`
  Duration slow_max = 25s;
  double loss = 0;
  double duplication = 0;
};

struct Sent {
  Member from = 0, to = 0;
  std::shared_ptr<const Bytes> packet;
};

class Network {
 public:
  static constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

  explicit Network(CeremonyPlan plan, std::uint64_t seed = 1, Weather weather = {});

  /// Called for each packet: deliver it (true), or lose it (false); it may be replaced.
  std::function<bool(Member from, Member to, std::shared_ptr<const Bytes>& packet)> hook;
  /// `member` dies instead of its send number `sends`; it comes back after `down`, if given.
  void crash(Member member, std::size_t sends, std::optional<Duration> down = std::nullopt);
  void dishonest(Member member) { nodes_[member].honest = false; }
  void inject(Member to, Bytes packet, Time at);

  /// Until nothing can happen any more.
  void run();

  [[nodiscard]] const Ceremony& ceremony(Member member) const { return *nodes_[member].ceremony; }
  [[nodiscard]] bool alive(Member member) const { return nodes_[member].ceremony != nullptr; }
  [[nodiscard]] bool drawn(Member member) const {
    return alive(member) && ceremony(member).phase() == CeremonyPhase::drawn;
  }
  [[nodiscard]] std::size_t sends(Member member) const { return nodes_[member].sends; }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] const CeremonyPlan& plan() const { return plan_; }
  [[nodiscard]] const std::vector<Sent>& trace() const { return trace_; }
  [[nodiscard]] std::size_t count(PacketType type) const;
  [[nodiscard]] std::size_t times_caught(Member member) const { return caught_[member]; }
  [[nodiscard]] Time now() const { return now_; }
  [[nodiscard]] Time last_delivery() const { return last_delivery_; }
  /// The packet with another body, signed by its sender.
  [[nodiscard]] std::shared_ptr<const Bytes> resigned(const Bytes& packet,
                                                      const std::function<void(Bytes& body)>& change) const;
  [[nodiscard]] Packet decoded(const Bytes& packet) const;

  /// What holds whatever happened; adds test failures. True if some honest member has a beacon.
  bool check_agreement() const;

 private:
  struct Node {
    std::shared_ptr<const crypto::Identity> identity;
    std::shared_ptr<secure_sum::LabelledEntropy> entropy;
    std::unique_ptr<Ceremony> ceremony;  ///< empty while down
    bool honest = true;
    std::size_t sends = 0, crash_at = kNever, boots = 0;
    std::optional<Duration> down;
    std::optional<std::uint32_t> begun;                      ///< durable
    std::optional<std::pair<CeremonyPhase, Outcome>> ended;  ///< durable
  };

  void boot(Member member);
  void perform(Member member, CeremonyEffects effects);
  void send(Member from, const SendPacket& packet);
  void arm(Member member);
  void at(Time time, std::function<void()> action) {
    events_.emplace(std::pair(time, order_++), std::move(action));
  }
  [[nodiscard]] Duration delay();

  CeremonyPlan plan_;
  Weather weather_;
  std::vector<Node> nodes_;
  std::map<std::pair<Time, std::uint64_t>, std::function<void()>> events_;
  std::vector<Sent> trace_;
  std::vector<std::size_t> caught_;
  std::uint64_t order_ = 0;
  Time now_{0}, last_delivery_{0};
  Rng rng_;
};

}  // namespace hansa::protocols::beacon::testing
