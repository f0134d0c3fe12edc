// The sockets of a node: CURVE-encrypted ZeroMQ, one thread that owns them all, bytes in and bytes out. Who
// may connect stands in an allow-list that follows the roster; nobody else gets through a handshake, and a
// peer that is taken off the list is cut off on its live connections as well, which ZeroMQ alone cannot do.
//
// A frame travels on the connection that its sender dialled; only peers that cannot be dialled are answered
// on the connection that they dialled. So two nodes that know each other's endpoints have two connections per
// channel, each used one way, and there is no race about which of them survives. A dialler first sends two
// empty frames (the greeting), which name the connection to the listener.
//
// Identity is the CURVE public key that the handshake proved, never a routing id, which a client can choose.
#pragma once

#include "src/crypto/curve_key.hpp"
#include "src/net/limits.hpp"

#include <hansa/result.hpp>
#include <hansa/shared_bytes.hpp>
#include <hansa/types.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hansa::net {

using Bytes = std::vector<std::byte>;
using crypto::CurveKey;
/// What the allow-list holds, and what frames are attributed to.
using CurvePublic = crypto::CurvePublicKey;

/// Small urgent messages, model chunks, and strangers with a ticket: each has sockets of its own, so that a
/// model never delays a heartbeat and a stranger never takes a member's place.
enum class Channel : std::uint8_t { control, bulk, lobby };
inline constexpr std::size_t kChannels = 3;
[[nodiscard]] std::string_view name_of(Channel channel) noexcept;

/// One entry of the allow-list.
struct Peer {
  CurvePublic key{};  ///< frames from and to this peer are named by it
  /// The key before this one, also accepted, and tried when dialling: a rotation under way. A peer that comes
  /// to be listed with the key that it had as `other_key` here is the same peer: its connections stay as long
  /// as their keys are listed, and so does what is queued for it.
  std::optional<CurvePublic> other_key;
  std::string control_endpoint;  ///< e.g. "tcp://10.0.0.2:7717"; empty: not dialled, answered only
  std::string bulk_endpoint;

  friend bool operator==(const Peer&, const Peer&) = default;
};

/// Results of handshakes, at either end.
enum class Handshake : std::uint8_t {
  accepted,     ///< a peer on the list, or a stranger in the lobby
  unknown,      ///< not on the list
  quarantined,  ///< on the list, but its budget or score is spent
  too_fast,     ///< its address has tried too often
  dialled,      ///< we dialled, and were admitted
  denied,       ///< we dialled, and were refused; tried again later
  failed,       ///< we dialled, and it broke off: other server key, not our protocol, closed
};
inline constexpr std::size_t kHandshakes = 7;
[[nodiscard]] std::string_view name_of(Handshake result) noexcept;

/// Why a live connection was cut.
enum class Kick : std::uint8_t {
  removed,  ///< its peer is no longer on the list
  budget,   ///< more bytes held undelivered than allowed
  score,    ///< too many points lost
  crowded,  ///< too many connections; the oldest that had not said who it is
  unnamed,  ///< said nothing after connecting
  quiet,    ///< delivered nothing for a day
};
inline constexpr std::size_t kKicks = 6;
[[nodiscard]] std::string_view name_of(Kick reason) noexcept;

/// Why a message that arrived was dropped.
enum class Rejection : std::uint8_t {
  unlisted,     ///< its sender has been taken off the list
  quarantined,  ///< its sender's budget or score is spent
  frame_count,  ///< not exactly two frames
  rate,         ///< more messages than allowed
};
inline constexpr std::size_t kRejections = 4;
[[nodiscard]] std::string_view name_of(Rejection reason) noexcept;

/// Counters since the transport was opened.
struct Stats {
  struct PerChannel {
    std::uint64_t messages_in = 0, messages_out = 0;
    std::uint64_t bytes_in = 0, bytes_out = 0;  ///< of header and body, without encryption
    std::uint64_t queue_full = 0;               ///< refused by send()
    std::uint64_t stale = 0;                    ///< accepted by send(), never sent
    std::uint64_t connections = 0;              ///< accepted and open now
  };
  std::array<PerChannel, kChannels> channels{};
  std::array<std::uint64_t, kHandshakes> handshakes{};
  std::array<std::uint64_t, kKicks> kicks{};
  std::array<std::uint64_t, kRejections> rejected{};
};

