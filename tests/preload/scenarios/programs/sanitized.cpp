// Built with a sanitizer: makes, moves and drops blocks on several threads, and says that it came to its end.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

static void work() {
  for (int i = 1; i < 500; ++i) {
    std::vector<int> many(static_cast<std::size_t>(i));
    char* text = strdup("text");
    text = static_cast<char*>(std::realloc(text, static_cast<std::size_t>(i) + 5));
    std::free(text);
  }
}

int main() {
  std::thread threads[3];
  for (std::thread& thread : threads) thread = std::thread(work);
  for (std::thread& thread : threads) thread.join();
  if (dlsym(RTLD_DEFAULT, "malloc") == nullptr) return 1;
  std::puts("came to its end");
  return 3;
}
