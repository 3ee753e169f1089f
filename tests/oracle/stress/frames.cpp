// Frames of every kind that compilers make, and calls back through libraries.
#include <alloca.h>

#include <cstdlib>
#include <functional>

#include "stress.hpp"

namespace stress {

STRESS_NOINLINE void alloca_frame(int depth) {
  const std::size_t bytes = 1 + random_below(600);
  auto* p = static_cast<char*>(alloca(bytes));
  p[0] = 1;
  touch(p);
  go(depth - 1);
  allocate();
  touch(p);
}

STRESS_NOINLINE void vla_frame(int depth) {
  const std::uint32_t n = 1 + random_below(100);
  int values[n];
  values[n - 1] = depth;
  touch(values);
  allocate();
  go(depth - 1);
  touch(values);
}

STRESS_NOINLINE void realigned_frame(int depth) {
  alignas(64) char buffer[128];
  buffer[0] = 1;
  touch(buffer);
  allocate();
  go(depth - 1);
  touch(buffer);
}

STRESS_NOINLINE void realigned_vla_frame(int depth) {
  alignas(128) char buffer[64];
  const std::uint32_t n = 1 + random_below(50);
  long values[n];
  values[n - 1] = depth;
  touch(buffer);
  touch(values);
  go(depth - 1);
  allocate();
  touch(values);
  touch(buffer);
}

// gcc needs a second pointer here (DRAP): its CFA is loaded from memory.
STRESS_NOINLINE static long realigned_sum(long a, long b, long c, long d, long e, long f, long g, long h,
                                          int depth) {
  alignas(64) long buffer[8] = {a, b, c, d, e, f, g, h};
  auto* more = static_cast<char*>(alloca(1 + random_below(100)));
  touch(buffer);
  touch(more);
  allocate();
  go(depth - 1);
  touch(buffer);
  return buffer[static_cast<std::size_t>(h) & 7] + g + h;
}

STRESS_NOINLINE void realigned_with_stack_arguments(int depth) {
  const long sum = realigned_sum(1, 2, 3, 4, 5, 6, 7, 8, depth);
  touch(&sum);
}

STRESS_NOINLINE static long pass_many(long a, long b, long c, long d, long e, long f, long g, long h, long i,
                                      long j, int depth) {
  allocate();
  if (goes_on(depth) && random_below(2) != 0) {
    const long sum = pass_many(j, i, h, g, f, e, d, c, b, a, depth - 1);
    touch(&sum);
    return sum + a;
  }
  go(depth - 1);
  touch(&depth);
  return a + b + c + d + e + f + g + h + i + j;
}

STRESS_NOINLINE void many_arguments(int depth) {
  const long sum = pass_many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, depth);
  touch(&sum);
}

STRESS_NOINLINE void large_frame(int depth) {
  char buffer[9000];
  buffer[0] = 1;
  touch(buffer);
  go(depth - 1);
  allocate();
  touch(buffer);
}

// Down and up again, past what is kept of a stack and past what is remembered of it.
STRESS_NOINLINE static void descend(int level, int depth) {
  char pad[16];
  touch(pad);
  if (level % 7 == 0) allocate();
  if (level > 0 && worker.budget > 0 && has_room(64 * 1024)) {
    descend(level - 1, depth);
  } else {
    go(depth < 3 ? depth : 3);
  }
  if (level % 5 == 0) allocate();
  touch(pad);
}

STRESS_NOINLINE void deep_recursion(int depth) {
  descend(static_cast<int>(random_below(static_cast<std::uint32_t>(options.depth))), depth - 1);
  allocate();
}

// Two functions with different frames that call each other; `steps` is used up by all levels together.
STRESS_NOINLINE static void wander(int level, int& steps);

STRESS_NOINLINE static void wander_beside(int level, int& steps) {
  auto* p = static_cast<char*>(alloca(16 + random_below(64)));
  touch(p);
  wander(level, steps);
  allocate();
  touch(p);
}

