// Moving models between nodes. Nobody can push: a node that has something offers it, whoever wants it asks
// chunk by chunk, with a few requests open at a time, so a receiver decides how much memory and bandwidth it
// gives, and a chunk that was not asked for is dropped. Chunks are checked on arrival; one from another
// holder of the same blob is as good, so a slow or lying holder costs time and nothing else. What only one
// node has is its own word, which the connection proves already: of a large one, chunks that it cannot
// foresee are checked.
//
// A sans-I/O machine like a party: it is told what happened and what time it is, and answers with effects.
#pragma once

#include "protocols/bulk/layout.hpp"
#include "src/crypto/identity.hpp"

#include <hansa/result.hpp>
#include <hansa/types.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <variant>
#include <vector>

namespace hansa::protocols::bulk {

/// A node, by the key that signs its messages.
using Node = crypto::PublicKey;

/// Bytes and who keeps them alive.
struct Blob {
  std::shared_ptr<const void> owner;
  std::span<const std::byte> bytes;
};

/// Which chunks are checked of a large blob that only one node offers (docs/adr/0019). With a second holder
/// all are, and those that are here already as well.
struct SpotChecks {
  /// Chooses the chunks. A random secret of this process, or the sender knows what is not looked at; without
  /// it every chunk is checked.
  std::optional<std::array<std::byte, 32>> secret;
  std::uint8_t kind = 0;            ///< of the blobs that may be spot-checked; all others are checked wholly
  std::uint32_t whole_chunks = 32;  ///< a blob of so many is checked wholly: 8 MiB, 1.4 ms
  std::uint32_t one_in = 8;         ///< of the chunks of larger ones, on average
};

/// Each number with its reason.
struct Options {
  std::uint64_t blob_bytes_max = kBlobBytesMax;  ///< the largest that is fetched
  /// All blobs that are being put together; further ones wait for their turn.
  std::uint64_t memory_bytes_max = std::uint64_t{2} << 30;
  std::size_t fetches_max = 64;  ///< under way or waiting
  std::size_t credits = 4;       ///< open requests per transfer at first: 1 MiB
  /// Open requests at one holder, of all transfers, once it answers each within a sixteenth of `timeout`: 6
  /// MiB, less than a peer may have undelivered. On a busy machine every thread in between waits for its
  /// turn.
  std::size_t credits_max = 24;
  std::size_t transfers_per_peer = 2;           ///< so that one holder's uplink is not shared by many
  std::size_t holders_max = 16;                 ///< remembered per blob
  Duration timeout = std::chrono::seconds(15);  ///< of a request; four chunks at 1 Mbit/s take 8 s
  int strikes = 3;                              ///< timeouts until a holder is given up for this blob
  Memory memory = plain_memory;                 ///< for what is put together
  SpotChecks spot_checks{};
};

/// Put this on the wire.
struct Send {
  Node to{};
  Message message;
};
/// A peer has something. Nothing happens until fetch() is called.
struct Offered {
  Node from{};
  Offer offer;
};
/// A blob is here, complete and checked (or spot-checked, if the options have it so).
struct Fetched {
  BlobId id;
  std::uint8_t kind = 0;
  Blob blob;
};
/// No holder is left that would give it.
struct Failed {
  BlobId id;
  std::uint8_t kind = 0;
};
enum class Misdeed : std::uint8_t {
  bad_chunk,     ///< not the bytes of that chunk
  bad_manifest,  ///< not the list that the blob is named after
  late_chunk,    ///< asked for, and given up for lost
  unrequested,   ///< nobody asked for it
};
/// For the peer's score.
struct Misbehaved {
  Node peer{};
  Misdeed misdeed{};
};
using Effect = std::variant<Send, Offered, Fetched, Failed, Misbehaved>;
using Effects = std::vector<Effect>;

/// Counters since the start.
struct Counters {
  std::uint64_t chunks_received = 0, chunks_checked = 0, chunks_served = 0, timeouts = 0, refused = 0;
};

/// Not thread-safe; `now` never goes back. Checking a chunk takes 50 to 200 microseconds, by
/// the processor's vectors.
class Bulk {
 public:
  explicit Bulk(Options options = {}) noexcept : options_(std::move(options)) {}

  // Giving.
  /// Keeps `blob` for whoever it is offered to. `manifest` is manifest_of(blob.bytes).
  BlobId hold(Manifest manifest, Blob blob, std::uint8_t kind);
  /// Keeps a blob that lies ready; what it was packed from may go.
  BlobId hold(Packed packed, std::uint8_t kind);
  /// Offers a blob that is held to `to`; only those it was offered to get it. False if it is not held.
  bool offer(const BlobId& id, std::span<const Node> to, Effects& out);
  /// Lets go of a blob.
  void release(const BlobId& id);

