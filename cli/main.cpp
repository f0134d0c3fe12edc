// The `hansa` command. Everything is in cli.cpp and the verbs' files; see docs/cli.md.
#include "cli/cli.hpp"

int main(int argc, char** argv) { return hansa::cli::run(argc, argv); }
