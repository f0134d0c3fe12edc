// Runs the checker over the whole source folder, and over snippets that break each rule, so that the checker
// itself can be seen to fail.
#include "tests/tidy/checker.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>

namespace hansa::tidy {
namespace {

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Snippet {
  const char* label;
  const char* path;
  std::string text;
  std::string rule;  // empty: must pass
  std::size_t line = 0;
};

std::string repeat(const std::string& text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

const std::string kUnfinished = std::string("TO") + "DO";  // spelled apart: this file is checked too

std::vector<Snippet> snippets() {
  return {
      {"good header", "topology/ring.hpp", "// A ring.\n#pragma once\n#include <hansa/types.hpp>\n", ""},
      {"no opening comment", "topology/ring.hpp", "#pragma once\n", "opening", 1},
      {"long source without opening", "topology/ring.cpp", repeat("int f();\n", 60), "opening", 1},
      {"short source without opening", "topology/ring.cpp", "int f();\n", ""},
      {"long source, explained by its header", "topology/ring.cpp",
       "#include \"topology/ring.hpp\"\n" + repeat("int f();\n", 60), ""},
      {"longer source than its header can explain", "topology/ring.cpp",
       "#include \"topology/ring.hpp\"\n" + repeat("int f();\n", 160), "opening", 1},
      {"no pragma once", "sim/a.hpp", "// A.\n#include <vector>\n", "pragma-once", 2},
      {"pragma once too late", "sim/a.hpp", "// A.\n#include <vector>\n#pragma once\n", "pragma-once", 2},
      {"long line", "sim/a.cpp", std::string(111, 'x') + "\n", "line-length", 1},
      {"wide letters count once", "sim/a.cpp", "// " + repeat("\xC3\xA4", 107) + "\n", ""},
      {"long file", "sim/a.cpp", "// A.\n" + repeat("\n", 500), "file-length", 501},
      {"unfinished work", "cli/a.cpp", "int x;  // " + kUnfinished + ": later\n", "unfinished", 1},
      {"namespace in header", "cli/a.hpp", "// A.\n#pragma once\nusing namespace std;\n", "using-namespace",
       3},
      {"namespace in a function", "cli/a.hpp", "// A.\n#pragma once\nvoid f() {\n  using namespace std;\n}\n",
       ""},
      {"namespace in source", "cli/a.cpp", "using namespace std;\n", ""},

      {"relative include", "sim/a.cpp", "#include \"run_result.hpp\"\n", "include-path", 1},
      {"public header in quotes", "sim/a.cpp", "#include \"include/hansa/rng.hpp\"\n", "include-path", 1},
      {"include up", "topology/a.cpp", "#include \"sim/world.hpp\"\n", "floor", 1},
      {"core includes learn", "src/core/a.cpp", "#include \"src/learn/model.hpp\"\n", "floor", 1},
      {"learn includes topology", "src/learn/a.cpp", "#include \"topology/topology.hpp\"\n", "floor", 1},
      {"sim includes actors", "sim/a.cpp", "#include \"actors/host.hpp\"\n", "floor", 1},
      {"actors include sim", "actors/a.cpp", "#include \"sim/world.hpp\"\n", "floor", 1},
      {"protocols include wire", "protocols/a.cpp", "#include \"src/wire/codec.hpp\"\n", "floor", 1},
      {"cli includes everything", "cli/a.cpp", "#include \"actors/a.hpp\"\n#include \"sim/a.hpp\"\n", ""},
      {"core is one room", "src/core/a.cpp", "#include <hansa/rng.hpp>\n#include \"src/core/b.hpp\"\n", ""},
      {"down", "sim/a.cpp", "#include \"src/exec/driver.hpp\"\n#include \"protocols/machine.hpp\"\n", ""},

      {"caf outside actors", "sim/a.cpp", "#include <caf/all.hpp>\n", "home", 1},
      {"caf in actors", "actors/a.cpp", "#include <caf/all.hpp>\n", ""},
      {"zmq in actors", "actors/a.cpp", "#include <zmq.hpp>\n", "home", 1},
      {"msgpack in protocols", "protocols/a.cpp", "#include <msgpack.hpp>\n", "home", 1},
      {"sodium in wire", "src/wire/a.cpp", "#include <sodium.h>\n", "home", 1},
      {"sqlite in cli", "cli/a.cpp", "#include <sqlite3.h>\n", "home", 1},
      {"toml in cli", "cli/a.cpp", "#include <toml++/toml.h>\n", "home", 1},
      {"thread header in learn", "src/learn/a.cpp", "#include <thread>\n", "home", 1},
      {"random anywhere", "actors/a.cpp", "#include <random>\n", "home", 1},
      {"cassert", "cli/a.cpp", "#include <cassert>\n", "home", 1},
      {"libraries in tests", "tests/actors/a.cpp", "#include <caf/all.hpp>\n#include <thread>\n", ""},

      {"clock", "protocols/a.cpp", "auto t = std::chrono::steady_clock::now();\n", "clock", 1},
      {"clock alias", "sim/a.cpp", "using C = std::chrono::system_clock;\n", "clock", 1},
      {"clock in exec", "src/exec/a.cpp", "auto t = std::chrono::steady_clock::now();\n", ""},
      {"C clock", "sim/a.cpp", "auto t = time(nullptr);\n", "clock", 1},
      {"random device", "src/exec/a.cpp", "std::random_device d;\n", "randomness", 1},
      {"distribution", "sim/a.cpp", "std::uniform_int_distribution<int> d;\n", "randomness", 1},
      {"engine", "src/learn/a.cpp", "std::mt19937_64 e;\n", "randomness", 1},
      {"rand", "topology/a.cpp", "int r = rand() % 6;\n", "randomness", 1},
      {"a longer name", "topology/a.cpp", "int r = operand(3) + strand (4);\n", ""},
      {"hash map", "protocols/a.cpp", "std::unordered_map<int, int> m;\n", "unordered", 1},
      {"hash map in cli", "cli/a.cpp", "std::unordered_map<int, int> m;\n", ""},
      {"thread", "sim/a.cpp", "std::thread t;\n", "thread", 1},
      {"mutex", "src/learn/a.cpp", "std::mutex m;\n", "thread", 1},
      {"sleep in a test", "tests/sim/a.cpp", "std::this_thread::sleep_for(x);\n", "sleep", 1},
      {"libm exp", "src/learn/a.cpp", "double y = std::exp(x);\n", "libm", 1},
      {"libm log without std", "src/learn/a.cpp", "double y = 2*log (x);\n", "libm", 1},
      {"float variant", "protocols/a.cpp", "float y = expf(x);\n", "libm", 1},
      {"our own", "src/learn/a.cpp", "double y = exp_exact(x) + log_exact(x) + std::sqrt(x);\n", ""},
      {"member named log", "protocols/a.cpp", "journal.log(x); journal->log(x);\n", ""},
      {"Eigen exp", "src/learn/a.cpp", "auto y = x.array().exp();\n", "libm", 1},
      {"fast-math", "src/learn/a.cpp", "#pragma GCC optimize (\"fast\")\n", "fast-math", 1},
      {"assert", "sim/a.cpp", "assert(x > 0);\n", "assert", 1},
      {"static_assert", "sim/a.cpp", "static_assert(true); HANSA_ASSERT(x);\n", ""},

      {"only in a comment", "sim/a.cpp", "// std::thread, rand()\n/* std::mutex\n std::exp(1) */\n", ""},
      {"only in a string", "sim/a.cpp", "auto s = \"std::thread \\\" rand()\";\n", ""},
      {"only in a raw string", "sim/a.cpp", "auto s = R\"x(\n std::mutex \" )x\";\n", ""},
      {"after a string", "sim/a.cpp", "f(\"a\"); std::thread t; g(\"b\");\n", "thread", 1},
      {"after a character", "sim/a.cpp", "f('\"'); std::thread t; g('\"');\n", "thread", 1},
      {"after a digit separator", "sim/a.cpp", "int x = 1'000; std::thread t; int y = 1'0;\n", "thread", 1},
      {"permitted with a reason", "sim/a.cpp", "// tidy: allow(thread) the caller owns it\nstd::thread t;\n",
       ""},
      {"permitted without a reason", "sim/a.cpp", "std::thread t;  // tidy: allow(thread) \n", "thread", 1},
      {"another rule permitted", "sim/a.cpp", "std::thread t;  // tidy: allow(clock) no\n", "thread", 1},
  };
}

TEST(Tidy, EachRuleCanFail) {
  std::set<std::string> seen;
  for (const Snippet& snippet : snippets()) {
    SCOPED_TRACE(snippet.label);
    const auto found = check_file(snippet.path, snippet.text);
    if (snippet.rule.empty()) {
      EXPECT_TRUE(found.empty()) << to_string(found.front());
      continue;
    }
    seen.insert(snippet.rule);
    ASSERT_EQ(found.size(), 1U) << (found.empty() ? "nothing found" : to_string(found.back()));
    EXPECT_EQ(found.front().rule, snippet.rule);
    EXPECT_EQ(found.front().line, snippet.line);
    EXPECT_EQ(
        to_string(found.front()).rfind(std::string(snippet.path) + ":" + std::to_string(snippet.line), 0),
        0U);
  }
  for (const std::string& rule : rule_names())
    EXPECT_TRUE(seen.contains(rule)) << "no snippet breaks " << rule;
}

TEST(Tidy, SourcesFollowTheArchitecture) {
  const std::string root = HANSA_SOURCE_DIR;
  const auto files = source_files(root);
  ASSERT_GT(files.size(), 20U) << "looked in " << root;
  std::string report;
  for (const std::string& file : files) {
    for (const Violation& violation : check_file(file, read(root + "/" + file))) {
      report += "  " + to_string(violation) + "\n";
    }
  }
  EXPECT_TRUE(report.empty())
      << "the sources break these rules (tests/tidy/rules.hpp, docs/architecture.md):\n"
      << report;
}

TEST(Tidy, BuildFilesKeepTheOrderOfAdditions) {
  const std::string root = HANSA_SOURCE_DIR;
  const std::string options = read(root + "/cmake/HansaOptions.cmake");
  EXPECT_NE(options.find("-ffp-contract=off"), std::string::npos);
  for (const char* file : {"/CMakeLists.txt", "/cmake/HansaOptions.cmake", "/cmake/HansaTargets.cmake",
                           "/CMakePresets.json", "/src/learn/CMakeLists.txt"}) {
    const std::string text = read(root + file);
    ASSERT_FALSE(text.empty()) << file;
    for (const char* flag : {"-ffast-math", "-Ofast", "-funsafe-math", "-fassociative-math"}) {
      EXPECT_EQ(text.find(flag), std::string::npos) << file << " contains " << flag;
    }
  }
}

}  // namespace
}  // namespace hansa::tidy
