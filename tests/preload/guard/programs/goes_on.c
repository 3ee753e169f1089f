// Errors that a program survives under on_error=continue: goes_on WHAT…; its own status is 5.
#include "blocks.h"

static char* volatile seen;
static char* volatile kept[64];

FRAME static void overrun(size_t bytes) {
  char* block = make("malloc", bytes);
  damage(block + bytes, 1);
  drop("malloc", block);
  seen = block;
}

FRAME static void overrun_elsewhere(size_t bytes) {
  char* block = make("malloc", bytes);
  damage(block + bytes, 1);
  drop("malloc", block);
}

FRAME static void lose(size_t bytes) {
  seen = make("malloc", bytes) + 1000000;
}

// A program's own handler of what follows a report may use the heap.
static void on_abort(int signal) {
  (void)signal;
  for (int i = 0; i < 100; ++i) free(opaque(malloc(40)));
  puts("handled");
  fflush(stdout);
  _exit(9);
}

static void overrun_at_exit(void) {
  overrun(13);
}

// Each goes wrong the given number of times.
static void go_wrong(const char* what, int times) {
  for (int i = 0; i < times; ++i) {
    char* block = make("malloc", 40);
    memset(block, 9, 40);
    if (is(what, "handle_abort")) signal(SIGABRT, on_abort), drop("malloc", block);
    if (is(what, "at_exit")) atexit(overrun_at_exit), drop("malloc", block);
    if (is(what, "fine")) drop("malloc", block);
    if (is(what, "overrun")) overrun(13), drop("malloc", block);
    if (is(what, "elsewhere")) overrun_elsewhere(13), drop("malloc", block);
    if (is(what, "twice")) drop("malloc", block), drop("malloc", block);
    if (is(what, "inside")) drop("malloc", block + 8), drop("malloc", block);
    if (is(what, "stack")) {
      char local[64];
      drop("malloc", opaque(local) + 16);
      drop("malloc", block);
    }
    if (is(what, "late")) drop("malloc", block), damage(block + 3, 1), look("quarantine");
    if (is(what, "kept")) damage(block - 1, 1), kept[i] = block;
    if (is(what, "lose")) lose(70), drop("malloc", block);
    if (is(what, "regrown")) {
      damage(block + 40, 2);
      char* moved = regrow(block, 80);
      require(moved != block && moved[0] == 9 && moved[39] == 9, "realloc keeps what was in the block");
      drop("malloc", moved);
    }
    if (is(what, "inside_realloc")) {
      require(regrow(block + 8, 80) == NULL, "realloc of no block fails");
      drop("malloc", block);
    }
    if (is(what, "reused")) {
      overrun(13);
      char* damaged = seen;
      drop("malloc", block);
      for (int j = 0; j < 50000; ++j) {
        block = make("malloc", 13);
        require(block != damaged, "a damaged block stays away");
        drop("malloc", block);
      }
    }
  }
}

static int times_each;

static void* go_wrong_on_thread(void* what) {
  go_wrong((const char*)what, times_each);
  return NULL;
}

// Four threads go wrong at the same time, each in its way.
FRAME static void together(const char* const* what, int times) {
  pthread_t threads[4];
  times_each = times;
  for (int i = 0; i < 4; ++i) {
    void* its_way = (void*)(uintptr_t)what[i];
    require(pthread_create(&threads[i], NULL, go_wrong_on_thread, its_way) == 0, "pthread_create");
  }
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
}

int fault(int argc, char** argv) {
  for (int i = 1; i + 1 < argc; i += 2) {
    int times = (int)number(argv[i + 1]);
    static const char* const alike[] = {"overrun", "overrun", "overrun", "overrun"};
    static const char* const apart[] = {"overrun", "twice", "stack", "inside"};
    if (is(argv[i], "together") || is(argv[i], "apart")) {
      together(is(argv[i], "apart") ? apart : alike, times);
    } else {
      go_wrong(argv[i], times);
    }
  }
  scrub();
  return 5;
}
