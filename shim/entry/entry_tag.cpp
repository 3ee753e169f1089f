// What weir.h calls: the tags of what the calling thread allocates.
#include "shim/entry/entry.hpp"
#include "shim/life/mode.hpp"
#include "shim/track/tags.hpp"
#include "shim/track/thread_section.hpp"

using namespace weir;

// Where a signal handler interrupted weir itself, the section is that of the code below: known names are pushed.
WEIR_EXPORT int weir_shim_tag_push(const char* name) {
  if (!tracks_blocks()) return 0;
  const std::string_view wanted = name != nullptr ? name : "";
  ThreadState* const section = enter();
  ThreadState* const t = section != nullptr ? section : this_thread;
  if (t == nullptr) return 0;
  const BlockTag tag = tag_by_name(wanted, section == nullptr);
  t->tags.push(tag);
  if (section != nullptr) leave(section);
  return tag != kNoTag ? 1 : 0;
}

WEIR_EXPORT int weir_shim_tag_pop() {
  ThreadState* const t = this_thread;
  return t != nullptr && t->tags.pop() ? 1 : 0;
}
