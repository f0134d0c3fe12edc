// Who talks to whom, with which weight. A topology is a function (round, party) -> weighted in- and
// out-neighbours; a static graph is the constant case. Everything here is pure: same name, size, options and
// seed, same answer.
#pragma once

#include <hansa/result.hpp>
#include <hansa/types.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hansa::topology {

struct Edge {
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  friend auto operator<=>(const Edge&, const Edge&) = default;
};

/// A party at the other end of an edge, and the weight the receiving side gives to what travels over it.
struct Neighbour {
  PartyId party{};
  double weight = 0;
};

/// What the weights of a topology promise. Checked for every entry of the registry.
enum class Promise {
  symmetric_doubly_stochastic,  ///< W = W^T, rows and columns sum to 1 (undirected, Metropolis-Hastings)
  doubly_stochastic,            ///< rows and columns sum to 1 (directed circulants)
  column_stochastic,            ///< what a party sends sums to 1 with what it keeps: for push-sum
  row_stochastic,  ///< what a party receives sums to 1 with what it keeps, no more: the mean drifts
                   ///< ("uniform" weights on a graph that is not regular)
};

/// Read-only after construction and thread-safe.
class Topology {
 public:
  virtual ~Topology() = default;

  [[nodiscard]] virtual std::uint32_t parties() const noexcept = 0;
  /// Rounds after which the schedule repeats; 1 for a static graph.
  [[nodiscard]] virtual std::uint32_t period() const noexcept = 0;
  [[nodiscard]] virtual Promise promise() const noexcept = 0;

  /// Parties that `party` receives from in `round`, ascending by id, never itself, with row weights
  /// W[party][j]. The span stays valid for the life of the topology.
  [[nodiscard]] virtual std::span<const Neighbour> in(Round round, PartyId party) const noexcept = 0;
  /// Parties that `party` sends to in `round`, ascending by id, never itself; weight = W[receiver][party].
  [[nodiscard]] virtual std::span<const Neighbour> out(Round round, PartyId party) const noexcept = 0;
  /// What `party` keeps of its own: W[party][party].
  [[nodiscard]] virtual double self_weight(Round round, PartyId party) const noexcept = 0;
};

struct TopologyOptions {
  std::uint32_t parties = 0;
  std::uint32_t degree = 4;       ///< k-regular, small-world: neighbours; base-k: maximum degree; tree: arity
  double probability = 0.1;       ///< erdos-renyi: edge; small-world: rewiring
  std::uint32_t attachments = 2;  ///< scale-free
  std::uint64_t seed = 1;
  /// "metropolis-hastings", "uniform" (1/(degree+1) of what arrives; row-stochastic) or "push-sum"
  /// (1/(out-degree+1) to each; column-stochastic).
  std::string weights = "metropolis-hastings";
  /// erdos-renyi, small-world, file: take a graph in several pieces as it comes instead of refusing it.
  bool allow_disconnected = false;
};

struct TopologyEntry {
  std::string_view name;
  std::string_view summary;
  bool directed = false;
  bool time_varying = false;
  Result<std::unique_ptr<const Topology>> (*make)(const TopologyOptions& options);
};

/// ring line star complete grid torus hypercube tree k-regular erdos-renyi small-world scale-free exponential
/// one-peer-exponential base-k. "file:PATH" is understood by make_topology besides.
std::span<const TopologyEntry> topology_registry() noexcept;
/// Errors name the known topologies (and the nearest), or what does not fit: "hypercube needs a power of
/// two".
Result<std::unique_ptr<const Topology>> make_topology(std::string_view name, const TopologyOptions& options);

/// Edges of one round, directed, sorted. An undirected edge appears once, with from < to, if `undirected`.
std::vector<Edge> edges(const Topology& topology, Round round, bool undirected);

/// True if, over one period, every party can reach every other along directed edges.
bool is_connected(const Topology& topology);

/// 1 - ||W - J||_2 (largest singular value) of one round's mixing matrix; for a time-varying topology, the
/// per-round geometric mean over one period: 1 - ||W_{p-1} ... W_0 - J||_2^(1/p). Dense and exact up to 512
/// parties; above, exact for circulant graphs (ring, both exponential graphs) and by Lanczos iteration for
/// the rest, stopped after about two seconds of work. Only the slowest mixers are not settled by then (a line
/// of more than some 20,000 parties); what is returned is then above the true gap.
double spectral_gap(const Topology& topology);

/// ||W_{r-1} ... W_0 - J||_2 after r = 1 .. rounds.
std::vector<double> consensus_errors(const Topology& topology, std::uint32_t rounds);

/// First round count after which the product of mixing matrices equals J (relative error 1e-7 in every entry,
/// on doubles), if it gets there at once; mixing that only comes closer round by round never does. None
/// within `rounds_max`: empty.
std::optional<std::uint32_t> rounds_to_exact_consensus(const Topology& topology, std::uint32_t rounds_max);

}  // namespace hansa::topology
