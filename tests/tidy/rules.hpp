// The rules as tables: this file is what docs/architecture.md describes. To add a room, add a line to kRooms;
// to add a library, a line to kHomes; to ban something, a line to kBans.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace hansa::tidy {

constexpr std::size_t kLineColumnsMax = 110;  // two files side by side on an ordinary screen
constexpr std::size_t kFileLinesMax = 500;    // a file that one can hold in one's head
constexpr std::size_t kTrivialLinesMax = 40;  // a .cpp up to this length needs no opening paragraph,
constexpr std::size_t kPairedLinesMax =
    150;  // nor one up to this length whose own header, included first, has it

/// A folder and its floor. An include may point to a lower floor or into the same room; never up, never
/// sideways.
struct Room {
  std::string_view folder;
  int floor;
};
constexpr std::array kRooms = {
    Room{"include/hansa/", 0}, Room{"src/core/", 0},                            //
    Room{"topology/", 1},      Room{"src/learn/", 1},  Room{"src/crypto/", 1},  //
    Room{"protocols/", 2},                                                      //
    Room{"src/wire/", 3},      Room{"src/config/", 3}, Room{"src/exec/", 3},    //
    Room{"src/store/", 3},     Room{"src/http/", 3},   Room{"src/net/", 3},     //
    Room{"sim/", 4},           Room{"actors/", 4},                              //
    Room{"src/node/", 5},                                                       //
    Room{"cli/", 6},                                                            //
    Room{"tests/", 9},         Room{"bench/", 9},      Room{"fuzz/", 9},
};

/// Includes that begin with `prefix` are allowed only below the given folders (space-separated), besides
/// tests/, bench/ and fuzz/, which test the rooms that own the library.
struct Home {
  std::string_view prefix;
  std::string_view folders;
  std::string_view reason;
};
constexpr std::array kHomes = {
    Home{"caf/", "actors/", "actors are one driver among several; nothing else may depend on CAF"},
    Home{"zmq", "src/net/", "bytes in, bytes out: only the transport knows ZeroMQ"},
    Home{"msgpack", "src/wire/", "one place decodes and checks what comes from outside"},
    Home{"sodium", "src/crypto/", "keys live in value types that wipe themselves"},
    Home{"openssl/", "src/crypto/", "keys live in value types that wipe themselves"},
    Home{"sqlite3", "src/store/", "one place promises durability"},
    Home{"toml", "src/config/", "files become checked structs in one place"},
    Home{"httplib", "src/http/", "its macros break Eigen, and only the status pages need it"},
    Home{"CLI/", "cli/", "only the command parses arguments"},
    Home{"nlohmann/", "topology/ src/config/ src/http/ src/node/run_history.cpp sim/ cli/",
         "JSON is for graph files, reports, histories of runs, the HTTP API and the command's output"},
    Home{"Eigen/", "topology/ src/learn/", "linear algebra stays behind topologies and models"},
    Home{"zlib.h", "src/learn/ src/node/", "data readers decompress, and NumPy archives have checksums"},
    Home{"mpi.h", "src/exec/", "ranks are a way of executing, not of learning"},
    Home{"thread>", "src/exec/ actors/ src/net/ src/http/ src/node/ cli/",
         "a pure folder has no threads; use src/exec"},
    Home{"mutex>", "src/core/ src/exec/ actors/ src/net/ src/http/ src/node/ cli/",
         "a pure folder has no locks; use src/exec"},
    Home{"shared_mutex>", "src/exec/ actors/ src/net/", "a pure folder has no locks; use src/exec"},
    Home{"condition_variable>", "src/exec/ actors/ src/net/ src/http/ src/node/ cli/",
         "a pure folder never waits"},
    Home{"future>", "src/exec/ src/node/ actors/", "a pure folder never waits; heavy work is an effect"},
    Home{"semaphore", "src/exec/ actors/ src/net/", "a pure folder never waits"},
    Home{"latch>", "src/exec/ actors/", "a pure folder never waits"},
    Home{"barrier>", "src/exec/ actors/", "a pure folder never waits"},
    Home{"random>", "", "its distributions differ between libraries; use hansa::Rng"},
    Home{"cassert>", "", "assertions stay on in release builds; use HANSA_ASSERT"},
    Home{"iostream>", "cli/", "libraries return values; only the command talks"},
};

/// A pattern (ECMAScript, over blanked code) that must not occur below `folders`.
struct Ban {
  std::string_view rule;
  std::string_view pattern;
  std::string_view folders;
  std::string_view reason;
};
constexpr std::string_view kPure =
    "protocols/ topology/ src/learn/ sim/ src/core/ include/hansa/ src/config/ src/wire/";
constexpr std::string_view kTrainedBits =
    "protocols/ topology/ src/learn/ sim/world/ src/core/ include/hansa/";
constexpr std::string_view kOurs = "include/ src/ topology/ protocols/ sim/ actors/ cli/ tests/ bench/ fuzz/";
constexpr std::array kBans = {
    Ban{"clock", R"(_clock\b|\bclock_gettime\b|\bgettimeofday\b|\btime\s*\(\s*(nullptr|NULL|0)\s*\))", kPure,
        "machines are told the time; a run that reads a clock cannot be replayed"},
    Ban{"randomness",
        R"(\brandom_device\b|_distribution\b|\bmt19937|\bminstd_rand|\bdefault_random_engine\b|)"
        R"(\bs?rand\s*\(|\bstd::shuffle\b|\bstd::sample\b|\bgetrandom\b)",
        kOurs, "every draw comes from hansa::Rng, keyed by (seed, party, purpose, counter)"},
    Ban{"unordered", R"(\bunordered_(multi)?(map|set)\b)", kPure,
        "its iteration order is not part of any promise; use a sorted vector or std::map"},
    Ban{"thread",
        R"(\bstd::(jthread|thread|async|mutex|recursive_mutex|shared_mutex|condition_variable\w*)\b)",
        "protocols/ topology/ src/learn/ sim/ src/config/ src/wire/ include/hansa/",
        "pure folders have no threads; heavy work is an effect that src/exec runs"},
    Ban{"sleep", R"(\bsleep_(for|until)\b|\bu?sleep\s*\(|\bnanosleep\b)",
        "include/ src/core/ src/learn/ src/crypto/ src/wire/ src/config/ topology/ protocols/ sim/ tests/ "
        "fuzz/",
        "a sleep is a guess about timing; wait for the event, or use virtual time"},
    Ban{"libm",
        R"((^|[^\w:.>])(std::)?(exp|exp2|expm1|log|log2|log10|log1p|pow|sin|cos|tan|sinh|cosh|tanh|)"
        R"(asin|acos|atan|atan2|cbrt|hypot|erf|erfc|tgamma|lgamma)[fl]?\s*\()",
        kTrainedBits,
        "the C library picks a variant by processor, so its last bit differs; use <hansa/math.hpp>"},
    Ban{"libm", R"(\.(exp|log|tanh|pow|logistic)\s*\(\s*\))", "protocols/ src/learn/",
        "Eigen's vectorised functions differ between instruction sets; use <hansa/math.hpp>"},
    Ban{"fast-math", R"(fast-math|#\s*pragma\s+(GCC\s+optimize|STDC\s+FP_CONTRACT\s+ON))", kOurs,
        "the order of additions is part of the result"},
    Ban{"assert", R"((^|[^\w:.>])assert\s*\()", kOurs,
        "assertions stay on in release builds; use HANSA_ASSERT"},
};

}  // namespace hansa::tidy