  // Taking.
  /// Wants the blob; more holders may be added by calling it again, or by their offers. An error if it is too
  /// large or too much is wanted already.
  Result<void> fetch(const Offer& wanted, std::span<const Node> holders, Time now, Effects& out);
  /// Does not want it any more.
  void cancel(const BlobId& id, Time now, Effects& out);

  // Events.
  void on_message(const Node& from, const Message& message, Time now, Effects& out);
  void on_peer_down(const Node& peer, Time now, Effects& out);
  void on_deadline(Time now, Effects& out);
  /// When on_deadline wants to be called.
  [[nodiscard]] std::optional<Time> next_deadline() const;

  // Getters.
  [[nodiscard]] bool holds(const BlobId& id) const { return held_.contains(id); }
  [[nodiscard]] bool fetching(const BlobId& id) const { return fetches_.contains(id); }
  /// Bytes of the blobs that are being put together.
  [[nodiscard]] std::uint64_t memory_bytes() const noexcept { return memory_; }
  [[nodiscard]] const Counters& counters() const noexcept { return counters_; }

 private:
  struct Held {
    Manifest manifest;
    Blob blob;
    std::shared_ptr<const std::byte[]> bodies;  ///< if it was packed; `blob` is empty then
    std::uint8_t kind = 0;
    std::set<Node> readers;
  };
  struct Request {
    std::optional<std::uint32_t> chunk;  ///< none: the manifest
    Time asked{}, deadline{};
  };
  struct Holder {
    Node node{};
    int strikes = 0;
    bool usable = true;
    bool lied = false;                ///< gave a wrong chunk or list; its offers do not count any more
    std::vector<std::uint32_t> late;  ///< chunks that it was asked for in vain
  };
  struct Fetch {
    Offer wanted;
    std::uint64_t order = 0;  ///< first come, first served
    std::vector<Holder> holders;
    std::optional<Node> source;
    std::vector<Request> requests;  ///< open, at `source`
    std::size_t credits = 0;        ///< how many there may be; grows while `source` is fast
    std::optional<Manifest> manifest;
    std::shared_ptr<std::byte[]> data;  ///< from the manifest on
    std::vector<bool> have;
    std::vector<std::uint32_t> unchecked;  ///< chunks of the only holder that nobody has looked at
    bool reserved = false;                 ///< its size is part of memory_
    std::uint32_t missing = 0;
    std::uint32_t next = 0;  ///< no chunk below is unasked for and missing
  };
  using Fetches = std::map<BlobId, Fetch>;

  void serve(const Node& from, const ManifestRequest& request, Effects& out);
  void serve(const Node& from, const ChunkRequest& request, Effects& out);
  void take(const Node& from, const ManifestReply& reply, Time now, Effects& out);
  void take(const Node& from, const ChunkReply& reply, Time now, Effects& out);
  void take(const Node& from, const Refusal& refusal, Time now, Effects& out);
  void take(const Node& from, const Offer& offer, Time now, Effects& out);

  [[nodiscard]] Held* readable(const Node& by, const BlobId& id);
  [[nodiscard]] std::size_t transfers_from(const Node& holder) const;
  [[nodiscard]] std::size_t requests_at(const Node& holder) const;
  void add_holder(Fetch& fetch, const Node& node, Effects& out);
  /// Checks what was taken on trust from the holder that was the only one.
  void check_the_rest(Fetch& fetch, Effects& out);
  [[nodiscard]] bool may_trust(const Fetch& fetch, std::uint32_t index) const;
  [[nodiscard]] bool right(const Fetch& fetch, std::uint32_t index, std::span<const std::byte> data);
  [[nodiscard]] static Holder* holder(Fetch& fetch, const Node& node) noexcept;
  /// Ends what is under way with the source; its open chunks count as late if they still come.
  void leave(Fetch& fetch);
  /// Never takes this blob from `node` again: it lied.
  void expel(Fetch& fetch, const Node& node);
  void store(Fetches::iterator fetch, const Node& from, const ChunkReply& reply, Effects& out);
  /// A reply that no fetch waits for: an answer to what has been cancelled, or a push.
  void unexpected(const Node& from, Effects& out);
  /// Starts, goes on with, or gives up whatever can be.
  void pump(Time now, Effects& out);
  void find_source(Fetch& fetch) const;
  void ask(Fetch& fetch, Time now, Effects& out) const;
  void forget(Fetches::iterator fetch);

  Options options_;
  std::map<BlobId, Held> held_;
  Fetches fetches_;
  std::map<Node, std::size_t> owed_;  ///< replies that may still come for fetches that are over
  std::uint64_t memory_ = 0;
  std::uint64_t order_ = 0;
  Counters counters_;
};

}  // namespace hansa::protocols::bulk
