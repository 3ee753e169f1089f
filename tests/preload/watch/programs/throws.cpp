// Throws bad_alloc through destructors and catches it in one place, and in another nobody catches it.
#include <memory>
#include <new>
#include <vector>

struct Part {
  std::unique_ptr<int[]> numbers = std::make_unique<int[]>(64);
};

[[gnu::noinline]] static bool caught() {
  try {
    std::vector<Part> parts(3);
    return !parts.empty();
  } catch (const std::bad_alloc&) {
    return false;
  }
}

[[gnu::noinline]] static int nobody_catches() {
  const std::vector<int> numbers(1000, 1);
  return numbers[500];
}

int main() {
  return caught() ? nobody_catches() - 1 : 3;
}
