// The one place where a clock's name becomes a driver.
#include "cli/drivers.hpp"

namespace hansa::cli {

Result<std::unique_ptr<exec::Driver>> make_driver(const std::string& clock, std::uint32_t /*threads*/) {
  if (clock == "virtual") return std::unique_ptr<exec::Driver>();
  return Error{ErrorKind::not_built, "--clock wall is not built yet; this version has: virtual",
               "the virtual clock gives the same models, and sooner"};
}

}  // namespace hansa::cli
