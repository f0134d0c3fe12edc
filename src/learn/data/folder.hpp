// Where data files lie on this machine.
#pragma once

#include <string>
#include <string_view>

namespace hansa::learn {

/// The path of `name` in the first data folder that has it ($HANSA_DATA, beside the sources, installed); the
/// path in the first folder if none has it, for the message.
std::string find_data_file(std::string_view name);

}  // namespace hansa::learn
