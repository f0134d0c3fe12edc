// What a run gives away and to whom, as lines for people: the statement of `hansa explain privacy`, worked
// out from the manifest's configuration before anybody approves it.
#pragma once

#include "src/config/run_config.hpp"

#include <string>
#include <vector>

namespace hansa::node {

/// One paragraph each: what is protected, who learns what, what leaks here, what nothing hides. If the
/// configuration cannot be explained, that is the only line.
[[nodiscard]] std::vector<std::string> privacy_lines(const config::RunConfig& config);

}  // namespace hansa::node
