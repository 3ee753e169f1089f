// A program that replaces some of C++'s twenty operators means the others, too: libstdc++'s call those. Ours
// stand in front of libstdc++'s, so where any was replaced they give way to them.
#pragma once

namespace weir {

// True from our constructor on where the program, or a library before ours, has operators of its own.
extern bool operators_replaced;

// In the constructor. Takes the loader's lock.
void find_replaced_operators() noexcept;

// libstdc++'s version; nullptr when there is none.
void* next_operator(const char* symbol) noexcept;

}  // namespace weir

// In an operator that libstdc++ defines by another one. Looked up once; a race looks it up twice.
#define WEIR_GIVE_WAY(name, ...)                                                                 \
  if (__builtin_expect(::weir::operators_replaced, 0)) {                                         \
    static constinit decltype(&name) next = nullptr;                                             \
    if (next == nullptr) next = reinterpret_cast<decltype(&name)>(::weir::next_operator(#name)); \
    if (next != nullptr) return next(__VA_ARGS__);                                               \
  }
