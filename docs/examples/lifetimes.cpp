// One arena for each lifetime: the configuration stays, a session's data goes with it, a request's at its
// end.
//
// prints:
//   ann asks for a in test: 2 requests so far
//   ann asks for b in test: 3 requests so far
//   bob asks for c in test: 2 requests so far
#include <cstdio>
#include <memory_resource>
#include <string>

#include "core/arena.hpp"
#include "core/memory_resource.hpp"
#include "core/typed.hpp"

struct Config {
  std::pmr::string name;
};

// A session's numbers live in its own arena: dropped together, in one step.
struct Session {
  weir::Arena<> arena;
  int* requests = weir::create<int>(arena, 1);
};

static void serve(const Config& config, const char* user, Session& session, weir::Arena<>& request_arena,
                  const char* what) {
  weir::MemoryResource memory(request_arena);
  std::pmr::string answer(user, &memory);
  answer.append(" asks for ").append(what).append(" in ").append(config.name);
  ++*session.requests;
  std::printf("%s: %d requests so far\n", answer.c_str(), *session.requests);
}

int main() {
  weir::Arena<> config_arena;  // as long as the program
  weir::MemoryResource config_memory(config_arena);
  const Config config{std::pmr::string("test", &config_memory)};
  weir::Arena<> request_arena;  // one request after the other
  {
    Session ann;
    for (const char* what : {"a", "b"}) {
      serve(config, "ann", ann, request_arena, what);
      request_arena.reset();
    }
  }
  Session bob;
  serve(config, "bob", bob, request_arena, "c");
}
