// What programs ask malloc about itself. The answers are the parent's; what has no counterpart is zero, as
// these structures allow.
#include <malloc.h>

#include <cerrno>
#include <climits>
#include <cstdio>

#include "shim/base/say.hpp"
#include "shim/entry/entry.hpp"
#include "shim/parent/parent.hpp"
#include "shim/route/route_life.hpp"
#include "shim/route/units.hpp"

using namespace weir;

namespace {

// The parent's and the routes' together.
parent::Usage usage() noexcept {
  parent::Usage use = parent::usage();
  const SpanUse spans = span_use();
  use.allocated += spans.mapped - spans.dirty;
  use.mapped += spans.mapped;
  return use;
}

}  // namespace

WEIR_EXPORT int malloc_trim(std::size_t) {
  trim_routes();
  parent::trim();
  return 1;
}

// Tuning knobs of another allocator: taken, without effect, as the contract allows.
WEIR_EXPORT int mallopt(int, int) {
  return 1;
}

WEIR_EXPORT struct mallinfo2 mallinfo2(void) {
  const parent::Usage use = usage();
  struct mallinfo2 info {};
  info.arena = use.mapped;
  info.uordblks = use.allocated;
  info.fordblks = use.mapped > use.allocated ? use.mapped - use.allocated : 0;
  info.keepcost = use.retained;
  return info;
}

WEIR_EXPORT struct mallinfo mallinfo(void) {
  const auto clip = [](std::size_t n) { return n > INT_MAX ? INT_MAX : static_cast<int>(n); };
  const struct mallinfo2 all = mallinfo2();
  struct mallinfo info {};
  info.arena = clip(all.arena);
  info.uordblks = clip(all.uordblks);
  info.fordblks = clip(all.fordblks);
  info.keepcost = clip(all.keepcost);
  return info;
}

WEIR_EXPORT void malloc_stats(void) {
  const parent::Usage use = usage();
  Line().text("weir: in use ").number(use.allocated).text(" bytes, mapped ").number(use.mapped).say();
}

WEIR_EXPORT int malloc_info(int options, FILE* stream) {
  if (options != 0) return EINVAL;
  const parent::Usage use = usage();
  std::fprintf(
      stream,
      "<malloc version=\"1\">\n<system type=\"current\" size=\"%zu\"/>\n"
      "<aspace type=\"total\" size=\"%zu\"/>\n<total type=\"rest\" count=\"1\" size=\"%zu\"/>\n</malloc>\n",
      use.mapped, use.mapped + use.retained, use.mapped > use.allocated ? use.mapped - use.allocated : 0);
  return 0;
}
