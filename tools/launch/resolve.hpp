// Which file execvp will take for a program's name.
#pragma once

#include <string>
#include <string_view>

namespace weir {

struct Resolution {
  std::string path;       // when error is 0
  int error = 0;          // errno otherwise: ENOENT, EACCES, EISDIR, …
  std::string complaint;  // and for people
};

// A name without a slash is looked for in `search_path` (PATH), as execvp does: a file that may not be
// executed is passed over, but remembered for the complaint.
Resolution resolve_program(std::string_view name, std::string_view search_path);

}  // namespace weir
