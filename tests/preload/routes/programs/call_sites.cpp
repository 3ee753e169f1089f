// Allocates so many times from each of several kinds of code, for rules on the calling function, file
// and module:
//   parse_x 11, Parser::read 23, inlined_helper (in driver) 37, parse_cold 5 (a part of its own), other 100.
//
//   call_sites              those
//   call_sites plugin A B   loads A, calls it 5 times, unloads it; B 7 times; then A again 9 times
//   call_sites fork A       does all of it, and then again with A in a child
//   call_sites race A       loads A; four threads make its first calls at once, then 1000 of 200 bytes each
//   call_sites threads A    three threads each, while A is loaded, called once and unloaded, 20 times
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <barrier>
#include <thread>
#include <vector>

namespace {

// What was allocated is used, and freed elsewhere, so that no call can be left out.
__attribute__((noinline)) void use(void* block) {
  if (block == nullptr) abort();
  memset(block, 1, 100);
  free(block);
}

}  // namespace

extern "C" __attribute__((noinline)) void parse_x(int times) {
  for (int i = 0; i < times; ++i) use(malloc(100));
}

extern "C" __attribute__((noinline)) void parse_cold(int times) {
  if (__builtin_expect(times == 5, 0)) {
    for (int i = 0; i < times; ++i) use(malloc(100));
    if (times != 5) abort();
  }
}

extern "C" __attribute__((noinline)) void other(int times) {
  for (int i = 0; i < times; ++i) use(malloc(100));
}

namespace text {

template <typename T>
class Parser {
 public:
  __attribute__((noinline)) void read(int times) {
    for (int i = 0; i < times; ++i) {
      T* item = new T[100];
      memset(item, i, 100);
      sum_ += item[50];
      delete[] item;
    }
  }

 private:
  int sum_ = 0;
};

static inline __attribute__((always_inline)) void inlined_helper(int times) {
  for (int i = 0; i < times; ++i) use(malloc(100));
}

}  // namespace text

extern "C" __attribute__((noinline)) void driver() {
  text::inlined_helper(37);
}

static void everything() {
  parse_x(11);
  text::Parser<char>().read(23);
  driver();
  parse_cold(5);
  other(100);
}

using Work = void (*)(int times, size_t bytes);

static Work load(const char* path, void*& handle) {
  handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    fprintf(stderr, "%s\n", dlerror());
    exit(1);
  }
  return reinterpret_cast<Work>(dlsym(handle, "work"));
}

static void with_plugin(const char* path, int times) {
  void* handle = nullptr;
  load(path, handle)(times, 100);
  dlclose(handle);
}

static void race(const char* path) {
  constexpr int kThreads = 4;
  void* handle = nullptr;
  const Work work = load(path, handle);
  std::barrier together(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      together.arrive_and_wait();
      work(3, 100);
      together.arrive_and_wait();
      work(1000, 200);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

int main(int argc, char** argv) {
  if (argc == 1) {
    everything();
  } else if (strcmp(argv[1], "plugin") == 0) {
    with_plugin(argv[2], 5);
    with_plugin(argv[3], 7);
    with_plugin(argv[2], 9);
  } else if (strcmp(argv[1], "fork") == 0) {
    everything();
    const pid_t child = fork();
    everything();
    if (child == 0) {
      with_plugin(argv[2], 5);
      exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status == 0 ? 0 : 1;
  } else if (strcmp(argv[1], "race") == 0) {
    race(argv[2]);
  } else {
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([] {
        for (int round = 0; round < 2000; ++round) everything();
      });
    }
    for (int i = 0; i < 20; ++i) with_plugin(argv[2], 1);
    for (std::thread& thread : threads) thread.join();
  }
}