/// One peer of the list, since it was listed.
struct PeerStats {
  CurvePublic key{};
  std::uint64_t bytes_in = 0, bytes_out = 0;  ///< of header and body, without encryption
  double score = 0;                           ///< 0 is good, -100 the floor
  bool quarantined = false;
  /// Whether it has shown that our newest key is on its list: by dialling it, or by letting us in with it.
  bool knows_our_key = false;
};

/// Told what happens, from the transport's own thread: return soon, and do not destroy the transport in it.
/// All other functions of the transport may be called from here, except open_lobby and rotate, which wait for
/// it.
class Sink {
 public:
  virtual ~Sink() = default;
  /// A message of a peer on the list, or on Channel::lobby of anybody. The bytes live until the call returns.
  virtual void on_frame(const CurvePublic& from, Channel channel, std::span<const std::byte> header,
                        std::span<const std::byte> body) = 0;
  /// Messages on the control channel can reach `peer` now, or no longer.
  virtual void on_peer(const CurvePublic& peer, bool up) = 0;
  /// A message was dropped.
  virtual void on_rejected(Rejection reason) = 0;
};

struct TransportOptions {
  CurveKey keys = CurveKey::generate();
  /// What `keys` replaced: with it we dial peers that refuse the new key, because nobody could tell them yet.
  std::optional<CurveKey> previous_keys;
  std::string consortium;  ///< goes into the authentication domains: keeps two consortia on a host apart
  std::string control_endpoint;  ///< e.g. "tcp://0.0.0.0:7717", port 0 for a free one; empty: outbound only
  std::string bulk_endpoint;
  Limits limits;
  /// False leaves authentication out, as a faulty build or library would. open() must then refuse to start;
  /// tests see to that. It has no other use.
  bool authenticate = true;
};

/// A kick, for scores that upper rooms keep about messages: what kind of offence it was.
enum class Offence : std::uint8_t {
  bad_signature,
  invalid_message,
  late_chunk,
  false_chunk,  ///< bytes that are not what their hash says; nobody but the sender can have changed them
};

/// All functions are thread-safe. The destructor closes every socket and drops what is queued.
class Transport {
 public:
  /// Binds the sockets and dials each of them with a random key; fails unless that is refused. `sink` must
  /// outlive the transport.
  [[nodiscard]] static Result<std::unique_ptr<Transport>> open(TransportOptions options, Sink& sink);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  /// Replaces the allow-list: new peers are dialled, those who are gone are cut off, changed endpoints
  /// redialled. The node's own key is skipped. Returns at once; from then on nothing is sent to peers that
  /// are gone, and within milliseconds nothing is taken from them.
  void set_peers(std::vector<Peer> peers);

  /// Queues a message of two frames and returns at once. False if `to` is not on the list (or, in the lobby,
  /// not connected) or has too much queued. True is no promise that it arrives.
  bool send(const CurvePublic& to, Channel channel, SharedBytes header, SharedBytes body);

  /// Takes points from `peer`; at the floor it is cut off and stays out for a while.
  void penalise(const CurvePublic& peer, Offence offence);

  /// Opens the lobby at `endpoint` and returns what was bound. Waits until it is open.
  Result<std::string> open_lobby(const std::string& endpoint);
  void close_lobby();
  /// Dials the lobby of the node with this key, or hangs up (none). Messages go both ways on Channel::lobby.
  void dial_lobby(std::optional<Peer> host);

  /// Takes new keys: binds again with the new one, redials everybody. Peers should have it on their lists by
  /// then, beside the old one; those that have not are dialled with the old one. Waits until done. After an
  /// error the transport listens on nothing and must be closed.
  Result<void> rotate(CurveKey keys);

  /// Has the destructor send what is queued for peers that are connected first, for at most `patience`.
  void linger(Duration patience);

  /// What was bound, e.g. "tcp://127.0.0.1:35671"; empty if outbound only.
  [[nodiscard]] std::string control_endpoint() const;
  [[nodiscard]] std::string bulk_endpoint() const;
  [[nodiscard]] Stats stats() const;
  /// Of every peer on the list, at most a second old.
  [[nodiscard]] std::vector<PeerStats> peer_stats() const;

 private:
  struct Impl;
  explicit Transport(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hansa::net
