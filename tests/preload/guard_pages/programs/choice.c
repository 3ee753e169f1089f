// Which blocks get pages of their own: choice REQUEST…
// A request is WHO:CALL:BYTES, or that times a number (main:malloc:32*5). WHO is main, other (another
// function), a thread's name, or plugin. `free` frees all. For each request a line of 0 and 1: 1 is a block
// on pages. For `grow` whether the block is the same when it has 2000 bytes more.
#include "../../guard/programs/blocks.h"

#ifndef PLUGIN
static char* kept[100000];
static int kept_count;

// The zone that docs/HOUSE.md names.
static int is_paged(const char* block) {
  return (uintptr_t)block >> 42 == 0x2c0000000000 >> 42;
}

typedef char* Maker(const char* how, size_t bytes);

FRAME static char* other(const char* how, size_t bytes) {
  return is(how, "malloc") ? opaque(malloc(bytes)) : make(how, bytes);
}

struct Order {
  Maker* maker;
  const char* how;
  size_t bytes;
  int times;
};

static void* carry_out(void* of) {
  const struct Order* order = (const struct Order*)of;
  for (int i = 0; i < order->times; ++i) {
    char* block = kept[kept_count++] = order->maker(order->how, order->bytes);
    memset(block, 1, order->bytes);
  }
  return NULL;
}

static void grow(size_t bytes) {
  char* const block = (char*)malloc(bytes);
  const uintptr_t before = (uintptr_t)block;
  char* const grown = (char*)realloc(block, bytes + 2000);
  const char* const line = (uintptr_t)grown == before ? "same\n" : "another\n";
  require(write(1, line, strlen(line)) > 0, "write");
  free(grown);
}

static void serve(char* text) {
  char *who = strtok(text, ":"), *how = strtok(NULL, ":"), *bytes = strtok(NULL, "*"),
       *times = strtok(NULL, "");
  if (is(how, "grow")) return grow(number(bytes));
  struct Order order = {make, how, number(bytes), times != NULL ? atoi(times) : 1};
  int from = kept_count;
  if (is(who, "other")) order.maker = other;
  if (is(who, "plugin")) order.maker = (Maker*)dlsym(open_plugin("fault.so", RTLD_NOW), "plugged");
  if (is(who, "main") || is(who, "other") || is(who, "plugin")) {
    carry_out(&order);
  } else {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    char before[16];
    pthread_getname_np(pthread_self(), before, sizeof before);
    pthread_setname_np(pthread_self(), who);  // a new thread has its maker's name
    pthread_create(&thread, &attributes, carry_out, &order);
    pthread_join(thread, NULL);
    pthread_setname_np(pthread_self(), before);
  }
  char line[100002];
  int n = 0;
  for (int i = from; i < kept_count; ++i) line[n++] = (char)('0' + is_paged(kept[i]));
  line[n++] = '\n';
  require(write(1, line, (size_t)n) == n, "write");
}

int fault(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (is(argv[i], "free")) {
      while (kept_count != 0) free(kept[--kept_count]);
    } else {
      serve(argv[i]);
    }
  }
  while (kept_count != 0) free(kept[--kept_count]);
  return 0;
}
#else
char* plugged(const char* how, size_t bytes) {
  return make(how, bytes);
}
#endif
