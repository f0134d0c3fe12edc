// Text that must not outlive its use: a passphrase, a secret key as libzmq wants it. Like Secret<N>, it
// overwrites itself, also when it grows; it has no comparison and no printing on purpose.
#pragma once

#include "src/crypto/random.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hansa::crypto {

/// Secret characters. Movable; a copy would be one more place to wipe. Not thread-safe.
class SecretText {
 public:
  SecretText() = default;
  explicit SecretText(std::string_view text) : text_(text.begin(), text.end()) {}
  SecretText(SecretText&& other) noexcept : text_(std::exchange(other.text_, {})) {}
  SecretText& operator=(SecretText&& other) noexcept {
    if (this != &other) {
      clear();
      text_ = std::exchange(other.text_, {});
    }
    return *this;
  }
  ~SecretText() { clear(); }

  /// Takes over `text` and overwrites it.
  [[nodiscard]] static SecretText take(std::string& text) {
    SecretText secret(text);
    wipe(std::as_writable_bytes(std::span(text.data(), text.size())));
    text.clear();
    return secret;
  }

  void push_back(char character) {
    if (text_.size() == text_.capacity()) {  // std::vector would leave the old characters behind
      std::vector<char> grown;
      grown.reserve(text_.capacity() < 32 ? 64 : 2 * text_.capacity());
      grown.assign(text_.begin(), text_.end());
      wipe(std::as_writable_bytes(std::span(text_)));
      text_ = std::move(grown);
    }
    text_.push_back(character);
  }
  void pop_back() {
    if (text_.empty()) return;
    text_.back() = 0;
    text_.pop_back();
  }
  void clear() noexcept {
    wipe(std::as_writable_bytes(std::span(text_)));
    text_.clear();
  }

  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return text_.size(); }
  /// WARNING: the characters themselves, for the one call that needs them. Never print or keep them.
  [[nodiscard]] std::string_view reveal() const noexcept { return {text_.data(), text_.size()}; }

 private:
  std::vector<char> text_;
};

}  // namespace hansa::crypto
