// Whether a call of malloc or free came from an operator new or delete that a module has bound to itself: -Bsymbolic, or a
// copy of libstdc++ of its own (rustc's libLLVM.so). Its blocks are malloc's here, and end by our operators as well as by
// its own: no mismatch.
//
// By the symbols that the module exports; where it exports none, by what it imports: a module of C++ that asks others for no
// operator has its own. Thread-safe, allocates nothing; for calls that do not fit, which are seldom.
#pragma once

#include "shim/track/block_header.hpp"

namespace weir::guarded {

bool is_from_operator_new(StackId stack) noexcept;
bool is_from_operator_delete(StackId stack) noexcept;

}  // namespace weir::guarded
