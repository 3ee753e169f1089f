#include "shim/guard/bad_pointer.hpp"

#include <dlfcn.h>

#include "core/pages.hpp"
#include "shim/base/readable.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"
#include "shim/guard/damage.hpp"
#include "shim/leak/memory_map.hpp"
#include "shim/life/thread_names.hpp"
#include "shim/life/thread_state.hpp"
#include "shim/unwind/modules.hpp"

extern "C" void* __libc_stack_end;  // ld.so's

namespace weir {
namespace {

Incident begin(const void* pointer, IncidentKind kind, IncidentCall call, StackId now) noexcept {
  Incident incident;
  incident.facts.kind = kind;
  incident.facts.call = call;
  incident.facts.address = as_number(pointer);
  incident.now = now;
  return incident;
}

bool covers(const GuardHeader& header, const void* pointer) noexcept {
  return as_number(pointer) - as_number(&header) < as_number(header.end()) - as_number(&header);
}

// The block that the pointer points into. A stale header may lie nearer than that of the block which has its
// memory now, so the search goes on beyond those that do not cover it.
const GuardHeader* block_around(const void* pointer) noexcept {
  constexpr std::uint64_t kReach = std::uint64_t{64} << 20;
  const GuardHeader* freed = nullptr;
  const char* at = static_cast<const char*>(pointer);
  const char* const start = at;
  for (;;) {
    const auto gone = static_cast<std::uint64_t>(start - at);
    const GuardHeader* header = gone < kReach ? header_before(at, kReach - gone) : nullptr;
    if (header == nullptr) return freed;
    if (header->base.is_live()) return covers(*header, pointer) ? header : freed;
    if (freed == nullptr && covers(*header, pointer)) freed = header;
    at = reinterpret_cast<const char*>(header) - 16;
  }
}

// A chunk of glibc's malloc, as far as the words before it tell.
bool looks_like_libc_block(std::uint64_t at) noexcept {
  if (at % 16 != 0 || !is_readable(at - 16)) return false;
  const auto* words = reinterpret_cast<const std::uint64_t*>(at) - 2;
  const std::uint64_t before = words[0];
  const std::uint64_t size = words[1] & ~std::uint64_t{7};
  const bool is_mapped = (words[1] & 2) != 0;
  const bool of_other_arena = (words[1] & 4) != 0;
  if (size < 32 || size % 16 != 0 || size > kZoneSpan) return false;
  if (is_mapped) {
    return (at - 16 - before) % kPageSize == 0 && (size + before) % kPageSize == 0 && before < size;
  }
  if (of_other_arena) {
    constexpr std::uint64_t kArenaBytes = std::uint64_t{64} << 20;
    const std::uint64_t heap = at & ~(kArenaBytes - 1);
    if (!is_readable(heap)) return false;
    const std::uint64_t arena = *reinterpret_cast<const std::uint64_t*>(heap);
    return arena % 16 == 0 && arena != 0 && is_readable(arena);
  }
  return is_readable(at - 16 + size - 8);
}

// In the part of this thread's stack that is in use.
bool is_on_this_stack(std::uint64_t at) noexcept {
  const auto here = as_number(__builtin_frame_address(0));
  const auto main_end = as_number(__libc_stack_end);
  if (at < here) return false;
  if (here < main_end && main_end - here < (std::uint64_t{64} << 20)) return at < main_end + kPageSize;
  const auto control = as_number(__builtin_thread_pointer());
  return here < control && at < control;
}

const Mapping* mapping_of(const MemoryMap& map, std::uint64_t at) noexcept {
  for (std::uint32_t i = 0; i < map.count; ++i) {
    if (at - map.mappings[i].start < map.mappings[i].end - map.mappings[i].start) return &map.mappings[i];
  }
  return nullptr;
}

// Below a thread's control block, in the mapping that holds it: the kernel may have joined another one that
// lies above. The main thread's control block is elsewhere; its stack is a mapping of its own.
bool is_stack(const Mapping& mapping, std::uint64_t at) noexcept {
  const auto main_end = as_number(__libc_stack_end);
  if (main_end - mapping.start < mapping.end - mapping.start) return true;
  for (std::uint32_t i = thread_state_count(); i-- != 0;) {
    const ThreadState& t = thread_state(i);
    const bool holds = t.stack_top - mapping.start < mapping.end - mapping.start;
    if (t.in_use && at < t.stack_top && holds && thread_identity(t.number).tid != sys::getpid()) return true;
  }
  return false;
}

IncidentOccasion occasion_of(IncidentCall call) noexcept {
  if (call == IncidentCall::kUsableSize) return IncidentOccasion::kCall;
  return call == IncidentCall::kRealloc ? IncidentOccasion::kRealloc : IncidentOccasion::kFree;
}

}  // namespace

void report_bad_pointer(const void* pointer, IncidentCall call, StackId now) noexcept {
  if (as_number(pointer) % 16 == 0 && is_readable(as_number(pointer) - kGuardHeaderBytes)) {
    const GuardHeader* own = GuardHeader::of(pointer);
    const BlockStage stage = own->stage();
    if (stage == BlockStage::kFreed || stage == BlockStage::kGone) {
      Incident incident = begin(pointer, IncidentKind::kDoubleFree, call, now);
      describe_block(incident, *own);
      dump_around(incident, own, own->block());
      return report_incident(incident);
    }
    BlockHeader rest{};
    if (recover_header(static_cast<const char*>(pointer), rest)) {
      Incident incident;
      describe_lost_header(incident, static_cast<const char*>(pointer), rest, occasion_of(call), call, now);
      return report_incident(incident);
    }
  }
  Incident incident = begin(pointer, IncidentKind::kBadFree, call, now);
  incident.facts.place = IncidentPlace::kHeap;
  const GuardHeader* around = block_around(pointer);
  if (around != nullptr) {
    describe_block(incident, *around);
    const bool live = incident.facts.block_is_freed == 0;
    incident.facts.place = live ? IncidentPlace::kInsideLive : IncidentPlace::kInsideFreed;
    incident.facts.damage_offset = static_cast<const char*>(pointer) - around->block();
  } else if (!is_readable(as_number(pointer))) {
    incident.facts.place = IncidentPlace::kUnmapped;
  }
  dump_around(incident, around, static_cast<const char*>(pointer));
  report_incident(incident);
}

namespace {

// What kill() has left of a header.
bool looks_freed(const BlockHeader& header) noexcept {
  return header.check_word == 0 && header.offset() >= kHeaderBytes && header.offset() <= kMaxBlockBytes &&
         header.family() <= Family::kPosixMemalign && header.bytes() <= kMaxBlockBytes;
}

// The live block that the pointer points into, of those that begin not too far before.
const BlockHeader* live_block_around(const void* pointer) noexcept {
  constexpr std::uint64_t kReach = std::uint64_t{1} << 20;
  const std::uint64_t at = as_number(pointer);
  std::uint64_t page = 0;
  for (std::uint64_t header = (at & ~std::uint64_t{15}) - kHeaderBytes; at - header < kReach; header -= 16) {
    if (header / kPageSize != page) {
      page = header / kPageSize;
      if (!is_readable(header)) return nullptr;
    }
    const auto* found = reinterpret_cast<const BlockHeader*>(header);
    if (!found->is_live()) continue;
    return at - header - kHeaderBytes < found->bytes() ? found : nullptr;
  }
  return nullptr;
}

void describe(Incident& incident, const BlockHeader& header) noexcept {
  FindingsIncident& f = incident.facts;
  f.block_address = as_number(&header + 1);
  f.block_bytes = header.bytes();
  f.block_alignment = header.offset();
  f.generation = (process_generation - header.generation()) & 63;
  if (header.is_live()) incident.allocated = {header.stack(), {}, true};
}

}  // namespace

void report_untracked_pointer(const void* pointer, IncidentCall call, StackId now) noexcept {
  Incident incident = begin(pointer, IncidentKind::kBadFree, call, now);
  incident.facts.place = IncidentPlace::kHeap;
  const bool has_header =
      as_number(pointer) % kHeaderBytes == 0 && is_readable(as_number(pointer) - kHeaderBytes);
  if (has_header && looks_freed(*BlockHeader::of(pointer))) {
    incident.facts.kind = IncidentKind::kDoubleFree;
    incident.facts.block_is_freed = 1;
    describe(incident, *BlockHeader::of(pointer));
  } else if (const BlockHeader* around = live_block_around(pointer)) {
    incident.facts.place = IncidentPlace::kInsideLive;
    describe(incident, *around);
    incident.facts.damage_offset =
        static_cast<std::int64_t>(as_number(pointer) - incident.facts.block_address);
  } else if (!is_readable(as_number(pointer))) {
    incident.facts.place = IncidentPlace::kUnmapped;
  }
  report_incident(incident);
}

bool is_foreign_block(const void* pointer, IncidentCall call, StackId now) noexcept {
  const std::uint64_t at = as_number(pointer);
  dl_find_object module;
  const bool in_module = _dl_find_object(const_cast<void*>(pointer), &module) == 0;
  if (!in_module && !is_on_this_stack(at) && looks_like_libc_block(at)) return true;
  const MemoryMap map = read_memory_map();
  const Mapping* mapping = mapping_of(map, at);
  Incident incident = begin(pointer, IncidentKind::kBadFree, call, now);
  if (mapping == nullptr) {
    incident.facts.place = IncidentPlace::kUnmapped;
  } else if (in_module) {
    incident.facts.place = IncidentPlace::kStatic;
    incident.facts.place_module = modules.find(at, false).module;
  } else if (is_stack(*mapping, at)) {
    incident.facts.place = IncidentPlace::kStack;
  } else {
    incident.facts.place = IncidentPlace::kOtherMapping;
  }
  release_memory_map(map);
  dump_around(incident, nullptr, static_cast<const char*>(pointer));
  report_incident(incident);
  return false;
}

}  // namespace weir
