// Known numbers of requests of a few sizes, which rules tell apart:
//   100 bytes   3 threads, 1000 each; the main thread releases all; a forked child asks for 10 more
//   1000 bytes  100, all released
//   2000 bytes  20, as many as there are released
//   300 bytes   500 by new[], 200 of them never released
#include "../../check.h"

namespace {

constexpr unsigned kThreads = 3;
constexpr unsigned kEach = 1000;
void* handed_over[kThreads][kEach];
char* kept[500];

void* allocate(void* to) {
  for (void*& block : *static_cast<void*(*)[kEach]>(to)) block = opaque(malloc(100));
  return nullptr;
}

void ask(std::size_t bytes, unsigned count) {
  void* blocks[100];
  for (unsigned i = 0; i < count; ++i) blocks[i] = opaque(malloc(bytes));
  for (unsigned i = 0; i < count; ++i) free(blocks[i]);
}

}  // namespace

int main() {
  pthread_t threads[kThreads];
  for (unsigned i = 0; i < kThreads; ++i) pthread_create(&threads[i], nullptr, allocate, &handed_over[i]);
  for (pthread_t thread : threads) pthread_join(thread, nullptr);
  for (auto& blocks : handed_over) {
    for (void* block : blocks) free(block);
  }
  ask(1000, 100);
  ask(2000, 20);
  for (char*& block : kept) block = static_cast<char*>(opaque(new char[300]));
  for (unsigned i = 200; i < 500; ++i) delete[] kept[i];
  const pid_t pid = fork();
  if (pid == 0) {
    ask(100, 10);
    return 0;
  }
  int status = 1;
  CHECK(waitpid(pid, &status, 0) == pid && status == 0);
  return check_result();
}
