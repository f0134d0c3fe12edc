// Whatever numbers and shapes others send, only finite models of the right size are mixed. A property over
// all strategies: a hostile neighbour sends odd models in every round, through the codec as on a node, and
// every computation that the others ask for has clean terms.
#include "src/wire/codec.hpp"
#include "tests/protocols/support/fleet.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace hansa::protocols::testing {
namespace {

constexpr std::uint32_t kParties = 5, kSize = 6;
constexpr std::uint32_t kHostile = 4;

/// Odd models: each has something that must not be mixed.
std::vector<float> odd_values(Rng& rng) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::vector<float> values(kSize, 1.0f);
  switch (rng.below(5)) {
    case 0:
      values[rng.below(kSize)] = std::numeric_limits<float>::quiet_NaN();
      break;
    case 1:
      values[rng.below(kSize)] = kInfinity;
      break;
    case 2:
      values[rng.below(kSize)] = -kInfinity;
      break;
    case 3:
      values.resize(rng.below(kSize));
      break;
    default:
      values.resize(kSize + 1 + rng.below(kSize), 1.0f);
  }
  return values;
}

/// The same message with odd values, or with an odd weight.
Message spoilt(const Message& message, Rng& rng) {
  Message copy = message;
  const auto spoil = [&](Slice& slice, double& weight) {
    if (rng.below(4) == 0) {
      const double odd[] = {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                            -1.0, 0.0};
      weight = odd[rng.below(4)];
      return;
    }
    const std::vector<float> values = odd_values(rng);
    Parameters model = Parameters::zeros(values.size());
    std::copy(values.begin(), values.end(), model.data());
    slice = Slice::whole(std::move(model).freeze());
  };
  if (auto* model = std::get_if<ModelMessage>(&copy)) spoil(model->model, model->weight);
  if (auto* chunk = std::get_if<ChunkMessage>(&copy)) spoil(chunk->piece, chunk->weight);
  if (auto* mean = std::get_if<MeanChunkMessage>(&copy)) spoil(mean->piece, mean->weight);
  return copy;
}

void expect_clean(const MixAndTrain& task) {
  for (const MixTerm& term : task.terms) {
    ASSERT_TRUE(std::isfinite(term.weight));
    for (std::uint32_t i = 0; i < term.source.count; ++i) ASSERT_TRUE(std::isfinite(term.source.data()[i]));
  }
}

TEST(Values, NothingOddIsEverMixed) {
  std::size_t spoilt_messages = 0, refused = 0;
  for (const StrategyEntry& entry : strategy_registry()) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      SCOPED_TRACE(std::string(entry.name) + " seed " + std::to_string(seed));
      RunOptions run = run_options(kParties, 6, kSize);
      if (entry.uses_topology) {
        run.topology = graph(std::vector(kParties, std::vector<double>(kParties, 1.0 / kParties)),
                             entry.column_stochastic ? topology::Promise::column_stochastic
                                                     : topology::Promise::symmetric_doubly_stochastic);
      }
      run.deadline = {.floor = 2s, .ceiling = 20s, .factor = 4};
      run.cohort = {.parties = kParties, .size = kParties, .grid = false, .seed = seed};
      run.epidemic_fanout = 2;
      run.seed = seed;
      Rng rng(seed, Purpose::test, 1);
      Fleet fleet(entry.make, run, {}, seed);
      fleet.changed = [&](PartyId from, PartyId, Message message) -> std::optional<Message> {
        if (index(from) != kHostile) return message;
        ++spoilt_messages;
        Message arrived;
        const auto error = wire::try_decode(wire::encode(spoilt(message, rng)), {}, arrived);
        if (error == wire::DecodeError::none) return arrived;
        ++refused;
        return std::nullopt;
      };
      fleet.on_batch = [&](PartyId, std::span<const Effect> effects) {
        for (const Effect& effect : effects) {
          const auto* compute = std::get_if<Compute>(&effect);
          const auto* task = compute == nullptr ? nullptr : std::get_if<MixAndTrain>(&compute->task);
          if (task != nullptr) expect_clean(*task);
        }
      };
      ASSERT_TRUE(fleet.run(4h));
      for (std::uint32_t i = 0; i < kHostile; ++i) {
        ASSERT_EQ(fleet.nodes()[i].final_model.size(), kSize);
        for (const float x : fleet.nodes()[i].final_model.span()) EXPECT_TRUE(std::isfinite(x));
      }
    }
  }
  EXPECT_GT(spoilt_messages, 500U);
  EXPECT_GT(refused, spoilt_messages / 4) << "what is not finite ends at the codec";
  EXPECT_LT(refused, spoilt_messages) << "wrong shapes are for the parties to refuse";
}

}  // namespace
}  // namespace hansa::protocols::testing
