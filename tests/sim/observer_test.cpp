// The adversary that watches secure runs: it sees the sums it may see, finds no input in any run, with
// whatever faults, and finds them when a party reveals both secrets or gives the same input to two sums.
#include "sim/cohort_observer.hpp"
#include "sim/neighbourhood_observer.hpp"

#include "protocols/beacon/draw.hpp"
#include "protocols/gossip/secure_cohort.hpp"
#include "protocols/secure_sum/key_schedule.hpp"
#include "sim/setup.hpp"
#include "sim/world.hpp"
#include "src/crypto/channel.hpp"
#include "src/crypto/random.hpp"
#include "src/exec/entropy.hpp"
#include "tests/protocols/support/rig.hpp"
#include "tests/sim/small_runs.hpp"
#include "topology/cohorts.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <tuple>

namespace hansa::sim {
namespace {

using protocols::Message;
using protocols::SecurePacketMessage;

config::RunConfig secure_run(std::uint32_t parties, std::uint32_t cohort) {
  config::RunConfig config = testing::small_run("logistic-regression", "cohort");
  config.aggregation = "secure";
  config.parties = parties;
  config.rounds = 6;
  config.cohort.size = cohort;
  config.deadline.floor_ms = 500;
  config.secure.beacon = false;
  return config;
}

/// Counts the sums that the parties themselves say they got.
struct SumCounter final : exec::EventSink {
  std::set<std::tuple<Round, std::uint32_t, PartyId>> complete;
  std::shared_ptr<const protocols::beacon::BeaconRecord> beacon;
  void on_event(PartyId, const protocols::Event& event, Time) override {
    const auto* ended = std::get_if<protocols::SumEnded>(&event);
    if (ended != nullptr && ended->contributors > 0)
      complete.insert({ended->round, ended->attempt, ended->first_member});
    const auto* drawn = std::get_if<protocols::BeaconDrawn>(&event);
    if (drawn != nullptr && drawn->record->taking_part) beacon = drawn->record;
  }
};

/// Passes everything on, after a test's change.
struct ChangingTap final : exec::MessageTap {
  explicit ChangingTap(Observer& to) : observer(to) {}
  void on_sent(PartyId from, PartyId to, const Message& message) override {
    observer.on_sent(from, to, change ? change(message) : message);
    rounds_kept = std::max(rounds_kept, observer.rounds_kept());
  }
  void on_delivered(PartyId from, PartyId to, const Message& message) override {
    observer.on_delivered(from, to, change ? change(message) : message);
  }
  Observer& observer;
  std::function<Message(Message)> change;
  std::size_t rounds_kept = 0;
};

struct Watched {
  Findings findings;
  std::size_t sums = 0, rounds_kept = 0;
};

using Wrap = std::function<std::unique_ptr<protocols::Machine>(const Setup&, PartyId,
                                                               std::unique_ptr<protocols::Machine>)>;

Watched watch(const Setup& setup, const Wrap& wrap = {}, const std::function<Message(Message)>& change = {}) {
  EXPECT_TRUE(crypto::initialise().ok());
  exec::WorkerPool pool(1);
  World world(world_options(setup.config).value(), pool);
  SumCounter counter;
  const auto observer = make_observer(setup.run, [&] {
    topology::CohortOptions cohorts = setup.run->cohort;
    if (counter.beacon != nullptr) {
      cohorts.draw = protocols::beacon::cohort_draw(counter.beacon->beacon, counter.beacon->members);
    }
    return cohorts;
  });
  ChangingTap tap(*observer);
  tap.change = change;
  exec::DriverInput input;
  input.parties = setup.config.parties;
  input.make = machine_factory(setup);
  if (wrap) {
    input.make = [make = input.make, &wrap, &setup](PartyId party, std::optional<protocols::Record> record) {
      return wrap(setup, party, make(party, std::move(record)));
    };
  }
  input.training = &setup.training;
  input.sink = &counter;
  input.tap = &tap;
  EXPECT_TRUE(world.run(input).ok());
  return {observer->close(), counter.complete.size(), tap.rounds_kept};
}

Watched watch(const config::RunConfig& config, const Wrap& wrap = {},
              const std::function<Message(Message)>& change = {}) {
  const auto setup = set_up(config);
  EXPECT_TRUE(setup.ok()) << setup.error().message;
  return watch(*setup, wrap, change);
}

/// Lets the machine inside do everything, and changes what it sends.
class Changed : public protocols::Machine {
 public:
  explicit Changed(std::unique_ptr<protocols::Machine> inner) : inner_(std::move(inner)) {}
  void start(Time now, protocols::Effects& out) override {
    inner_->start(now, mine_);
    pass_on(out);
  }
  void on_message(PartyId from, Message message, Time now, protocols::Effects& out) override {
    heard(message);
    inner_->on_message(from, std::move(message), now, mine_);
    pass_on(out);
  }
  void on_computed(protocols::ComputeId id, protocols::Computed result, Time now,
                   protocols::Effects& out) override {
    inner_->on_computed(id, std::move(result), now, mine_);
    pass_on(out);
  }
  void on_deadline(Time now, protocols::Effects& out) override {
    inner_->on_deadline(now, mine_);
    pass_on(out);
  }
  void on_peer_down(PartyId peer, Time now, protocols::Effects& out) override {
    inner_->on_peer_down(peer, now, mine_);
    pass_on(out);
  }
  [[nodiscard]] std::optional<Time> next_deadline() const override { return inner_->next_deadline(); }
  [[nodiscard]] bool finished() const override { return inner_->finished(); }
  [[nodiscard]] Round round() const override { return inner_->round(); }

