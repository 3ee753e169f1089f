// Where in one module caller= and source= patterns hold: the whole module's symbols and debug information.
//
// A function fits by its own name and by those of what is inlined into it; a place fits by its line's file
// and by the files of the lines that inlined code was called from.
#pragma once

#include <vector>

#include "shim/abi/route_sites.hpp"
#include "tools/routes/site_patterns.hpp"
#include "tools/symbols/object_file.hpp"

namespace weir {

// Addresses are the module's own (without its bias). Empty when there is no file, or nothing fits.
std::vector<SiteRange> sites_of_module(const ModulePlace& place, const SitePatterns& patterns);

}  // namespace weir
