// Keeps what parties emit, and checks that nobody calls it from two threads.
#pragma once

#include "src/exec/driver.hpp"

#include <map>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace hansa::actors::testing {

class RecordingSink final : public exec::EventSink {
 public:
  void on_event(PartyId party, const protocols::Event& event, Time now) override {
    EXPECT_EQ(std::this_thread::get_id(), thread_) << "the sink is called by whoever called run()";
    EXPECT_GE(now, last_[party]) << "time went back";
    last_[party] = now;
    if (const auto* finished = std::get_if<protocols::Finished>(&event)) {
      models_[party].assign(finished->model.data(), finished->model.data() + finished->model.size());
    } else if (const auto* completed = std::get_if<protocols::RoundCompleted>(&event)) {
      EXPECT_EQ(completed->completed, rounds_[party]++) << "rounds in order, each once, from 0";
    } else {
      ++complaints_;
    }
  }

  /// Final models by party.
  [[nodiscard]] const std::map<PartyId, std::vector<float>>& models() const { return models_; }
  /// Missing peers, skipped rounds, rejected messages.
  [[nodiscard]] int complaints() const { return complaints_; }

 private:
  std::thread::id thread_ = std::this_thread::get_id();
  std::map<PartyId, Time> last_;
  std::map<PartyId, Round> rounds_;
  std::map<PartyId, std::vector<float>> models_;
  int complaints_ = 0;
};

}  // namespace hansa::actors::testing
