// Whether one incident of a findings file can be believed: every kind, count, index and range of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "shim/abi/incidents.hpp"

namespace weir {

// What the findings have of the things that an incident points at.
struct IncidentLimits {
  std::size_t frames;
  std::span<const std::uint8_t> dumps;
  std::size_t routes;
  std::size_t tags;
  std::size_t modules;
};

// Nothing when all is in range; else one clause.
std::string mistake_in(const FindingsIncident& incident, const IncidentLimits& limits);

}  // namespace weir
