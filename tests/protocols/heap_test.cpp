// Rounds leave nothing behind: after a warm-up a cohort's parties hold as much memory in their hundredth
// round as in their fiftieth, with and without a secure sum.
#include "protocols/gossip/registry.hpp"
#include "protocols/secure_sum/vectors.hpp"
#include "src/exec/secure_tasks.hpp"
#include "tests/protocols/support/rig.hpp"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace hansa::protocols::testing {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

std::size_t heap_bytes() {
  const struct mallinfo2 heap = mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

/// Messages in order, tasks at once, records thrown away: whatever grows belongs to the parties.
class Mesh {
 public:
  Mesh(Aggregation aggregation, Round rounds) {
    RunOptions run = run_options(kParties, rounds, kParameters);
    run.aggregation = aggregation;
    for (std::uint32_t i = 0; i < kParties; ++i) {
      crypto::Bytes32 seed{};
      seed.fill(static_cast<std::byte>(i + 1));
      identities_.push_back(std::make_shared<const crypto::Identity>(crypto::Identity::from_seed(seed)));
      run.secure.roster.push_back(identities_.back()->public_key());
    }
    const auto shared = std::make_shared<const RunOptions>(std::move(run));
    for (std::uint32_t i = 0; i < kParties; ++i) {
      machines_.push_back(make_cohort(
          {.self = P(i),
           .run = shared,
           .identity = identities_[i],
           .entropy = std::make_shared<secure_sum::LabelledEntropy>("heap", static_cast<std::uint16_t>(i))}));
    }
    heap_.reserve(rounds + 1);
  }

  /// The heap as the first party ended each round.
  const std::vector<std::size_t>& run() {
    for (std::uint32_t i = 0; i < kParties; ++i) {
      Effects out;
      machines_[i]->start(Time{}, out);
      perform(i, out);
    }
    while (!network_.empty()) {
      Waiting next = std::move(network_.front());
      network_.pop_front();
      Effects out;
      machines_[next.to]->on_message(P(next.from), std::move(next.message), Time{}, out);
      perform(next.to, out);
    }
    return heap_;
  }
  [[nodiscard]] std::size_t sums() const noexcept { return sums_; }

 private:
  static constexpr std::uint32_t kParties = 4, kParameters = 64;
  struct Waiting {
    std::uint32_t from = 0, to = 0;
    Message message;
  };

  void perform(std::uint32_t self, Effects& out) {
    for (Effect& effect : out.items()) {
      if (auto* send = std::get_if<Send>(&effect)) {
        network_.push_back({self, static_cast<std::uint32_t>(index(send->to)), std::move(send->message)});
      } else if (auto* compute = std::get_if<Compute>(&effect)) {
        Effects more;
        machines_[self]->on_computed(compute->id, compute_now(std::move(compute->task)), Time{}, more);
        perform(self, more);
      } else if (auto* emit = std::get_if<Emit>(&effect)) {
        if (self == 0 && std::holds_alternative<RoundCompleted>(emit->event)) heap_.push_back(heap_bytes());
        const auto* sum = std::get_if<SumEnded>(&emit->event);
        if (sum != nullptr && sum->contributors == kParties) ++sums_;
      }
    }
  }
  static Computed compute_now(Task task) {
    return std::visit(
        [](auto& any) {
          if constexpr (std::is_same_v<std::decay_t<decltype(any)>, MixAndTrain>) {
            return result_of(0.5f, any.size);
          } else {
            return exec::perform_sum(std::move(any));
          }
        },
        task);
  }

  std::vector<std::shared_ptr<const crypto::Identity>> identities_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::deque<Waiting> network_;
  std::vector<std::size_t> heap_;
  std::size_t sums_ = 0;
};

class Heap : public ::testing::TestWithParam<Aggregation> {};

TEST_P(Heap, DoesNotGrowWithRounds) {
  if (kSanitized) GTEST_SKIP() << "the sanitizers' heap counts otherwise";
  constexpr Round kRounds = 100;
  Mesh mesh(GetParam(), kRounds);
  const std::vector<std::size_t> heap = mesh.run();
  ASSERT_EQ(heap.size(), std::size_t{kRounds});
  EXPECT_EQ(mesh.sums(), GetParam() == Aggregation::secure ? std::size_t{kRounds} * 4 : 0);
  const auto most = [&](Round begin, Round end) {
    return *std::max_element(heap.begin() + begin, heap.begin() + end);
  };
  EXPECT_LE(most(75, 98), most(25, 48) + 4096)
      << "82 bytes kept in every round would be seen; which rounds are audited is random";
}

std::string name_of(const ::testing::TestParamInfo<Aggregation>& tested) {
  return tested.param == Aggregation::plain    ? "plain"
         : tested.param == Aggregation::secure ? "secure"
                                               : "plain_fixed";
}
INSTANTIATE_TEST_SUITE_P(All, Heap,
                         ::testing::Values(Aggregation::plain, Aggregation::plain_fixed, Aggregation::secure),
                         name_of);

}  // namespace
}  // namespace hansa::protocols::testing
