// The nodes of the organisations, as these vouch for them. Each organisation manages its own nodes alone: no
// vote, only a certificate with a higher serial. Extra nodes buy no power, since votes and weights belong to
// organisations, and only the newest max_nodes count.
//
// What is kept depends only on the set of certificates seen, not on their order, so that all members come to
// the same list even if an organisation tells them different things.
#pragma once

#include "protocols/roster/layout.hpp"

#include <map>
#include <optional>
#include <set>
#include <vector>

namespace hansa::protocols::roster {

inline constexpr std::size_t kCertificatesKept = 2 * kNodesPerOrganisationMax;  ///< per organisation

/// A CURVE key and until when it is good.
struct AcceptedCurveKey {
  CurvePublicKey key{};
  std::uint32_t epoch = 1;
  UnixTime issued_at = 0;
};

/// One node as its certificate and its key rotations have it now.
struct NodeEntry {
  NodeCertificate certificate;
  std::optional<CurveRotation> rotation;  ///< of a later epoch than the certificate's

  /// The newest CURVE key.
  [[nodiscard]] AcceptedCurveKey curve() const noexcept;
  /// All that pass at `now`: the newest, and for a day the one before.
  [[nodiscard]] std::vector<CurvePublicKey> accepted_curves(UnixTime now) const;
};

/// What became of a certificate or rotation.
enum class Noted : std::uint8_t {
  taken,
  known,           ///< the same, or something newer, is here
  taken_conflict,  ///< taken, though the signer had signed something else with this serial or epoch
  known_conflict,  ///< not taken for that reason: what is here has the smaller hash
  unknown_node,    ///< a rotation for a node without certificate
};

/// Not thread-safe. The caller has checked signatures.
class NodeBook {
 public:
  Noted add(const NodeCertificate& certificate);
  Noted add(const CurveRotation& rotation);
  /// Forgets the organisations that are not in `keep`.
  void keep_only(const std::set<PublicKey>& keep);

  /// The newest `max_nodes` of `organisation` that are not retired; expired ones count as well. Ascending by
  /// node key.
  [[nodiscard]] std::vector<const NodeEntry*> nodes_of(const PublicKey& organisation,
                                                       std::size_t max_nodes) const;
  /// Whoever's it is; null if none.
  [[nodiscard]] const NodeEntry* find(const PublicKey& organisation, const PublicKey& node) const noexcept;
  /// The highest serial seen, 0 if none: the next certificate needs a higher one.
  [[nodiscard]] std::uint64_t last_serial(const PublicKey& organisation) const noexcept;
  /// Everything that is kept of `organisation`, as objects.
  [[nodiscard]] std::vector<Bytes> objects_of(const PublicKey& organisation) const;

 private:
  struct Book {
    std::map<PublicKey, NodeEntry> nodes;
    std::uint64_t floor = 0;  ///< certificates up to this serial had to go
  };
  std::map<PublicKey, Book> books_;
};

}  // namespace hansa::protocols::roster