 protected:
  virtual void heard(const Message&) {}
  virtual void send(PartyId to, const SecurePacketMessage& message, protocols::Effects& out) = 0;

 private:
  void pass_on(protocols::Effects& out) {
    for (protocols::Effect& effect : mine_.items()) {
      if (auto* sent = std::get_if<protocols::Send>(&effect)) {
        send(sent->to, std::get<SecurePacketMessage>(sent->message), out);
      } else if (auto* compute = std::get_if<protocols::Compute>(&effect)) {
        out.compute(compute->id, std::move(compute->task));
      } else if (auto* emit = std::get_if<protocols::Emit>(&effect)) {
        out.emit(std::move(emit->event));
      } else {
        out.persist(std::move(std::get<protocols::Persist>(effect).record));
      }
    }
    mine_.clear();
  }
  std::unique_ptr<protocols::Machine> inner_;
  protocols::Effects mine_;
};

/// Reveals both secrets of everybody in round 0. Its keys are those of the machine inside, drawn again.
class RevealsBoth final : public Changed {
 public:
  RevealsBoth(const Setup& setup, PartyId self, std::unique_ptr<protocols::Machine> inner)
      : Changed(std::move(inner)) {
    const auto cohort = topology::cohort_of(setup.run->cohort, 0, self);
    me_ = static_cast<std::size_t>(std::lower_bound(cohort.begin(), cohort.end(), self) - cohort.begin());
    exec::SeededEntropy entropy(setup.config.seed, self, 0);
    const auto thresholds = protocols::thresholds_in(setup.run->secure, cohort.size());
    secrets_ = secure_sum::MemberSecrets::draw(entropy, thresholds.votes);
    adverts_.resize(cohort.size());
    shares_.resize(cohort.size());
  }

