// The last lines of a run: what came out, against what it is compared with, and where the report is.
#pragma once

#include "sim/run_result.hpp"

#include <string>

namespace hansa::cli {

/// Several lines for people. `folder` is where the files are.
std::string verdict_text(const sim::RunResult& result, const std::string& folder);

}  // namespace hansa::cli
