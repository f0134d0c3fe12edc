// What a run would cost without parties, messages, events and encoder: nested loops over rounds and parties
// that call the same kernels on the same data. The difference to the real run is the price of the engine.
#pragma once

#include "bench/workload.hpp"

namespace hansa::bench {

/// D-PSGD with plain SGD. Gives the same bits as the real run without faults.
Repetition plain_d_psgd(const sim::Setup& setup);

/// Gossip learning, merging by mean: each round every party pushes to one random neighbour, which merges and
/// trains. The same amount of work as the real run; who meets whom when is not the same.
Repetition plain_gossip(const sim::Setup& setup);

}  // namespace hansa::bench