 private:
  void heard(const Message& message) override {
    const auto& heard = std::get<SecurePacketMessage>(message);
    if (heard.round != 0 || heard.attempt != 0) return;
    const auto type = static_cast<secure_sum::PacketType>(heard.packet->front());
    const auto from = std::to_integer<std::size_t>((*heard.packet)[1]);
    if (type == secure_sum::PacketType::advert) adverts_[from] = *heard.packet;
    if (type == secure_sum::PacketType::share) shares_[from] = *heard.packet;
  }
  void send(PartyId to, const SecurePacketMessage& message, protocols::Effects& out) override {
    out.send(to, message);
    const auto type = static_cast<secure_sum::PacketType>(message.packet->front());
    if (message.round != 0 || type != secure_sum::PacketType::reveal) return;
    auto both = *message.packet;  // its signature no longer fits, which a colluder does not mind
    for (std::size_t i = 0; i < adverts_.size(); ++i) {
      const auto place = both.begin() + secure_sum::kEnvelopeBytes + 32 + 32 * i;
      auto [self, mask] = shares_of(i);
      const bool was_self = std::equal(self.bytes().begin(), self.bytes().end(), place);
      EXPECT_TRUE(was_self || std::equal(mask.bytes().begin(), mask.bytes().end(), place));
      const auto other = was_self ? mask.bytes() : self.bytes();
      std::copy(other.begin(), other.end(), place);
    }
    out.send(to, SecurePacketMessage{message.round, message.attempt,
                                     std::make_shared<const secure_sum::Bytes>(std::move(both))});
  }
  std::pair<secure_sum::Scalar, secure_sum::Scalar> shares_of(std::size_t dealer) {
    if (dealer == me_) return {secrets_.self.share(me_), secrets_.mask.share(me_)};
    const auto body = [](const secure_sum::Bytes& packet) {
      return secure_sum::BytesView(packet).subspan(secure_sum::kEnvelopeBytes);
    };
    secure_sum::Reader key(body(adverts_[dealer]));
    const auto keys = secrets_.exchange.agree(key.array<32>(), me_ < dealer);
    secure_sum::Writer context;
    context.raw(secure_sum::BytesView(shares_[dealer]).subspan(3, 32));
    context.u16(static_cast<std::uint16_t>(dealer)).u16(static_cast<std::uint16_t>(me_));
    crypto::Secret<64> plain;
    EXPECT_TRUE(keys && crypto::open(keys->receive, crypto::Nonce{}, context.bytes(),
                                     body(shares_[dealer]).subspan(2), plain.bytes()));
    const auto bytes = std::as_const(plain).bytes();
    return {secure_sum::Scalar::decode(bytes.first<32>()).value(),
            secure_sum::Scalar::decode(bytes.last<32>()).value()};
  }

