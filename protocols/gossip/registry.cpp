#include "protocols/gossip/registry.hpp"

namespace hansa::protocols {
namespace {

constexpr StrategyEntry kStrategies[] = {
    {.name = "d-psgd",
     .summary = "train, then average with the neighbours of a graph (D-PSGD, Lian et al. 2017)",
     .uses_topology = true,
     .make = make_d_psgd},
    {.name = "gossip-learning",
     .summary = "push the model to a random neighbour on a timer; merge, then train (Ormandi et al. 2013)",
     .uses_topology = true,
     .round_based = false,
     .make = make_gossip_learning},
    {.name = "epidemic",
     .summary = "send to `fanout` random parties each round, average what arrives (de Vos et al. 2023)",
     .make = make_epidemic},
    {.name = "push-sum",
     .summary =
         "split mass over out-neighbours; directed and lossy links lose nothing (SGP, Assran et al. 2019)",
     .uses_topology = true,
     .column_stochastic = true,
     .make = make_push_sum},
    {.name = "cohort",
     .summary =
         "exact average inside small random or grid cohorts each round (Moshpit, Ryabinin et al. 2021)",
     .make = make_cohort},
};

}  // namespace

std::span<const StrategyEntry> strategy_registry() noexcept { return kStrategies; }

const StrategyEntry* find_strategy(std::string_view name) noexcept {
  for (const StrategyEntry& entry : kStrategies) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

}  // namespace hansa::protocols
