// A plug-in whose static object frees its hidden block when the process ends.
#include <cstdint>
#include <cstdlib>

struct Hidden {
  std::uintptr_t masked = ~reinterpret_cast<std::uintptr_t>(std::malloc(130));
  ~Hidden() { std::free(reinterpret_cast<void*>(~masked)); }
};
static Hidden hidden;

__attribute__((destructor)) static void last() {
  std::free(std::calloc(10, 10));
}
