// Exchanges joined by a queue instead of sockets: what is packed, kept and delivered, and for how long.
#include "src/node/bulk_exchange.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <vector>

namespace hansa::node {
namespace {

using Bytes = std::vector<std::byte>;
using Key = BulkExchange::Key;
using Run = BulkExchange::Run;
using protocols::envelope::Type;

Key key(std::size_t number) { return Key{static_cast<std::byte>(number)}; }
Run run(int number) { return {{static_cast<std::byte>(number)}}; }

SharedBytes frame(std::size_t size, int seed = 0) {
  auto bytes = std::make_shared<Bytes>(size);
  for (std::size_t i = 0; i < size; ++i)
    (*bytes)[i] = static_cast<std::byte>(i * 7 + i / 251 + static_cast<std::size_t>(seed));
  return bytes;
}

/// Nodes whose mail waits in one queue until run().
struct Mesh {
  struct Mail {
    std::size_t from, to;
    Type type;
    SharedBytes body;
    std::optional<Run> run;
  };
  struct Delivered {
    std::size_t at;
    Run run;
    Key from;
    Bytes bytes;
    std::uint8_t kind;
  };

  explicit Mesh(std::size_t nodes, std::size_t held_bytes_max = std::size_t{256} << 20) {
    for (std::size_t i = 0; i < nodes; ++i) {
      BulkExchangeConfig config;
      config.send = [this, i](const Key& to, Type type, SharedBytes body, std::optional<Run> of) {
        queue.push_back({i, std::to_integer<std::size_t>(to[0]), type, std::move(body), of});
      };
      config.deliver = [this, i](const Run& of, const Key& from, std::uint8_t kind, SharedBytes bytes) {
        delivered.push_back({i, of, from, Bytes(bytes->begin(), bytes->end()), kind});
      };
      config.on_misbehaved = [this](const Key&, protocols::bulk::Misdeed) { ++misdeeds; };
      config.on_failed = [this](const Key&, const std::string&) { ++failures; };
      config.held_bytes_max = held_bytes_max;
      nodes_.push_back(std::make_unique<BulkExchange>(std::move(config)));
      nodes_.back()->set_runs({run(1), run(2)});
    }
  }
  BulkExchange& operator[](std::size_t i) { return *nodes_[i]; }
  void run_all() {
    while (!queue.empty()) {
      const Mail mail = std::move(queue.front());
      queue.pop_front();
      nodes_[mail.to]->on_message(key(mail.from), mail.type, mail.run, *mail.body);
    }
  }

  std::deque<Mail> queue;
  std::vector<Delivered> delivered;
  int misdeeds = 0, failures = 0;
  std::vector<std::unique_ptr<BulkExchange>> nodes_;
};

bool equal(const Bytes& a, const SharedBytes& b) {
  return std::equal(a.begin(), a.end(), b->begin(), b->end());
}

TEST(BulkExchange, AFrameForSeveralPartiesIsPackedOnce) {
  Mesh mesh(4);
  const SharedBytes model = frame(1'000'000);
  for (std::size_t to = 1; to < 4; ++to) mesh[0].offer(run(1), key(to), model);
  EXPECT_EQ(mesh[0].counters().frames_packed, 1u);
  mesh.run_all();
  ASSERT_EQ(mesh.delivered.size(), 3u);
  for (const auto& each : mesh.delivered) {
    EXPECT_EQ(each.from, key(0));
    EXPECT_EQ(each.run, run(1));
    EXPECT_TRUE(equal(each.bytes, model));
  }
  mesh[0].offer(run(1), key(1), frame(1'000'000, 1));
  EXPECT_EQ(mesh[0].counters().frames_packed, 2u) << "another frame";
  mesh.run_all();
  EXPECT_EQ(mesh.delivered.size(), 4u);
  EXPECT_EQ(mesh.misdeeds + mesh.failures, 0);
}

TEST(BulkExchange, EqualFramesOfTwoPartiesBothArrive) {
  Mesh mesh(3);
  mesh[0].offer(run(1), key(2), frame(600'000));
  mesh[1].offer(run(1), key(2), frame(600'000));
  mesh.run_all();
  ASSERT_EQ(mesh.delivered.size(), 2u);
  EXPECT_NE(mesh.delivered[0].from, mesh.delivered[1].from);
}

TEST(BulkExchange, FramesOfOtherRunsAreNotFetched) {
  Mesh mesh(2);
  mesh[1].set_runs({run(2)});
  mesh[0].offer(run(1), key(1), frame(600'000));
  mesh.run_all();
  EXPECT_TRUE(mesh.delivered.empty());
  mesh[0].offer(run(2), key(1), frame(600'000));
  mesh.run_all();
  EXPECT_EQ(mesh.delivered.size(), 1u) << "the same bytes in a run of ours";
}

TEST(BulkExchange, FinalModelsAreFetchedFromThoseThatAreBelievedAndNobodyElse) {
  Mesh mesh(3);
  const SharedBytes model = frame(600'000), other = frame(600'000, 1);
  const auto offers = [&](std::size_t from, const SharedBytes& what) {
    mesh[from].offer(run(1), key(2), what, kFinalBlob);
    mesh.run_all();
  };
  offers(0, model);
  EXPECT_TRUE(mesh.delivered.empty()) << "nobody wants it";
  mesh[2].want_final(run(1), {key(0)});
  offers(1, other);
  EXPECT_TRUE(mesh.delivered.empty()) << "not from this one";
  offers(0, model);
  ASSERT_EQ(mesh.delivered.size(), 1u);
  EXPECT_TRUE(equal(mesh.delivered[0].bytes, model));
  EXPECT_EQ(mesh.delivered[0].kind, kFinalBlob);
  mesh[2].want_final(run(1), {});
  offers(0, model);
  EXPECT_EQ(mesh.delivered.size(), 1u);
  EXPECT_EQ(mesh[0].counters().frames_packed, 1u);
}

TEST(BulkExchange, WhatIsKeptHasALimitAndEndsWithItsRun) {
  Mesh mesh(2, 1'500'000);
  for (int i = 0; i < 5; ++i) {
    mesh[0].offer(run(1), key(1), frame(1'000'000, i));
    EXPECT_EQ(mesh[0].counters().held_bytes, 1'000'000u) << "the newest";
  }
  mesh.run_all();  // the older ones are gone by now
  ASSERT_EQ(mesh.delivered.size(), 1u);
  EXPECT_TRUE(equal(mesh.delivered[0].bytes, frame(1'000'000, 4)));
  EXPECT_EQ(mesh.failures, 4);
  mesh[0].set_runs({run(2)});
  EXPECT_EQ(mesh[0].counters().held_bytes, 0u);
}

TEST(BufferPool, ReusesWhatCameBackAndGivesIdleMemoryToTheSystem) {
  BufferPool pool(std::size_t{8} << 20);
  std::byte* const first = pool.take(3'000'000).get();
  EXPECT_EQ(pool.spare_bytes(), std::size_t{4} << 20) << "whole huge pages";
  const auto again = pool.take(3'500'000);
  EXPECT_EQ(again.get(), first);
  EXPECT_EQ(pool.spare_bytes(), 0u);
  { const auto a = pool.take(5'000'000), b = pool.take(5'000'000); }
  EXPECT_EQ(pool.spare_bytes(), std::size_t{6} << 20) << "two would be above the limit";
  pool.trim();
  EXPECT_EQ(pool.spare_bytes(), std::size_t{6} << 20) << "used since the last time";
  pool.trim();
  EXPECT_EQ(pool.spare_bytes(), 0u);
}

}  // namespace
}  // namespace hansa::node
