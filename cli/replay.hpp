// `hansa run replay`, which the verb `run` takes in.
#pragma once

#include "cli/cli.hpp"

namespace hansa::cli {

void add_run_replay(Cli& cli, CLI::App& group);

}  // namespace hansa::cli
