// The dashboard in a real browser (threat-model row 26 has its server side in server_test.cpp).
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

TEST(Dashboard, WorksInChromium) {
  if (std::system("command -v chromium >/dev/null && command -v python3 >/dev/null") != 0)
    GTEST_SKIP() << "chromium or python3 is not installed (Debian: chromium python3)";
  FILE* pipe = ::popen("python3 " HANSA_SOURCE_DIR "/tests/http/browser.py " HANSA_PREVIEW " 2>&1", "r");
  ASSERT_NE(pipe, nullptr);
  std::string output;
  char chunk[4096];
  for (std::size_t size; (size = std::fread(chunk, 1, sizeof chunk, pipe)) > 0;) output.append(chunk, size);
  EXPECT_EQ(::pclose(pipe), 0) << output;
}

}  // namespace
