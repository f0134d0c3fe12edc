// Errors are values. A function that can fail for reasons outside the program returns `Result<T>`: either the
// value, or an `Error` that says what is wrong, where, and what to do about it.
#pragma once

#include <hansa/assert.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace hansa {

/// What kind of failure it is; the command line turns it into an exit code (docs/cli.md).
enum class ErrorKind {
  failed,       ///< the operation did not work out (exit 1)
  usage,        ///< the caller asked for something that cannot be: bad option, bad configuration (exit 2)
  bad_data,     ///< a file or a message is malformed (exit 1)
  missing,      ///< something that must exist does not (exit 1)
  not_built,    ///< a documented feature that this version does not have yet (exit 2)
  unreachable,  ///< nobody answers there (exit 3)
  denied,       ///< the caller may not: wrong token, wrong passphrase, no right to read (exit 4)
  timeout,      ///< it did not happen in time (exit 5)
  waiting,      ///< not yet: others must agree first (exit 6)
  conflict,     ///< somebody else was faster, or the roster is forked (exit 7)
  interrupted,  ///< Ctrl-C (exit 130)
};

/// As programs read it: in JSON errors of the command line and of the HTTP API.
constexpr std::string_view name_of(ErrorKind kind) noexcept {
  constexpr std::array<std::string_view, 11> kNames = {"failed",    "usage",       "bad_data",   "missing",
                                                       "not_built", "unreachable", "denied",     "timeout",
                                                       "waiting",   "conflict",    "interrupted"};
  return kNames[static_cast<std::size_t>(kind)];
}

/// A failure as a value: a sentence for people, and a kind for programs.
struct Error {
  ErrorKind kind = ErrorKind::failed;
  std::string message;  ///< what is wrong and where, e.g. "bank.csv:17: expected 17 columns, found 3"
  std::string hint;     ///< what to do about it; may be empty
};

/// Either a `T` or an `Error`. Reading the wrong side is a programming error and asserts.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit by design
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  [[nodiscard]] bool ok() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }

  [[nodiscard]] T& value() & {
    HANSA_ASSERT(ok());
    return std::get<0>(state_);
  }
  [[nodiscard]] const T& value() const& {
    HANSA_ASSERT(ok());
    return std::get<0>(state_);
  }
  /// By value: a reference into a temporary would dangle in `for (auto& x : f().value())`.
  [[nodiscard]] T value() && {
    HANSA_ASSERT(ok());
    return std::get<0>(std::move(state_));
  }
  [[nodiscard]] const Error& error() const& {
    HANSA_ASSERT(!ok());
    return std::get<1>(state_);
  }
  [[nodiscard]] Error&& error() && {
    HANSA_ASSERT(!ok());
    return std::get<1>(std::move(state_));
  }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Error> state_;
};

/// A `Result` that carries nothing but success or failure.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}  // NOLINT: implicit by design

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  explicit operator bool() const noexcept { return ok_; }
  [[nodiscard]] const Error& error() const& {
    HANSA_ASSERT(!ok_);
    return error_;
  }
  [[nodiscard]] Error&& error() && {
    HANSA_ASSERT(!ok_);
    return std::move(error_);
  }

 private:
  Error error_;
  bool ok_ = true;
};

}  // namespace hansa
