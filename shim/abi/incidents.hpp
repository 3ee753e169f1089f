// One misuse of the heap as the guard saw it: the part of a findings file (reason kIncident) that the report
// of mode=guard is made of.
//
// Offsets are bytes from the block's first byte and may be negative. Times are nanoseconds before the report.
#pragma once

#include <cstdint>

namespace weir {

// What happened. The names in the comments are those that reports begin with.
enum class IncidentKind : std::uint32_t {
  kOverflow = 0,        // heap-buffer-overflow
  kUnderflow = 1,       // heap-buffer-underflow
  kUseAfterFree = 2,    // heap-use-after-free
  kDoubleFree = 3,      // double-free
  kBadFree = 4,         // bad-free: not a block (`place` says what), by whatever call
  kMismatch = 5,        // alloc-dealloc-mismatch: malloc, new, new[] mixed
  kSizeMismatch = 6,    // new-delete-type-mismatch: sized delete, free_sized, free_aligned_sized
  kAlignMismatch = 7,   // new-delete-type-mismatch: aligned delete, free_aligned_sized
  kTooBig = 8,          // allocation-size-too-big
  kCallocOverflow = 9,  // calloc-overflow: given_size * given_count has no 64 bits
  kZeroSize = 10,       // zero-size-allocation
  kBadAlignment = 11,   // invalid-allocation-alignment
};
inline constexpr std::uint32_t kIncidentKinds = 12;

// When it was found.
enum class IncidentOccasion : std::uint32_t {
  kCall = 0,        // by the call that did it (double-free, bad-free, mismatches, odd requests)
  kFree = 1,        // a canary, when the block was freed
  kRealloc = 2,     // a canary, when the block was reallocated
  kQuarantine = 3,  // when the freed block left the quarantine
  kExit = 4,        // by the check at exit
  kSignal = 5,      // by the check that report_signal asks for
  kPeriodic = 6,    // by a check of check_every or check_period_ms
  kAccess = 7,      // at the very instruction: a page without access
  kCrash = 8,       // by the check before a signal ended the program
};
inline constexpr std::uint32_t kIncidentOccasions = 9;

enum class IncidentAccess : std::uint32_t { kUnknown = 0, kRead = 1, kWrite = 2 };

// What the address of a bad-free is; kInsideLive and kInsideFreed name the block.
enum class IncidentPlace : std::uint32_t {
  kBlock = 0,         // the block itself
  kStack = 1,         // a thread's stack
  kStatic = 2,        // a module's data or code: `place_module`
  kInsideLive = 3,    // not the start, but inside of a live block or its canaries
  kInsideFreed = 4,   // inside of a freed block
  kHeap = 5,          // in the heap, in no block that is known
  kOtherMapping = 6,  // mapped memory of somebody else: another allocator's, a file
  kUnmapped = 7,      // nothing is there
};
inline constexpr std::uint32_t kIncidentPlaces = 8;

// The call that made or ended a block, for "malloc", "operator delete[]" in the report.
enum class IncidentCall : std::uint32_t {
  kNone = 0,
  kMalloc = 1,
  kCalloc = 2,
  kRealloc = 3,
  kMemalign = 4,  // memalign, aligned_alloc, valloc, pvalloc
  kPosixMemalign = 5,
  kNew = 6,
  kNewArray = 7,
  kFree = 8,
  kFreeSized = 9,
  kFreeAlignedSized = 10,
  kDelete = 11,
  kDeleteArray = 12,
  kUsableSize = 13,
};
inline constexpr std::uint32_t kIncidentCalls = 14;

// What a byte of the dump is, one mark for each.
enum class DumpMark : std::uint8_t {
  kOther = 0,       // of another block, or of nobody
  kBlock = 1,       // the program's part of the block
  kCanary = 2,      // around the block, as it should be
  kDamaged = 3,     // not what the guard wrote there
  kUnreadable = 4,  // no access
};
inline constexpr std::uint8_t kDumpMarks = 5;

inline constexpr unsigned kThreadNameBytes = 16;

struct IncidentStack {
  std::uint64_t first_frame;  // index into the findings' frames
  std::uint32_t frame_count;  // 0: none was recorded
  std::uint32_t flags;        // kStackCut, kStackUnknown
  std::uint64_t age_ns;       // before the report; 0 for now
  std::uint32_t thread;       // weir's number of the thread, from 1 (the first that allocated); 0: unknown
  std::uint32_t tid;          // of the system; 0: unknown
  char thread_name[kThreadNameBytes];  // ends with a NUL
  std::uint32_t tag;                   // the name on the block, counted from 1; 0: none
  std::uint32_t unused;
};

struct FindingsIncident {
  IncidentKind kind;
  IncidentOccasion occasion;
  IncidentAccess access;
  IncidentPlace place;
  std::uint64_t address;  // that the program passed, or that it accessed; else the first damaged byte's

  // The block, where one is known: block_address is 0 otherwise.
  std::uint64_t block_address;
  std::uint64_t block_bytes;      // as asked for
  std::uint64_t block_alignment;  // as asked for; 16 where the call has none
  std::uint32_t route;            // as FindingsGroup::route
  IncidentCall made_by;
  IncidentCall call;             // that found it or that was wrong
  IncidentCall freed_by;         // of a freed block
  std::uint32_t block_is_freed;  // 1: the block had been freed
  std::uint32_t generation;      // forks between the process that made the block and this one
  std::uint32_t place_module;    // index into modules
  std::uint32_t signal;          // of kCrash

  std::int64_t damage_offset;   // first damaged byte, from the block's start
  std::uint64_t damage_bytes;   // from the first to the last damaged one, inclusive
  std::uint64_t damaged_count;  // bytes in that range that differ from what the guard wrote

  std::uint64_t given_size;  // of a sized delete, an odd request
  std::uint64_t given_alignment;
  std::uint64_t given_count;  // calloc's first argument

  // Memory around: dump_bytes bytes from dump_address on, at dump_offset of the dumps section; as many
  // DumpMarks follow.
  std::uint64_t dump_address;
  std::uint64_t dump_offset;
  std::uint64_t dump_bytes;

  // A live block in front whose end is damaged too: where a long overflow came from. 0: none.
  std::uint64_t neighbour_address;
  std::uint64_t neighbour_bytes;

  IncidentStack now;        // the call or access that found it
  IncidentStack allocated;  // of the block
  IncidentStack freed;      // of the block, when it is freed
  IncidentStack neighbour;  // where the block in front was allocated
};

}  // namespace weir
