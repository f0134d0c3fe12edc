// One round of one cohort, all of its members in this process: the same machines, tasks and messages as a
// real run, without training, a network or a queue worth mentioning. Whatever a member's own code does is
// counted to that member.
#pragma once

#include "protocols/party/options.hpp"
#include "src/crypto/mask.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace hansa::bench {

/// What one member did, on average over the members.
struct RoundCost {
  double cpu_ms = 0;
  double wall_ms = 0;    ///< of its own code; more than CPU time if other programs wanted the processor
  double mask_ms = 0;    ///< CPU, of adding masks and taking them off; part of cpu_ms
  double bytes_out = 0;  ///< of frames, AUDITED packets apart
  double audit_bytes_out = 0;
  bool complete = false;  ///< every member ended with the same model, made from all inputs
};

/// The members of one cohort and their models.
class CohortRound {
 public:
  CohortRound(std::uint32_t members, std::uint32_t parameters);

  /// `backend` adds the masks of Aggregation::secure.
  [[nodiscard]] RoundCost run(protocols::Aggregation aggregation, const crypto::MaskBackend& backend) const;

 private:
  std::uint32_t members_;
  std::uint32_t parameters_;
  std::vector<ParametersRef> models_;
  std::vector<std::shared_ptr<const crypto::Identity>> identities_;
};

}  // namespace hansa::bench
