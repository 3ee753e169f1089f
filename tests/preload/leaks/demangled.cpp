// Names of templates, methods, lambdas and namespaces are readable.
//: leak direct 40 1 * << shop::Shelf<int, 3>::fill < main
//: leak direct 41 1 *operator()* < main
//: levels O0
#include <memory>

#include "lose.h"

namespace shop {
template <typename T, int n>
struct Shelf {
  FRAME static void fill() { (void)std::allocator<T>().allocate(10); }
};
}  // namespace shop

int main() {
  shop::Shelf<int, 3>::fill();
  auto lose = [](std::size_t bytes) { *static_cast<volatile char*>(malloc(bytes)) = 1; };
  lose(41);
  scrub();
}
