// A lock-free atomic and write(2) are all that a signal handler may touch.
#include "cli/interrupt.hpp"

#include <unistd.h>
#include <csignal>
#include <string_view>

namespace hansa::cli {

namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void on_signal(int) {
  interrupted.store(true, std::memory_order_relaxed);
  constexpr std::string_view kNote =
      "\nhansa: stopping; what there is will be written (once more: stop at once)\n";
  [[maybe_unused]] const auto written = write(STDERR_FILENO, kNote.data(), kNote.size());
}

}  // namespace

const std::atomic<bool>* watch_for_interrupt() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return &interrupted;
}

}  // namespace hansa::cli
