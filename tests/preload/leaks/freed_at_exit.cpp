// What exit handlers, static destructors, thread-local destructors and destructor functions free is no leak.
//: plugin frees.so plugins/frees_at_exit.cpp
#include <memory>
#include <vector>

#include "lose.h"

static uintptr_t masked[3];
static uintptr_t mask(void* block) {
  return ~reinterpret_cast<uintptr_t>(block);
}
static void free_masked(int which) {
  free(reinterpret_cast<void*>(~masked[which]));
}

struct Owner {
  uintptr_t hidden = mask(malloc(120));
  ~Owner() { free(reinterpret_cast<void*>(~hidden)); }
};
static Owner destroyed_at_exit;
static thread_local Owner destroyed_with_thread;

__attribute__((destructor)) static void last() {
  free_masked(1);
}

FRAME static void fill() {
  masked[0] = mask(malloc(121));
  masked[1] = mask(malloc(122));
}

int main() {
  open_plugin("frees.so", RTLD_NOW);
  fill();
  std::atexit([] { free_masked(0); });
  on_exit([](int, void*) { free(malloc(10)); }, nullptr);
  scrub();
  return destroyed_with_thread.hidden == destroyed_at_exit.hidden;
}
