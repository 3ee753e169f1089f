// `weir route-sites`: tells the preloaded library where caller= and source= hold. The library starts it.
#pragma once

namespace weir {

// Reads the question from the descriptor and writes the answer into the same file. 0, or kReportFailed and
// one line on stderr.
int route_sites(int fd);

}  // namespace weir
