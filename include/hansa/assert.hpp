// Assertions for our own mistakes. They stay on in release builds: a wrong answer costs more than a stop.
// Never use them on anything that came from a user, a file or the network; those are `Result` errors.
#pragma once

namespace hansa {

/// Prints the failed expression and its place to stderr and aborts. Thread-safe, never returns.
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace hansa

#define HANSA_ASSERT(expression)                        \
  (static_cast<bool>(expression) ? static_cast<void>(0) \
                                 : ::hansa::assertion_failed(#expression, __FILE__, __LINE__))
