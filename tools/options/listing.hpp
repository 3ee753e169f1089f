// The option table for people: `weir options` in a terminal, `--markdown` for the documentation.
#pragma once

#include <string>

namespace weir {

// Fits `columns`; sentences are wrapped under each other.
std::string options_for_terminal(std::size_t columns);

// A table, one row an option, each on one line.
std::string options_as_markdown();

}  // namespace weir
