// Every form of operator new, each asked for once with a size of its own, and once with a new-handler that
// gives up after its second call: says what each does when it fails.
#include <cstdio>
#include <cstdlib>
#include <new>

static int calls = 0;

static void handler() {
  if (++calls == 2) std::set_new_handler(nullptr);
}

template <typename Ask>
static void ask(const char* name, Ask ask) {
  calls = 0;
  const char* outcome = "null";
  try {
    void* block = ask();
    if (block != nullptr) outcome = "block";
  } catch (const std::bad_alloc&) {
    outcome = "bad_alloc";
  }
  std::set_new_handler(nullptr);
  std::printf("%s %s, handler called %d\n", name, outcome, calls);
}

template <typename Ask>
static void ask_twice(const char* name, Ask how) {
  ask(name, how);
  std::set_new_handler(handler);
  ask(name, how);
}

int main() {
  static char buffer[4096];
  std::setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  constexpr std::align_val_t kWide{64};
  ask_twice("new", [] { return operator new(100); });
  ask_twice("new[]", [] { return operator new[](200); });
  ask_twice("new nothrow", [] { return operator new(300, std::nothrow); });
  ask_twice("new[] nothrow", [] { return operator new[](400, std::nothrow); });
  ask_twice("new aligned", [] { return operator new(512, kWide); });
  ask_twice("new[] aligned", [] { return operator new[](640, kWide); });
  ask_twice("new aligned nothrow", [] { return operator new(704, kWide, std::nothrow); });
  ask_twice("new[] aligned nothrow", [] { return operator new[](768, kWide, std::nothrow); });
  std::fflush(stdout);
  std::_Exit(0);
}
