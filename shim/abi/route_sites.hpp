// Where in the code the conditions caller= and source= hold: what the library asks the tool (`weir
// route-sites`) and how that answers, in one file (a memfd) of plain structs.
//
// Layout: SitesHeader, SitesModule[], SitesPattern[], text. The tool writes SiteRange[] behind that, fills
// each module's part of it in, and then the header's ranges. Offsets count from the file's start, but for
// text's. Both sides come from one build; the version guards against a stale tool.
#pragma once

#include <cstdint>

#include "shim/abi/route_rules.hpp"

namespace weir {

inline constexpr char kSitesMagic[8] = {'W', 'E', 'I', 'R', 'S', 'I', 'T', 'E'};
inline constexpr std::uint32_t kSitesVersion = 1;

struct SitesSection {
  std::uint64_t offset;
  std::uint64_t count;  // elements; bytes of text
};

struct SitesHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t pid;
  SitesSection modules;
  SitesSection patterns;
  SitesSection text;
  SitesSection ranges;  // the answer
};

struct SitesModule {
  std::uint64_t start, end;  // as loaded
  std::uint64_t bias;
  std::uint64_t path_offset;  // in the text
  std::uint32_t path_bytes;
  RuleMask rules;  // the rules to be decided in this module
  std::uint32_t build_id_bytes;
  std::uint8_t build_id[36];
  // The answer: ranges[first, first + count), sorted by start, apart from each other.
  std::uint64_t first;
  std::uint64_t count;
};

// What one rule asks for; an empty pattern is no condition.
struct SitesPattern {
  std::uint64_t caller_offset, source_offset;  // in the text
  std::uint32_t caller_bytes, source_bytes;
  std::uint32_t rule;
  std::uint32_t unused;
};

// Calls in [start, end) of the module's file take part in these rules. Addresses are those of the call, not
// of its return, less the module's bias.
struct SiteRange {
  std::uint64_t start, end;
  RuleMask rules;
  std::uint32_t unused;
};

}  // namespace weir
