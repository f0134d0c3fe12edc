// What it costs to sum in secret. First the masks alone, beside the two things that no implementation avoids:
// the key stream of the same library, and that key stream added to a vector that stays in the first-level
// cache. Then a whole round of a cohort, secure beside plain, by the members' own code:
//   cpu_ms, wall_ms    per member; plain_... for plain averaging of the same models in the same repetition
//   bytes_over_plain   bytes out / plain bytes out, AUDITED packets apart (a member in ten asks for one)
// Rounds that take minutes and gigabytes are left to --long.
#include "bench/cohort_round.hpp"
#include "bench/long_runs.hpp"
#include "bench/targets.hpp"
#include "protocols/gossip/secure_cohort.hpp"
#include "protocols/secure_sum/masking.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

namespace hansa::bench {
namespace {

using crypto::MaskBackend;
using protocols::Aggregation;
using protocols::secure_sum::MaskTask;

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

template <class F>
double cpu_of(const F& work) {
  const double begin = cpu_seconds();
  work();
  return cpu_seconds() - begin;
}

constexpr std::size_t kBlockBytes = 16384;
constexpr std::size_t kLaneBytes = 4;

/// CPU nanoseconds per element of the key stream of one seed, added to a block or only generated.
double raw_ns(const MaskBackend& backend, std::size_t elements, bool add) {
  const auto generator = backend.start({}, 0, 0);
  alignas(64) static std::array<std::byte, kBlockBytes> stream, sum;
  const std::size_t blocks = elements * kLaneBytes / kBlockBytes;
  const double seconds = cpu_of([&] {
    for (std::size_t i = 0; i < blocks; ++i) {
      generator->next(stream);
      if (add) crypto::add_lanes(sum, stream, crypto::Lane::bits32);
      benchmark::ClobberMemory();
    }
  });
  return 1e9 * seconds / static_cast<double>(blocks * kBlockBytes / kLaneBytes);
}

/// The masks of one of `members` on a vector of `elements`, as a session asks for them.
MaskTask input_masks(std::size_t members, std::size_t elements) {
  MaskTask task;
  task.lanes.resize(elements * kLaneBytes);
  for (std::size_t i = 0; i < members; ++i) {
    task.terms.push_back({{}, i % 2 == 1});
    task.terms.back().seed.bytes()[0] = static_cast<std::byte>(i + 1);
    const std::size_t begin = i * elements / members, end = (i + 1) * elements / members;
    task.chunks.push_back({static_cast<std::uint32_t>(i), end - begin});
  }
  return task;
}

/// Members, elements, backend.
void secure_masks(benchmark::State& state) {
  const auto members = static_cast<std::size_t>(state.range(0));
  const auto elements = static_cast<std::size_t>(state.range(1));
  const MaskBackend& backend = crypto::mask_backends()[static_cast<std::size_t>(state.range(2))];
  std::vector<double> stream, added, masks, ratio;
  for (auto _ : state) {
    stream.push_back(raw_ns(backend, elements, false));
    added.push_back(raw_ns(backend, elements, true));
    MaskTask task = input_masks(members, elements);
    const double seconds = cpu_of([&] { task.lanes = perform(std::move(task), backend); });
    benchmark::DoNotOptimize(task.lanes.data());
    added.back() = std::min(added.back(), raw_ns(backend, elements, true));  // before or after, the quieter
    masks.push_back(1e9 * seconds / static_cast<double>(members * elements));
    ratio.push_back(masks.back() / added.back());
    state.SetIterationTime(seconds);
  }
  state.SetLabel(std::string(backend.name));
  state.counters["ns_keystream"] = median(stream);
  state.counters["ns_keystream_and_add"] = median(added);
  state.counters["ns_mask"] = median(masks);
  record({fmt::format("masks n={} d={:.0e} {}: over n x keystream-and-add", members,
                      static_cast<double>(elements), backend.name),
          false, 1.15, ratio});
}

/// What the layouts of docs/wire-format.md add up to, models apart: what each member says to each other, the
/// READY signatures on every CHUNK, and envelopes and frames around it all.
double control_bytes(std::uint32_t members) {
  const double n = members;
  const double t = static_cast<double>(
      protocols::secure_sum::vote_threshold(members, protocols::colluders_in({}, members)));
  const double advert = 32 + 64 * t, share = 82, receipt = 8 + 32 * n, vote = 84, reveal = 32 + 32 * n,
               done = 32 + 32 * n, chunk = 2 + 64 * n, result = 32, weights = 2 * 4;
  constexpr double kPackets = 9, kEnvelope = 99, kFrame = 16;
  const double propose = (18 + kEnvelope + kFrame) / n;  // one member's
  return (n - 1) * (advert + share + receipt + vote + reveal + done + chunk + result + weights + propose +
                    kPackets * (kEnvelope + kFrame));
}

/// Members, parameters, backend.
void secure_round(benchmark::State& state) {
  const auto members = static_cast<std::uint32_t>(state.range(0));
  const auto parameters = static_cast<std::uint32_t>(state.range(1));
  const MaskBackend& backend = crypto::mask_backends()[static_cast<std::size_t>(state.range(2))];
  const CohortRound cohort(members, parameters);
  std::vector<double> cpu, wall, masks, plain_cpu, plain_wall, over, bytes, audits;
  for (auto _ : state) {
    const RoundCost plain = cohort.run(Aggregation::plain, backend);
    const RoundCost secure = cohort.run(Aggregation::secure, backend);
    if (!plain.complete || !secure.complete) return state.SkipWithError("a round did not average all inputs");
    cpu.push_back(secure.cpu_ms);
    wall.push_back(secure.wall_ms);
    masks.push_back(secure.mask_ms);
    plain_cpu.push_back(plain.cpu_ms);
    plain_wall.push_back(plain.wall_ms);
    bytes.push_back(secure.bytes_out / plain.bytes_out);
    over.push_back((secure.bytes_out - control_bytes(members)) / plain.bytes_out);
    audits.push_back(secure.audit_bytes_out / plain.bytes_out);
    state.SetIterationTime(1e-3 * secure.cpu_ms);
  }
  state.SetLabel(std::string(backend.name));
  state.counters["cpu_ms"] = median(cpu);
  state.counters["wall_ms"] = median(wall);
  state.counters["mask_ms"] = median(masks);
  state.counters["plain_cpu_ms"] = median(plain_cpu);
  state.counters["plain_wall_ms"] = median(plain_wall);
  state.counters["bytes_over_plain"] = median(bytes);
  state.counters["audits_over_plain"] = median(audits);
  const std::string size = fmt::format("secure n={} d={:.0e}", members, static_cast<double>(parameters));
  record({size + ": (bytes out - control) / plain", false, 1.02, over});
  if (members == 16 && parameters == 1'000'000) {
    record({fmt::format("{} {}: CPU ms per member", size, backend.name), false,
            backend.name == "openssl" ? 60.0 : 100.0, cpu});
  }
}

void register_round(std::int64_t members, std::int64_t parameters, std::int64_t backend, int repetitions) {
  benchmark::RegisterBenchmark("secure_round", secure_round)
      ->Args({members, parameters, backend})
      ->Iterations(repetitions)
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

const bool registered = [] {
  const auto backends = static_cast<std::int64_t>(crypto::mask_backends().size());
  for (std::int64_t backend = 0; backend < backends; ++backend) {
    for (const std::int64_t members : {4, 16, 32}) {
      benchmark::RegisterBenchmark("secure_masks", secure_masks)
          ->Args({members, 1'000'000, backend})
          ->Iterations(15)
          ->UseManualTime()
          ->Unit(benchmark::kMillisecond);
    }
    for (const std::int64_t members : {4, 8, 16, 32}) register_round(members, 100'000, backend, 5);
    for (const std::int64_t members : {4, 8, 16, 32}) register_round(members, 1'000'000, backend, 7);
  }
  return true;
}();

}  // namespace

void register_long_runs() {
  for (const std::int64_t members : {4, 8, 16, 32}) register_round(members, 10'000'000, 0, 3);
}

}  // namespace hansa::bench
