// Ctrl-C once: finish early and keep what there is. Ctrl-C twice: stop at once.
#pragma once

#include <atomic>

namespace hansa::cli {

/// Installs a handler for SIGINT and SIGTERM that sets the returned flag, once; a second signal ends the
/// process in the ordinary way. Call it on the main thread, before others are started.
const std::atomic<bool>* watch_for_interrupt();

}  // namespace hansa::cli