STRESS_NOINLINE static void wander(int level, int& steps) {
  long pad[3];
  touch(pad);
  while (--steps > 0 && worker.budget > 0) {
    const std::uint32_t pick = random_below(100);
    if (pick < 30) {
      allocate();
    } else if (pick < 68 && level < options.depth && has_room(64 * 1024)) {
      if (pick < 48) {
        wander(level + 1, steps);
      } else {
        wander_beside(level + 1, steps);
      }
    } else {
      break;
    }
  }
  touch(pad);
}

STRESS_NOINLINE void random_walk(int depth) {
  int steps = options.depth * 8;
  while (steps > 0 && worker.budget > 0) wander(0, steps);
  go(depth - 1);
  touch(&steps);
}

static int compare_values(const void* a, const void* b) {
  if (random_below(4) == 0) allocate();
  return *static_cast<const int*>(a) - *static_cast<const int*>(b);
}

STRESS_NOINLINE void sorting(int depth) {
  int values[24];
  for (int& v : values) v = static_cast<int>(random_below(1000));
  qsort(values, 24, sizeof values[0], compare_values);
  touch(values);
  if (random_below(8) == 0) {
    const Hold hold;  // past a kilobyte qsort itself allocates
    const Fixed fixed;
    static thread_local int many[600];
    for (int& v : many) v = static_cast<int>(random_below(1000));
    qsort(many, 600, sizeof many[0], compare_values);
    touch(many);
  }
  go(depth - 1);
}

static int compare_and_go(const void* key, const void* element) {
  const int depth = *static_cast<const int*>(key);
  if (random_below(3) == 0) go(depth - 2);
  allocate();
  return depth - *static_cast<const int*>(element);
}

STRESS_NOINLINE void searching(int depth) {
  int values[40];
  for (int i = 0; i < 40; ++i) values[i] = i;
  touch(bsearch(&depth, values, 40, sizeof values[0], compare_and_go));
}

STRESS_NOINLINE static void call(const std::function<void(int)>& f, int depth) {
  f(depth);
  touch(&f);
}

STRESS_NOINLINE void function_object(int depth) {
  const long a = depth;
  const long b = depth + 1;
  const long c = depth + 2;
  alignas(std::function<void(int)>) char room[sizeof(std::function<void(int)>)];
  std::function<void(int)>* f;
  {
    const Hold hold;  // three captures do not fit into the object: this allocates
    f = new (room) std::function<void(int)>([a, b, c](int d) {
      allocate();
      go(d - 1);
      const long sum = a + b + c;
      touch(&sum);
    });
  }
  call(*f, depth);
  const Hold hold;
  f->~function();
}

namespace {

class Node {
 public:
  virtual void visit(int depth) = 0;

 protected:
  ~Node() = default;
};

class Leaf final : public Node {
 public:
  STRESS_NOINLINE void visit(int depth) override {
    allocate();
    touch(&depth);
  }
};

class Inner final : public Node {
 public:
  explicit Inner(Node& next) : next_(next) {}
  STRESS_NOINLINE void visit(int depth) override {
    char pad[100];
    touch(pad);
    next_.visit(depth);
    go(depth - 1);
    touch(pad);
  }

 private:
  Node& next_;
};

// The second base: calls go through a thunk that moves `this`.
class Other {
 public:
  virtual void unused() {}

 protected:
  ~Other() = default;
};
class Both final : public Other, public Node {
 public:
  STRESS_NOINLINE void visit(int depth) override {
    go(depth - 2);
    allocate();
    touch(this);
  }
};

}  // namespace

STRESS_NOINLINE void virtual_calls(int depth) {
  Leaf leaf;
  Both both;
  Node* first = &leaf;
  if (random_below(2) != 0) first = &both;
  Inner inner(*first);
  Node* node = &inner;
  asm volatile("" : "+r"(node));
  node->visit(depth);
  touch(node);
}

STRESS_NOINLINE void twice(int depth) {
  go(depth - 1);
  allocate();
  go(depth - 2);
  touch(&depth);
}

}  // namespace stress
