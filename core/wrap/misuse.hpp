// What a checking wrapper has to say: which rule was broken, on which block, by whom.
//
// A handler may print, count, fail a test or end the process. Without one the process is aborted: a broken
// heap must not go on unseen. It must not use the allocator that reports.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "../allocator.hpp"
#include "text.hpp"

namespace weir {

enum class MisuseKind : std::uint8_t {
  unknown_block,       // given back or resized, but not a live block of this allocator
  double_free,         // the same, and it is known that it was freed
  wrong_size,          // not the size that the block has
  wrong_alignment,     // not the alignment that the block was asked with
  bad_alignment,       // asked for an alignment that is no power of two
  front_overwritten,   // written in front of the block
  back_overwritten,    // written behind it
  written_after_free,  // written after it was given back
  leak,                // still live at the end
};

struct Misuse {
  MisuseKind kind = MisuseKind::unknown_block;
  const void* block = nullptr;
  Layout given;                          // what the call said
  Layout known;                          // what the block has, where that is known
  std::ptrdiff_t offset = 0;             // of the first damaged byte, from the block's address
  CallerAddress caller = nullptr;        // of the call that found it
  CallerAddress allocated_by = nullptr;  // where known
  CallerAddress freed_by = nullptr;      // where known
};

struct MisuseHandler {
  void (*report)(void* context, const Misuse& misuse) noexcept = nullptr;
  void* context = nullptr;

  void operator()(const Misuse& misuse) const noexcept {
    if (report == nullptr) {
      std::abort();
    }
    report(context, misuse);
  }
};

constexpr const char* name_of(MisuseKind kind) noexcept {
  switch (kind) {
    case MisuseKind::unknown_block:
      return "unknown block";
    case MisuseKind::double_free:
      return "double free";
    case MisuseKind::wrong_size:
      return "wrong size";
    case MisuseKind::wrong_alignment:
      return "wrong alignment";
    case MisuseKind::bad_alignment:
      return "alignment is no power of two";
    case MisuseKind::front_overwritten:
      return "written in front of a block";
    case MisuseKind::back_overwritten:
      return "written behind a block";
    case MisuseKind::written_after_free:
      return "written after free";
    case MisuseKind::leak:
      return "leak";
  }
  return "";
}

// "written behind a block: 24 bytes at 0x7f10, offset 24". Callers are left to those who can name them.
template <std::size_t kCapacity>
void describe(const Misuse& misuse, TextBuffer<kCapacity>& out) noexcept {
  const bool damaged = misuse.kind == MisuseKind::front_overwritten ||
                       misuse.kind == MisuseKind::back_overwritten ||
                       misuse.kind == MisuseKind::written_after_free;
  out.text(name_of(misuse.kind)).text(": ");
  switch (misuse.kind) {
    case MisuseKind::bad_alignment:
      out.number(misuse.given.bytes).text(" bytes asked for, aligned to ").number(misuse.given.alignment);
      return;
    case MisuseKind::unknown_block:
      out.number(misuse.given.bytes);
      break;
    default:
      out.number(misuse.known.bytes);
  }
  out.text(" bytes at ").address(misuse.block);
  if (damaged) {
    out.text(", offset ").signed_number(misuse.offset);
  } else if (misuse.kind == MisuseKind::wrong_size) {
    out.text(", given as ").number(misuse.given.bytes);
  } else if (misuse.kind == MisuseKind::wrong_alignment) {
    out.text(" aligned to ").number(misuse.known.alignment);
    out.text(", given as ").number(misuse.given.alignment);
  }
}

}  // namespace weir
