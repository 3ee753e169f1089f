// The tool's own words to its user: one line each on stderr, beginning with "weir: ".
//
// Reports do not go this way: they are files, written by report/output.hpp.
#pragma once

#include <string_view>

namespace weir {

// Lines of say_detail appear from verbosity=2 on.
void set_verbosity(unsigned verbosity);

void say(std::string_view line);
void say_detail(std::string_view line);

}  // namespace weir
