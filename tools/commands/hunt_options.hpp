// The command line of `weir hunt`.
#pragma once

#include <CLI/CLI.hpp>

#include "tools/commands/hunt.hpp"

namespace weir {

// Adds the subcommand; it fills in the request, which must outlive the parsing, and runs it.
void add_hunt(CLI::App& app, HuntRequest& request, int& status);

}  // namespace weir
