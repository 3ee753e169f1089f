// Names as a text report shows them: those of functions, files, threads and arguments are whatever a program has.
#pragma once

#include <string>
#include <string_view>

namespace weir {

// Control characters escaped, so that a name is one line and no command to the terminal; a name of more than a few
// hundred characters (a template that doubles makes one of megabytes) cut in its middle. JSON has names whole.
std::string shown(std::string_view name);

}  // namespace weir
