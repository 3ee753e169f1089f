// What header-only parts of the standard library call when a precondition is broken, in an object without
// libstdc++: string_view's bounds.
#include <cstdlib>

namespace std {

[[noreturn]] __attribute__((visibility("hidden"))) void __throw_out_of_range_fmt(const char*, ...) {
  abort();
}

}  // namespace std
