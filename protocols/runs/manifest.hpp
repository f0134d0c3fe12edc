// What a training run is, before anybody trains: a manifest that its proposer signs, and the few statements
// that nodes sign about it. Each has one fixed byte layout (docs/wire-format.md); what is signed is exactly
// what travels and what is kept, so nothing is ever encoded twice.
//
// A manifest carries everything that must be the same at every party (the resolved configuration, the data
// schema, the privacy statement) and nothing that is anybody's own: which file a party trains on never leaves
// its node.
#pragma once

#include "src/crypto/hash.hpp"
#include "src/crypto/identity.hpp"

#include <hansa/result.hpp>
#include <hansa/types.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace hansa::protocols::runs {

using Bytes = std::vector<std::byte>;
using BytesView = std::span<const std::byte>;
using NodeKey = crypto::PublicKey;
using crypto::Hash256;

/// The hash of a manifest's bytes; it names the run in everything that is said about it.
using RunId = Hash256;

/// All limits of what is accepted from others. A statement fits into one control message.
struct Limits {
  std::size_t name_bytes_max = 64;
  std::size_t config_bytes_max = 24 * 1024;  ///< the resolved configuration has some 7 KiB
  std::size_t schema_bytes_max = 24 * 1024;  ///< some hundred categories a column
  std::size_t privacy_bytes_max = 8 * 1024;
  std::size_t parties_max = 64;  ///< a secure sum's sets are 64-bit words
  std::size_t reason_bytes_max = 256;
  std::size_t runs_max = 256;           ///< that a node remembers
  std::int64_t clock_skew_max_s = 300;  ///< between a statement's time and ours
};
inline constexpr Limits kLimits;

struct RunManifest {
  Hash256 consortium;
  std::uint32_t roster_version = 0;
  Hash256 roster_hash;
  NodeKey proposer{};
  std::int64_t created_at_s = 0;  ///< Unix time
  std::int64_t approve_by_s = 0;  ///< when the proposer stops waiting for approvals
  std::uint32_t quorum = 0;       ///< parties that must approve, 2 to all
  std::vector<NodeKey> parties;   ///< who is asked, ascending
  std::string name;               ///< for people
  std::string config;             ///< TOML, resolved (config::to_toml)
  std::string schema;             ///< of CSV data, TOML; empty if the data needs none
  std::string privacy;            ///< what each party can learn, as it was shown to the proposer
};

/// "My organisation takes part", by a party of the manifest.
struct Approve {};
/// One party's Approve, as it is repeated in Begin.
struct Approval {
  NodeKey party{};
  std::int64_t said_at_s = 0;
  crypto::Signature signature{};
};
/// "It begins with these", by the proposer. The order numbers the parties.
struct Begin {
  std::vector<Approval> approvals;  ///< ascending by party
};
/// "I have finished `rounds` rounds and hold this model", by a party.
struct Finish {
  std::uint32_t rounds = 0;
  Hash256 model;  ///< model_hash()
};
/// "I take no further part", by a party.
struct Stop {
  std::string reason;
};

/// What somebody signed about a run.
struct Statement {
  RunId run;
  NodeKey signer{};
  std::int64_t said_at_s = 0;
  std::variant<RunManifest, Approve, Begin, Finish, Stop> what;
};
enum class StatementType : std::uint8_t { propose = 1, approve = 2, begin = 3, finish = 4, stop = 5 };
inline constexpr std::size_t kStatementTypes = 6;  ///< one past the last

/// Signs `what` about `run` (a manifest: about itself) and returns the statement's bytes.
/// Precondition: within kLimits.
[[nodiscard]] Bytes sign_statement(const crypto::Identity& signer, const RunId& run, std::int64_t said_at_s,
                                   const decltype(Statement::what)& what);

/// The statement in `bytes`, if it is whole, within kLimits, in the one layout, and signed by its signer.
/// Whether the signer may say it is for RunBook to judge.
[[nodiscard]] Result<Statement> read_statement(BytesView bytes);

/// The hash that approvals, sums and results of a run are bound to.
[[nodiscard]] RunId run_id(BytesView manifest_body) noexcept;
/// The hash of a model's floats as they lie in memory (little-endian).
[[nodiscard]] Hash256 model_hash(std::span<const float> model) noexcept;
/// The signature at the end of a statement that read_statement accepted.
[[nodiscard]] crypto::Signature signature_of(BytesView statement) noexcept;
/// Whether `approval` is a valid Approve of `run`.
[[nodiscard]] bool verify_approval(const RunId& run, const Approval& approval);

}  // namespace hansa::protocols::runs
