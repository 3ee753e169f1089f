// What is known of one frame of a stack.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir {

struct ModuleName {
  std::string path = {};      // empty for an address in no known module
  std::string build_id = {};  // in hex
  bool unloaded = false;
};

// A function in the source: the frame's own, or one that was inlined there.
struct SourceFrame {
  std::string function = {};  // empty when it has no name
  std::string file = {};      // empty when it has no line information
  unsigned line = 0;          // 0 when there is none
  unsigned column = 0;
  bool inlined = false;
};

struct Frame {
  std::uint64_t address = 0;  // of the call (or of the instruction that was interrupted)
  std::uint64_t offset = 0;   // the address in the module's file
  const ModuleName* module = nullptr;
  std::vector<SourceFrame> sources;  // innermost first; never empty, the last is not inlined
};

}  // namespace weir
