// Code that comes and goes: two plug-ins that take turns at one address.
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

#include <cstdio>
#include <cstdlib>

#include "plugin.hpp"
#include "stress.hpp"

namespace stress {
namespace {

pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
std::uintptr_t last_place = 0;
unsigned last_plugin = 0;

void call_back(int depth) {
  allocate();
  go(depth);
}

}  // namespace

STRESS_NOINLINE void plugin_calls(int depth) {
  // The thread that a signal interrupted may be the one whose turn it is.
  if (worker.in_handler != 0 || pthread_mutex_trylock(&turn) != 0) {
    allocate();
    return;
  }
  const Fixed fixed;
  const unsigned pick = random_below(2);
  void* plugin;
  stress_plugin_function enter;
  {
    const Hold hold;
    plugin = dlopen(options.plugins[pick], RTLD_LAZY | RTLD_LOCAL);
    if (plugin == nullptr) {
      std::fprintf(stderr, "stress: %s\n", dlerror());
      std::abort();
    }
    enter = reinterpret_cast<stress_plugin_function>(dlsym(plugin, "stress_plugin_enter"));
    if (enter == nullptr) std::abort();
    count(tally.loaded);
    link_map* map = nullptr;
    dlinfo(plugin, RTLD_DI_LINKMAP, &map);
    if (map->l_addr == last_place && last_plugin != pick) count(tally.replaced);
    last_place = map->l_addr;
    last_plugin = pick;
  }
  for (std::uint32_t i = 0; i <= random_below(3); ++i) enter(call_back, depth < 3 ? depth - 1 : 2);
  {
    const Hold hold;
    dlclose(plugin);
  }
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
