// Serves the sample node until its input ends: for looking at the dashboard (tests/http/browser.py). Prints
// the port. `--live` completes a round every second; a number after it is the port.
#include "src/http/server.hpp"
#include "tests/http/fake_node.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string_view>

int main(int argc, char** argv) {
  using namespace hansa::http;
  const bool live = argc > 1 && std::string_view(argv[1]) == "--live";
  test::FakeNode node(test::sample_view(std::time(nullptr)));
  const auto server = Server::start(
      node, {.port = std::uint16_t(argc > 2 ? std::atoi(argv[2]) : 0), .token = "preview-preview-preview"});
  if (!server) return 1;
  std::printf("%u\n", unsigned((*server)->port()));
  std::fflush(stdout);
  while (true) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    char byte;
    if (::poll(&input, 1, 1000) > 0 && ::read(STDIN_FILENO, &byte, 1) <= 0) return 0;
    if (!live) continue;
    const std::string run = node.view()->runs[1].id;
    node.change(
        [](NodeView& view) {
          RunView& training = view.runs[1];
          // On and on: on a busy machine a browser looks when a run of 40 rounds would be over.
          training.rounds = std::max(training.rounds, training.round + 1);
          RoundView next = training.history.back();
          next.round = ++training.round;
          next.seconds += 3;
          std::vector<RoundView> history = training.history.all();
          history.push_back(next);
          training.history = RoundViews(std::move(history));
        },
        {"round", run});
  }
}
