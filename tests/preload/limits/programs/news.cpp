// operator new under a limit of 100000 live bytes: bad_alloc, nullptr, and a new-handler that makes room.
#include <cstdio>
#include <cstdlib>
#include <new>

static char* reserve;
static int handled;
static void* volatile sink;  // nothing is optimised away

static void make_room() {
  ++handled;
  delete[] reserve;
  reserve = nullptr;
  std::set_new_handler(nullptr);
}

struct alignas(64) Wide {
  char bytes[64];
};

template <typename F>
static void show(const char* what, F&& allocate) {
  try {
    sink = allocate();
    std::printf("%s: %s\n", what, sink != nullptr ? "ok" : "null");
  } catch (const std::bad_alloc&) {
    std::printf("%s: bad_alloc\n", what);
  }
}

int main() {
  static char buffer[4096];
  std::setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  reserve = new char[60000];
  char* kept = new char[30000];
  show("new", [] { return new char[20000]; });
  show("nothrow", [] { return new (std::nothrow) char[20000]; });
  show("one", [] { return ::operator new(20000); });
  show("aligned", [] { return new Wide[400]; });
  show("aligned nothrow", [] { return new (std::nothrow) Wide[400]; });
  show("malloc", [] { return std::malloc(20000); });
  show("fits", [] { return new char[10000]; });
  std::set_new_handler(make_room);
  show("handler", [] { return new char[50000]; });
  show("full", [] { return new char[20000]; });
  std::printf("handled %d\n", handled);
  delete[] kept;
  std::fflush(stdout);
}
