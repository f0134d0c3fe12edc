// Who may connect and who may stay: the allow-list, how often an address may try, and what a peer's conduct
// has cost it. No sockets here; the time is passed in.
#pragma once

#include "src/net/transport.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hansa::net {

/// Lets `burst` through at once and `per_second` from then on.
class TokenBucket {
 public:
  /// Whether one more may pass at `now`; takes a token if so.
  [[nodiscard]] bool take(const Rate& rate, Time now) noexcept;
  /// Whether take() would.
  [[nodiscard]] bool ready(const Rate& rate, Time now) const noexcept;
  /// Whether it is as good as new.
  [[nodiscard]] bool full(const Rate& rate, Time now) const noexcept;

 private:
  [[nodiscard]] double level(const Rate& rate, Time now) const noexcept;
  double used_ = 0;  // so that a new bucket is full
  Time at_{};
};

/// Not thread-safe.
class Admission {
 public:
  explicit Admission(const Limits& limits) noexcept : limits_(limits) {}

  /// Both keys of every peer lead to its `key`.
  void set_peers(std::span<const Peer> peers);
  /// The peer whose connection key this is; none if it is not listed.
  [[nodiscard]] std::optional<CurvePublic> owner(const CurvePublic& key) const;
  [[nodiscard]] std::size_t peers() const noexcept { return peers_; }

  /// Verdict on a handshake. In the lobby everybody is accepted who is not quarantined.
  [[nodiscard]] Handshake decide(Channel channel, const CurvePublic& key, std::string_view address, Time now);
  /// Refuses this key everywhere, also in the lobby: the key of a probe. None: nobody.
  void refuse(std::optional<CurvePublic> key) noexcept { refused_ = key; }

  /// Takes `points` (a negative number) from `peer`. True if it has just reached the floor, and with that is
  /// quarantined.
  [[nodiscard]] bool penalise(const CurvePublic& peer, int points, Time now);
  void quarantine(const CurvePublic& peer, Time now);
  /// The peer is called `now` from here on, and has its conduct with it.
  void rename(const CurvePublic& before, const CurvePublic& now);
  [[nodiscard]] bool quarantined(const CurvePublic& peer, Time now) const noexcept;
  [[nodiscard]] double score(const CurvePublic& peer, Time now) const noexcept;
  /// Forgets what is too old to matter. Cheap; call it now and then.
  void prune(Time now);

 private:
  struct Standing {
    double score = 0;  ///< at `at`
    Time at{};
    Time quarantined_until{};
  };
  struct Address {
    TokenBucket members, strangers;
  };

  [[nodiscard]] double recovered(const Standing& standing, Time now) const noexcept;

  Limits limits_;
  std::size_t peers_ = 0;
  std::map<CurvePublic, CurvePublic> owners_;
  std::map<CurvePublic, Standing> standings_;
  std::map<std::string, Address, std::less<>> addresses_;
  std::optional<CurvePublic> refused_;
};

}  // namespace hansa::net
