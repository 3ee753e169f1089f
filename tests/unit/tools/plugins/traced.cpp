// A library whose functions call back with known names and lines around them. Compiled with -g -O2 by gcc
// and, where it is there, clang; the test loads it, collects the addresses in the callback, and asks for
// names afterwards.
//
// The test finds the lines by their comments "line: NAME".

using Callback = int (*)(void*);

namespace traced {

template <typename T>
struct Maker {
  // Inlined into its caller.
  static inline __attribute__((always_inline)) int make(Callback callback, T* data) {
    return callback(data) + 1;  // line: make
  }
};

static inline __attribute__((always_inline)) int middle(Callback callback, void* data) {
  return Maker<void>::make(callback, data) + 1;  // line: middle
}

namespace {
__attribute__((noinline)) int hidden(Callback callback, void* data, int number) {
  asm volatile("" : "+r"(number));
  return middle(callback, data) + number;  // line: hidden
}
}  // namespace

}  // namespace traced

extern "C" int traced_call(Callback callback, void* data) {
  return traced::hidden(callback, data, 3) + 1;  // line: traced_call
}
