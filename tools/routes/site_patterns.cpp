#include "tools/routes/site_patterns.hpp"

#include "shim/abi/glob.hpp"
#include "tools/routes/function_names.hpp"

namespace weir {

void SitePatterns::add(unsigned rule, std::string_view caller, std::string_view source) {
  const RuleMask bit = RuleMask{1} << rule;
  if (!caller.empty()) with_caller_ |= bit;
  if (!source.empty()) with_source_ |= bit;
  patterns_.push_back({bit, std::string(caller), std::string(source)});
}

RuleMask SitePatterns::callers(const std::vector<std::string>& names) const {
  RuleMask fits = 0;
  for (const Pattern& pattern : patterns_) {
    if (!pattern.caller.empty() && matches_any(pattern.caller, names)) fits |= pattern.bit;
  }
  return fits;
}

RuleMask SitePatterns::sources(std::string_view path) const {
  RuleMask fits = 0;
  for (const Pattern& pattern : patterns_) {
    if (!pattern.source.empty() && path_matches(pattern.source, path)) fits |= pattern.bit;
  }
  return fits;
}

}  // namespace weir
