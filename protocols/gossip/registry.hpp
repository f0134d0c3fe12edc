// The gossip strategies, as a visible table: the name here is the name in the config file, in `hansa list
// strategies` and in the docs. To add one: a source file with a make_ function, and a line in registry.cpp.
#pragma once

#include "protocols/machine.hpp"
#include "protocols/party/options.hpp"

#include <memory>
#include <span>
#include <string_view>

namespace hansa::protocols {

struct StrategyEntry {
  std::string_view name;
  std::string_view summary;
  bool uses_topology = false;      ///< talks along the edges of [topology]
  bool round_based = true;         ///< same bits under any clock and over any transport, without faults
  bool column_stochastic = false;  ///< wants push-sum weights
  std::unique_ptr<Machine> (*make)(PartyOptions options) = nullptr;
};

/// d-psgd, gossip-learning, epidemic, push-sum, cohort.
std::span<const StrategyEntry> strategy_registry() noexcept;

/// The entry called `name`, or null.
const StrategyEntry* find_strategy(std::string_view name) noexcept;

std::unique_ptr<Machine> make_d_psgd(PartyOptions options);
std::unique_ptr<Machine> make_gossip_learning(PartyOptions options);
std::unique_ptr<Machine> make_epidemic(PartyOptions options);
std::unique_ptr<Machine> make_push_sum(PartyOptions options);
std::unique_ptr<Machine> make_cohort(PartyOptions options);

}  // namespace hansa::protocols
