// Every number of the transport in one place, each with its reason. ZeroMQ's own limits count messages, not
// bytes, and not at all what an unfinished message holds; the guard's numbers close that gap.
#pragma once

#include <hansa/types.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hansa::net {

/// A rate with room for bursts.
struct Rate {
  double per_second = 1;
  double burst = 1;
};

struct Limits {
  // Frames, in bytes on the wire: ZeroMQ counts its 33 bytes of encryption as well.
  std::size_t control_frame_bytes = 72 * 1024;  ///< 64 KiB of message
  std::size_t bulk_frame_bytes = 320 * 1024;    ///< a 256 KiB chunk, or a roster
  std::size_t lobby_frame_bytes = 16 * 1024;    ///< strangers have a request to file, nothing more

  // What a sender may leave unsent. More would be memory held for a peer that does not read.
  std::size_t queued_bytes = std::size_t{64} << 20;         ///< bulk, per peer
  std::size_t queued_control_bytes = std::size_t{8} << 20;  ///< control and lobby, per peer
  std::size_t queued_frames = 4096;                         ///< per peer and channel
  Duration queue_age =
      std::chrono::seconds(10);  ///< unsent messages of a peer that is away are stale by then, and dropped

  /// How fast control messages leave for one peer: what is over it waits. Below what a receiver takes even if
  /// it has stood still for ten seconds and gets at once what was sent meanwhile.
  Rate control_sent{1500, 3000};

  // What a receiver takes.
  Rate control_messages{2000, 20'000};  ///< per peer; five parties on one machine use some 400 a second
  Rate lobby_messages{1, 16};           ///< per stranger; a founder tells its request and its votes at once
  Rate handshakes{10, 20};              ///< per IP address; members and strangers have a bucket each
  std::size_t addresses = 4096;         ///< IP addresses whose handshakes are counted

  // Connections.
  std::size_t connections_base = 64;     ///< per listening socket, besides those of
  std::size_t connections_per_peer = 4;  ///< each peer: two channels, and twice that while it reconnects
  std::size_t lobby_connections = 16;
  std::size_t open_files = 4096;  ///< asked of the system when the transport opens
  Duration unnamed =
      std::chrono::seconds(5);  ///< an accepted connection that has not said a word by then is closed
  Duration quiet = std::chrono::hours(
      24);  ///< one that delivered nothing for so long is closed; an honest dialler comes back

  // The byte budget: what TCP has received on a connection and ZeroMQ has not delivered is held in memory.
  Duration budget_interval = std::chrono::milliseconds(50);
  std::size_t undelivered_bytes = std::size_t{8} << 20;
  std::size_t undelivered_unnamed_bytes = std::size_t{4}
                                          << 20;  ///< from a connection without a first message
  double heartbeat_bytes_per_second = 32;  ///< pings never arrive as messages; they take about half of this
  Duration quarantine =
      std::chrono::minutes(10);  ///< how long a peer stays out whose budget or score is spent

  // Scores: 0 is good; at `score_floor` a peer is kicked. Points come back over `score_recovery`.
  int points_bad_signature = -100;
  int points_invalid = -10;
  int points_late = -1;
  int points_false = -60;  ///< twice within some minutes, and it is out
  int points_flood = -1;
  int score_floor = -100;
  Duration score_recovery = std::chrono::minutes(10);  ///< from the floor back to 0
  Duration score_memory = std::chrono::hours(1);       ///< a peer that left is remembered so long

  // Timing of connections.
  Duration handshake =
      std::chrono::seconds(2);  ///< slow ones make room for honest ones (the default of 30 s does not)
  Duration heartbeat_interval = std::chrono::seconds(5);
  Duration heartbeat_timeout = std::chrono::seconds(15);
  Duration reconnect_min = std::chrono::milliseconds(500);
  Duration reconnect_max = std::chrono::seconds(30);
  Duration probe_timeout = std::chrono::seconds(5);  ///< for the test at start that strangers are refused
  int high_water_mark = 64;                          ///< messages inside ZeroMQ per connection and direction
};

}  // namespace hansa::net
