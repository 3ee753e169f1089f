// The same bug, seen by several layouts, is one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tools/report/incidents.hpp"

namespace weir {

struct Sighting {
  std::size_t layout;
  Incident incident;
};

struct SeenBy {
  std::size_t layout;
  std::uint64_t times;
};

struct Bug {
  Incident incident;         // the sighting that tells most
  std::vector<SeenBy> seen;  // by layout, in order
};

// Two sightings are of one bug when kind, the stack that allocated and the one that did or found it are the
// same (by module and offset; where no stack of the moment tells, by that of the free). Damage that was found
// later goes to a write into it that another layout saw happen, of the same kind,
// to a block from the same stack.
//
// Sorted by kind, then by place, so that the same bugs always give the same report.
std::vector<Bug> merge_sightings(std::span<const Sighting> sightings);

}  // namespace weir
