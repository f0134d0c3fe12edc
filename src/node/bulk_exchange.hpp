// Models between nodes: frames of a training that are too large for one message are packed and offered, and
// offers of the other parties fetched. Chunks are checked and answered on the thread that they arrive on, so
// that none waits for the node's loop, and the next request is under way while the rest is being decrypted.
#pragma once

#include "protocols/bulk/bulk.hpp"
#include "protocols/envelope/types.hpp"
#include "src/node/buffer_pool.hpp"

#include <hansa/shared_bytes.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hansa::node {

/// Kinds of blobs: what to do with one that has been fetched.
inline constexpr std::uint8_t kFrameBlob = 1;  ///< a message of a training
inline constexpr std::uint8_t kFinalBlob = 2;  ///< the final model of a run, as floats

/// The functions are called on whichever thread brought the news, with the exchange locked: return soon, and
/// do not call it.
struct BulkExchangeConfig {
  using Key = crypto::PublicKey;
  using Run = crypto::Hash256;
  std::function<void(const Key& to, protocols::envelope::Type type, SharedBytes body, std::optional<Run> run)>
      send;
  /// A frame, or another kind of blob, is here, whole and checked.
  std::function<void(const Run& run, const Key& from, std::uint8_t kind, SharedBytes frame)> deliver;
  std::function<void(const Key& peer, protocols::bulk::Misdeed misdeed)> on_misbehaved;
  /// An offer is not taken, or a frame did not come.
  std::function<void(const Key& peer, const std::string& why)> on_failed;
  /// Offered frames that are kept for those who have not fetched them; the newest is always kept.
  std::size_t held_bytes_max = std::size_t{256} << 20;
  std::chrono::seconds held_for = std::chrono::minutes(2);
};

/// Thread-safe.
class BulkExchange {
 public:
  using Key = BulkExchangeConfig::Key;
  using Run = BulkExchangeConfig::Run;

  explicit BulkExchange(BulkExchangeConfig config);

  /// The runs whose frames are fetched. What was offered for others is let go.
  void set_runs(std::set<Run> runs);
  /// Offers `frame` to a party. Packing it, a fraction of a millisecond per MiB, is done here and once for
  /// all parties that get the same frame one after another.
  void offer(const Run& run, const Key& to, const SharedBytes& frame, std::uint8_t kind = kFrameBlob);
  /// Whose offers of a run's final model are taken up from now on; nobody's if there are none.
  void want_final(const Run& run, std::set<Key> holders);

  /// A message of bulk's types; `body` needs to live for the call only.
  void on_message(const Key& from, protocols::envelope::Type type, const std::optional<Run>& run,
                  std::span<const std::byte> body);
  void on_peer_down(const Key& peer);
  /// A few times a second.
  void tick();

  struct Counters {
    protocols::bulk::Counters bulk;
    std::uint64_t frames_packed = 0;
    std::size_t held_bytes = 0;
  };
  [[nodiscard]] Counters counters() const;

 private:
  using BlobId = protocols::bulk::BlobId;
  struct Held {
    BlobId id;
    Run run;
    std::size_t bytes = 0;
    Time since{};
  };
  struct Last {
    std::weak_ptr<const void> owner;
    std::span<const std::byte> bytes;
    BlobId id;
  };

  [[nodiscard]] Time now() const;
  [[nodiscard]] std::optional<BlobId> packed_before(const Run& run, const SharedBytes& frame) const;
  void take_offer(const Key& from, const Run& run, const protocols::bulk::Offer& offer);
  void let_go(std::size_t place);
  /// `run`: of offers among the effects.
  void perform(const std::optional<Run>& run = {});
  void deliver(const protocols::bulk::Fetched& fetched);

  const BulkExchangeConfig config_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  BufferPool pool_;

  mutable std::mutex mutex_;  // guards what follows
  protocols::bulk::Bulk bulk_;
  protocols::bulk::Effects effects_;  ///< of the call under way
  std::set<Run> runs_;
  std::map<Run, std::set<Key>> finals_;  ///< wanted, and from whom
  std::deque<Held> held_;                ///< oldest first
  std::size_t held_bytes_ = 0;
  std::map<Run, Last> last_;  ///< packed for each run
  std::map<BlobId, std::vector<std::pair<Run, Key>>> wanted_;
  std::uint64_t frames_packed_ = 0;
  Time trim_at_{};
  std::uint64_t moved_before_ = 0;  ///< chunks, when memory was last looked at
};

}  // namespace hansa::node
