// Which program this is. The commit is asked of git at every build, so a run's summary names the code that
// made it.
#pragma once

#include <string_view>

namespace hansa {

/// "0.1.0".
std::string_view program_version() noexcept;
/// Twelve hexadecimal digits, followed by "-dirty" if the sources were changed since; the full hash in a
/// build from a release archive; "unknown" if neither git nor the archive can tell.
std::string_view program_commit() noexcept;

}  // namespace hansa
