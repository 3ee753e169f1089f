// Misuses one behind the other, for on_error=continue: goes_on WHAT…
// Each word is one misuse, by itself or N times (read*3); the program prints what it got and ends well.
#include "../../guard/programs/blocks.h"

static volatile char sink;
static char* volatile kept;

FRAME static void peek(volatile char* at) {
  sink = *at;
}
FRAME static void poke(volatile char* at) {
  *at = 1;
}
FRAME static void poke_elsewhere(volatile char* at) {
  *at = 2;
}

FRAME static void misuse(const char* what) {
  char* block = make("malloc", 64);
  memset(block, 7, 64);
  if (is(what, "read")) peek(block + 64);
  if (is(what, "write")) poke(block + 64);
  if (is(what, "two_places")) {
    poke(block + 64);
    poke_elsewhere(block + 64);
  }
  if (is(what, "far")) poke(block + 3000);
  if (is(what, "slack")) poke(block - 1);
  if (is(what, "across")) {
    memcpy(block + 64, block, 8);  // one write, of which all bytes lie behind
    memset(block + 60, 3, 8);
  }
  if (is(what, "kept")) {
    poke(block - 1);
    kept = block;
    return;
  }
  drop("malloc", block);
  if (is(what, "after")) {
    peek(block + 5);
    printf("after the free: %d\n", sink);
    poke(block + 6);
    for (int i = 0; i < 200; ++i) free(opaque(malloc(64)));
    peek(block + 6);
    printf("still there: %d\n", sink);
  }
  if (is(what, "twice")) drop("malloc", block);
}

int fault(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    char word[32];
    int times = 1;
    require(sscanf(argv[i], "%31[a-z_]*%d", word, &times) >= 1, argv[i]);
    for (int n = 0; n < times; ++n) misuse(word);
  }
  char* last = make("malloc", 64);
  for (int i = 0; i < 64; ++i) last[i] = (char)i;
  drop("malloc", last);
  puts("end");
  return 0;
}
