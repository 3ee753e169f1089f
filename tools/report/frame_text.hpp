// Stacks as lines of a report, in LeakSanitizer's form.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/symbols/frame.hpp"

namespace weir {

struct StackLines {
  std::span<const Frame* const> frames;  // innermost first
  std::uint32_t flags;                   // kStackCut, kStackUnknown
  std::uint32_t context_size;            // option malloc_context_size
  std::string_view strip_path_prefix;
};

// "    #0 0x... in function file:line:column" and what is to be said of the stack's end.
void append_stack(std::string& out, const StackLines& stack);

// "function file:line" of a stack's innermost frame, "(module+0x...)" where it has no name;
// empty without one.
std::string place_of(std::span<const Frame* const> frames, std::string_view strip_path_prefix);

// Takes libweir.so's own frames from the inner end: the stack then begins with the call that the program
// made. One of nothing else stays as it is.
void drop_own_frames(std::vector<const Frame*>& frames);

}  // namespace weir
