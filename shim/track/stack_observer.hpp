// A seam for one test: the library that tests/oracle builds from these sources sees every stack right after
// it was taken, still inside the allocation, and holds it against libunwind. Elsewhere it is nothing.
#pragma once

#include "shim/unwind/stack_memo.hpp"

namespace weir {

#ifdef WEIR_OBSERVE_STACKS
void observe_stack(const CallSite& site, StackId stack);
#else
inline void observe_stack(const CallSite&, StackId) {}
#endif

}  // namespace weir
