// The one door to libunwind: for the frames whose tables say more than a FrameRule can.
//
// Its remote half is used, with accessors that read this very process: the local half opens a pipe (two of
// the program's lowest descriptors) to find out whether memory can be read, iterates the loader's list under
// its lock, and would guess where there are no tables. The library is loaded at start with
// dlopen(RTLD_LOCAL): linked, its _Unwind_* symbols would take over the program's exceptions, and Debian's
// archive is not position independent. Without it such walks end early.
#pragma once

#include <cstdint>

#include "shim/abi/findings.hpp"

namespace weir {

// Loads libunwind. Called once, by the constructor, where dlopen is safe.
void load_libunwind() noexcept;

// Walks the calling thread's stack from the frame that has this ip and sp outwards and writes its frames,
// innermost first, at most `room`. Steps only through code that has unwind tables. 0 when libunwind is
// missing or does not find the frame.
std::uint32_t unwind_with_libunwind(std::uint64_t ip, std::uint64_t sp, FrameToken* to,
                                    std::uint32_t room) noexcept;

// A frame, as it stood when it made the call that it is in.
struct CallingFrame {
  std::uint64_t ip, sp;
  std::uint64_t registers[6];  // rbx, rbp, r12 … r15
  unsigned outermost_module;   // where the walk ends; 0: not known
};

// The first frame outwards from the caller that lies in neither of two modules, with ip 0 when there is none. False when
// libunwind is missing.
bool find_frame_beyond(unsigned module, unsigned other, CallingFrame& to) noexcept;

}  // namespace weir
