#include "protocols/envelope/replay_window.hpp"

#include <utility>

namespace hansa::protocols::envelope {

/// Makes `sequence` the highest: the places of the numbers in between are free again.
void ReplayWindow::advance(std::uint64_t sequence) noexcept {
  if (sequence - highest_ >= kReplayWindow) {
    seen_.fill(0);
  } else {
    for (std::uint64_t s = highest_ + 1; s <= sequence; ++s) word(s) &= ~(std::uint64_t{1} << s % 64);
  }
  highest_ = sequence;
}

Freshness ReplayWindow::admit(std::uint64_t boot, std::uint64_t sequence) noexcept {
  if (boot < boot_) return Freshness::old_boot;
  if (sequence == 0) return Freshness::replayed;
  if (boot > boot_) *this = ReplayWindow(boot);
  if (sequence > highest_) {
    advance(sequence);
  } else if (highest_ - sequence >= kReplayWindow) {
    return Freshness::replayed;
  }
  const std::uint64_t bit = std::uint64_t{1} << sequence % 64;
  if ((word(sequence) & bit) != 0) return Freshness::replayed;
  word(sequence) |= bit;
  return Freshness::fresh;
}

void ReplayGuard::expect_boot(const crypto::PublicKey& sender, std::uint64_t boot) {
  const auto [window, added] = windows_.try_emplace(sender, boot);
  if (!added && window->second.boot() < boot) window->second = ReplayWindow(boot);
}

Freshness ReplayGuard::admit(const crypto::PublicKey& sender, std::uint64_t boot, std::uint64_t sequence) {
  return windows_[sender].admit(boot, sequence);
}

std::optional<std::uint64_t> ReplayGuard::boot_of(const crypto::PublicKey& sender) const {
  const auto found = windows_.find(sender);
  if (found == windows_.end()) return std::nullopt;
  return found->second.boot();
}

void ReplayGuard::retain(std::span<const crypto::PublicKey> senders) {
  std::map<crypto::PublicKey, ReplayWindow> kept;
  for (const crypto::PublicKey& sender : senders) {
    if (auto node = windows_.extract(sender)) kept.insert(std::move(node));
  }
  windows_ = std::move(kept);
}

}  // namespace hansa::protocols::envelope
