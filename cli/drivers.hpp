// `--clock`: what drives the parties. The virtual clock is the simulator's own and needs no driver object.
#pragma once

#include "src/exec/driver.hpp"

#include <hansa/result.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace hansa::cli {

/// A null pointer for "virtual" (the simulator's own); the actors' driver for "wall". `full_codec`:
/// really encode and decode every message.
Result<std::unique_ptr<exec::Driver>> make_driver(const std::string& clock, std::uint32_t threads,
                                                  bool full_codec);

}  // namespace hansa::cli
