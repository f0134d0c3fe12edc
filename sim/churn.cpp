#include "sim/churn.hpp"

#include <hansa/math.hpp>
#include <hansa/rng.hpp>

#include <algorithm>
#include <numeric>

namespace hansa::sim {

std::vector<Crash> plan_crashes(const ChurnOptions& options) {
  const auto count = static_cast<std::size_t>(options.crash_fraction * options.parties + 0.5);
  std::vector<std::uint32_t> order(options.parties);
  std::iota(order.begin(), order.end(), 0);
  Rng shuffle(options.seed, Purpose::churn);
  shuffle.shuffle(order);
  order.resize(std::min<std::size_t>(count, order.size()));
  const auto staying =
      static_cast<std::size_t>(options.stay_down_fraction * static_cast<double>(order.size()) + 0.5);

  std::vector<Crash> plan;
  const double span = static_cast<double>((options.end - options.start).count());
  for (std::size_t i = 0; i < order.size(); ++i) {
    Rng rng(options.seed, Purpose::churn, order[i]);
    Crash crash{.party = party_at(order[i])};
    crash.at = options.start + Duration(static_cast<Duration::rep>(rng.uniform() * span));
    if (rng.uniform() < 0.5) crash.after_effects = static_cast<std::uint32_t>(rng.below(6));
    const double down = -log_exact(1.0 - rng.uniform()) * static_cast<double>(options.down_mean.count());
    if (i >= staying) crash.down = Duration(1 + static_cast<Duration::rep>(down));
    plan.push_back(crash);
  }
  std::sort(plan.begin(), plan.end(), [](const Crash& a, const Crash& b) { return a.party < b.party; });
  return plan;
}

}  // namespace hansa::sim
