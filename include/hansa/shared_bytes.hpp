// Bytes that nobody may change, and who keeps them alive: a message on its way can be part of something
// larger, such as a model that goes to several peers, without a copy of its own.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace hansa {

/// Copying costs a reference. Used like a pointer to a span; thread-safe like shared_ptr<const>.
class SharedBytes {
 public:
  SharedBytes() = default;
  SharedBytes(std::nullptr_t) noexcept {}  // NOLINT: none
  /// `owner` keeps `bytes` alive; null if something else does.
  SharedBytes(std::shared_ptr<const void> owner, std::span<const std::byte> bytes) noexcept
      : owner_(std::move(owner)), bytes_(bytes) {}
  /// All of a vector, null for none.
  SharedBytes(std::shared_ptr<const std::vector<std::byte>> bytes) noexcept  // NOLINT: meant to convert
      : bytes_(bytes == nullptr ? std::span<const std::byte>() : std::span<const std::byte>(*bytes)) {
    owner_ = std::move(bytes);
  }
  SharedBytes(std::shared_ptr<std::vector<std::byte>> bytes) noexcept  // NOLINT: meant to convert
      : SharedBytes(std::shared_ptr<const std::vector<std::byte>>(std::move(bytes))) {}

  [[nodiscard]] std::span<const std::byte> operator*() const noexcept { return bytes_; }
  [[nodiscard]] const std::span<const std::byte>* operator->() const noexcept { return &bytes_; }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] const std::shared_ptr<const void>& owner() const noexcept { return owner_; }

 private:
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
};

}  // namespace hansa
