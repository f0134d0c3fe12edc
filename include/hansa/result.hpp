// Errors are values. A function that can fail for reasons outside the program returns `Result<T>`: either the
// value, or an `Error` that says what is wrong, where, and what to do about it.
#pragma once

#include <hansa/assert.hpp>

#include <string>
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
  interrupted,  ///< Ctrl-C (exit 130)
};

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