  std::size_t me_ = 0;
  secure_sum::MemberSecrets secrets_;
  std::vector<secure_sum::Bytes> adverts_, shares_;
};

/// Says nothing from round 1 on.
class LeavesAfterRound0 final : public Changed {
  using Changed::Changed;
  void send(PartyId to, const SecurePacketMessage& message, protocols::Effects& out) override {
    if (message.round == 0) out.send(to, message);
  }
};

TEST(Observer, LearnsTheSumsAndNothingElse) {
  for (const auto& [parties, size] : {std::pair{9U, 4U}, {8U, 8U}, {7U, 3U}}) {
    for (const bool beacon : {false, true}) {
      config::RunConfig config = secure_run(parties, size);
      config.secure.beacon = beacon;
      const Watched seen = watch(config);
      EXPECT_EQ(seen.findings.inputs_exposed, 0U);
      EXPECT_GT(seen.sums, 0U);
      EXPECT_EQ(seen.findings.sums_learnt, seen.sums) << "the coalition gets every sum";
      EXPECT_EQ(seen.findings.sessions, seen.sums);
      EXPECT_EQ(seen.findings.late, 0U);
    }
  }
}

TEST(Observer, SeesCompressedSumsToo) {
  std::uint64_t aborted = 0;
  for (const std::uint32_t ring_bits : {32U, 16U}) {
    for (const bool crashes : {false, true}) {
      config::RunConfig config = secure_run(8, 8);
      config.secure.sparsify = 0.5;
      config.secure.ring_bits = ring_bits;
      if (ring_bits == 16) config.secure.clip = 0.5;
      config.secure.weight_max = 100;
      config.rounds = 12;
      config.faults.crash_fraction = crashes ? 0.2 : 0;
      config.faults.down_ms = 700;
      config.faults.end_ms = 1'500;
      const Watched seen = watch(config);
      EXPECT_EQ(seen.findings.inputs_exposed, 0U);
      EXPECT_GT(seen.findings.sums_learnt, 0U);
      aborted += seen.findings.sessions - seen.findings.sums_learnt;
      if (!crashes) {
        EXPECT_EQ(seen.findings.sums_learnt, seen.sums) << "the coalition gets every sum";
      }
    }
  }
  EXPECT_GT(aborted, 0U);
}

TEST(Observer, FindsNothingWhenMembersVanish) {
  std::uint64_t sums = 0, learnt = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    config::RunConfig config = secure_run(9, 4);
    config.seed = seed;
    config.rounds = 10;
    config.faults.crash_fraction = 0.4;
    config.faults.stay_down_fraction = 0.2;
    config.faults.down_ms = 700;
    config.faults.end_ms = 1'500;
    config.network.duplicate = 0.1;
    config.network.jitter_ms = 10;
    const Watched seen = watch(config);
    EXPECT_EQ(seen.findings.inputs_exposed, 0U) << "seed " << seed;
    EXPECT_EQ(seen.findings.late, 0U) << "seed " << seed;
    sums += seen.sums;
    learnt += seen.findings.sums_learnt;
  }
  EXPECT_GT(learnt, sums / 2) << "a coalition that is down learns nothing, but mostly it is up";
}

TEST(Observer, FindsTheInputsIfBothSecretsAreRevealed) {
  const config::RunConfig config = secure_run(8, 8);
  const Wrap all = [](const sim::Setup& setup, PartyId party, std::unique_ptr<protocols::Machine> machine) {
    return std::make_unique<RevealsBoth>(setup, party, std::move(machine));
  };
  const Watched seen = watch(config, all);
  EXPECT_EQ(seen.findings.inputs_exposed, 8U - 2U) << "every honest input of round 0";
  const Wrap one = [&](const sim::Setup& setup, PartyId party, std::unique_ptr<protocols::Machine> machine) {
    return party == PartyId{3} ? all(setup, party, std::move(machine)) : std::move(machine);
  };
  EXPECT_EQ(watch(config, one).findings.inputs_exposed, 0U) << "one share more is not enough";
}

TEST(Observer, FindsTheInputThatOneOfTwoSumsLeavesOut) {
  const config::RunConfig config = secure_run(8, 8);
  const auto setup = set_up(config);
  ASSERT_TRUE(setup.ok());
  const auto cohort = topology::cohort_of(setup->run->cohort, 0, PartyId{0});
  const auto coalition = CohortObserver::coalition_of(*setup->run, 0, cohort);
  PartyId leaver{0};
  while (std::binary_search(coalition.begin(), coalition.end(), leaver)) leaver = party_at(index(leaver) + 1);
  const Wrap wrap = [&](const sim::Setup&, PartyId party,
                        std::unique_ptr<protocols::Machine> machine) -> std::unique_ptr<protocols::Machine> {
    if (party != leaver) return machine;
    return std::make_unique<LeavesAfterRound0>(std::move(machine));
  };
  EXPECT_EQ(watch(config, wrap).findings.inputs_exposed, 0U);
  // As if the sums of round 1 were further attempts at that of round 0, with the same models.
  const auto joined = [](Message message) {
    auto& packet = std::get<SecurePacketMessage>(message);
    if (packet.round == 1) packet.attempt += 10;
    if (packet.round == 1) packet.round = 0;
    return message;
  };
  EXPECT_EQ(watch(config, wrap, joined).findings.inputs_exposed, 1U);
}

TEST(Observer, ForgetsRoundsThatAreOver) {
  config::RunConfig config = secure_run(9, 4);
  config.rounds = 25;
  EXPECT_LE(watch(config).rounds_kept, 4U);
  config.faults.crash_fraction = 0.2;  // some for ever: the others go on, and so does the observer
  config.faults.stay_down_fraction = 1;
  config.faults.end_ms = 1'000;
  EXPECT_LE(watch(config).rounds_kept, 9U);
}

TEST(Observer, LearnsTheSumsOfItsNeighbourhoodsAndNothingElse) {
  config::RunConfig config = testing::small_run("logistic-regression", "d-psgd");
  config.aggregation = "secure";
  config.seed = 2;
  config.parties = 24;
  config.rounds = 1;
  config.topology.name = "k-regular";
  config.topology.degree = 8;
  config.deadline.floor_ms = 500;
  for (const char* weights : {"metropolis-hastings", "sample-count"}) {
    config.topology.weights = weights;
    const Watched seen = watch(config);
    EXPECT_EQ(seen.findings.inputs_exposed, 0U);
    EXPECT_EQ(seen.findings.sums_learnt, 2U) << "of both colluders";
    EXPECT_GT(seen.findings.sessions, seen.findings.sums_learnt) << "they also give inputs";
    EXPECT_EQ(seen.findings.late, 0U);
  }
  config.rounds = 2;
  config.faults.crash_fraction = 0.1;
  config.faults.down_ms = 300;
  config.faults.end_ms = 400;
  EXPECT_EQ(watch(config).findings.inputs_exposed, 0U);
}

// Everybody is everybody's neighbour, but for one pair: if one of the two colludes with anybody else, the
// difference of their sums is the other's model. Such a graph is refused, so this run is put together by
// hand.
TEST(Observer, FindsTheInputThatOneOfTwoNeighbourhoodsLacks) {
  constexpr std::size_t kParties = 10;
  const PartyId left{0}, right{7};
  protocols::testing::MatrixTopology::Matrix weights(kParties, std::vector<double>(kParties, 0.1));
  for (const auto& [a, b] : {std::pair{left, right}, {right, left}}) {
    weights[index(a)][index(b)] = 0;
    weights[index(a)][index(a)] = 0.2;
  }
  config::RunConfig config = secure_run(kParties, kParties);
  config.rounds = 4;
  config.topology.weights = "uniform";
  config.secure.colluders = 2;
  auto setup = set_up(config);
  ASSERT_TRUE(setup.ok());
  auto run = std::make_shared<protocols::RunOptions>(*setup->run);
  run->topology = std::make_shared<protocols::testing::MatrixTopology>(
      std::vector<protocols::testing::MatrixTopology::Matrix>(1, weights),
      topology::Promise::symmetric_doubly_stochastic);
  setup->run = run;
  setup->strategy = protocols::find_strategy("d-psgd");
  std::uint64_t expected = 0;
  for (Round round = 0; round < config.rounds; ++round) {
    const auto coalition = NeighbourhoodObserver::coalition_of(*run, round);
    ASSERT_EQ(coalition.size(), 2U);
    const auto colludes = [&](PartyId p) {
      return std::binary_search(coalition.begin(), coalition.end(), p);
    };
    expected += colludes(left) != colludes(right) ? 1 : 0;
  }
  ASSERT_GT(expected, 0U);
  ASSERT_LT(expected, config.rounds);
  EXPECT_EQ(watch(*setup).findings.inputs_exposed, expected);
}

TEST(Observer, IsPartOfEverySecureRun) {
  config::RunConfig config = secure_run(6, 3);
  const RunResult secure = testing::run(config);
  ASSERT_TRUE(secure.sums.inputs_exposed.has_value());
  EXPECT_EQ(*secure.sums.inputs_exposed, 0U);
  config.aggregation = "plain-fixed";
  EXPECT_FALSE(testing::run(config).sums.inputs_exposed.has_value());
}

}  // namespace
}  // namespace hansa::sim
