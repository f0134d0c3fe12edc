#include <hansa/assert.hpp>

#include <cstdio>
#include <cstdlib>

namespace hansa {

void assertion_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "hansa: this is a bug: assertion `%s` failed at %s:%d\n", expression, file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace hansa
