// The one place where a clock's name becomes a driver.
#include "cli/drivers.hpp"

#include "actors/wall_driver.hpp"

namespace hansa::cli {

Result<std::unique_ptr<exec::Driver>> make_driver(const std::string& clock, std::uint32_t threads,
                                                  bool full_codec) {
  if (clock == "virtual") return std::unique_ptr<exec::Driver>();
  if (clock == "wall") return actors::make_wall_driver({.threads = threads, .encode_messages = full_codec});
  return Error{ErrorKind::usage, "unknown clock \"" + clock + "\"", "there are: virtual, wall"};
}

}  // namespace hansa::cli
