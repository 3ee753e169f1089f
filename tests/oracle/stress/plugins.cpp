// Code that comes and goes: two plug-ins that take turns at one address.
//
// A thread of its own, the keeper, opens and closes them. So the thread that calls them allocates nothing
// between a call into one and the same call into the other,
// and whatever its memo holds of the first is still there.
#include <alloca.h>
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

#include <cstdio>
#include <cstdlib>

#include "plugin.hpp"
#include "stress.hpp"

namespace stress {
namespace {

enum Wish { kNothing, kClose, kFirst, kSecond, kEnd };

pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;  // held by the thread that uses the plug-ins

pthread_t keeper;
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
Wish wish = kNothing;
stress_plugin_function answer = nullptr;

void* keep_plugins(void*) {
  void* open = nullptr;
  std::uintptr_t last_place = 0;
  Wish last = kNothing;
  pthread_mutex_lock(&lock);
  for (;;) {
    while (wish == kNothing) pthread_cond_wait(&changed, &lock);
    if (open != nullptr) dlclose(open);
    open = nullptr;
    if (wish == kEnd) break;
    if (wish != kClose) {
      open = dlopen(options.plugins[wish - kFirst], RTLD_LAZY | RTLD_LOCAL);
      if (open == nullptr) {
        std::fprintf(stderr, "stress: %s\n", dlerror());
        std::abort();
      }
      answer = reinterpret_cast<stress_plugin_function>(dlsym(open, "stress_plugin_enter"));
      if (answer == nullptr) std::abort();
      count(tally.loaded);
      link_map* map = nullptr;
      dlinfo(open, RTLD_DI_LINKMAP, &map);
      if (map->l_addr == last_place && last != wish) count(tally.replaced);
      last_place = map->l_addr;
      last = wish;
    }
    wish = kNothing;
    pthread_cond_broadcast(&changed);
  }
  pthread_mutex_unlock(&lock);
  return nullptr;
}

// Returns when it is done. Allocates nothing here.
stress_plugin_function ask_keeper(Wish w) {
  const Hold hold;
  pthread_mutex_lock(&lock);
  wish = w;
  pthread_cond_broadcast(&changed);
  while (wish != kNothing) pthread_cond_wait(&changed, &lock);
  const stress_plugin_function enter = answer;
  pthread_mutex_unlock(&lock);
  return enter;
}

// First from one place, always the same.
void call_back(int depth) {
  {
    const Hold hold;
    void* block = std::malloc(24);
    touch(block);
    std::free(block);
  }
  if (depth > 1) go(depth);
}

// Far enough down that what waiting does on the stack does not reach it.
STRESS_NOINLINE void call_far(stress_plugin_function enter, int levels, int depth) {
  touch(alloca(48 * 1024));
  enter(call_back, levels, depth);
  touch(&depth);
}

}  // namespace

void start_keeper() {
  if (pthread_create(&keeper, nullptr, keep_plugins, nullptr) != 0) std::abort();
}

void stop_keeper() {
  pthread_mutex_lock(&lock);
  wish = kEnd;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  pthread_join(keeper, nullptr);
}

STRESS_NOINLINE void plugin_calls(int depth) {
  // The thread that a signal interrupted may be the one whose turn it is.
  if (depth < 2 || worker.in_handler != 0 || !has_room(120 * 1024) || pthread_mutex_trylock(&turn) != 0) {
    allocate();
    return;
  }
  const Fixed fixed;
  const int levels = static_cast<int>(random_below(3));
  const std::uint32_t calls = 2 + random_below(3);
  for (std::uint32_t i = 0; i < calls; ++i) {
    const Wish w = random_below(4) != 0 ? static_cast<Wish>(kFirst + i % 2) : kSecond;
    const stress_plugin_function enter = ask_keeper(w);
    const int deepest = static_cast<int>(random_below(4));
    for (int again = 0; again < 2; ++again) {
      call_far(enter, w == kFirst ? 2 * levels + 1 : levels, deepest);
      if (again == 0) allocate();
    }
  }
  ask_keeper(kClose);
  pthread_mutex_unlock(&turn);
  allocate();
}

// Calls that go through stubs of the procedure linkage table, for signals to land in.
STRESS_NOINLINE void library_calls(int depth) {
  char text[64];
  for (int i = 0; i < 6; ++i) {
    const long n = std::strtol("12345", nullptr, 10) + std::labs(depth);
    touch(&n);
    touch(std::getenv("STRESS_NOT_SET"));
    stress_library_call(text, sizeof text);
  }
  go(depth - 1);
  touch(text);
}

}  // namespace stress
