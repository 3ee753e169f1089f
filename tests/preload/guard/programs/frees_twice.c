// A block is freed twice: frees_twice HOW BYTES PATTERN AGAIN
// PATTERN: what happens between; moved: the first free is realloc's. AGAIN: same (by the function that
// belongs to HOW), realloc, usable_size, none.
#include "blocks.h"

FRAME static void drop_again(const char* how, char* block) {
  END_BLOCK(how, block);
}

FRAME static void drop_stale(const char* how, char* block) {
  END_BLOCK(how, block);
}

FRAME static void use_again(const char* how, const char* again, char* block) {
  if (is(again, "same")) drop_again(how, block);
  if (is(again, "realloc")) regrow(block, 50);
  if (is(again, "usable_size")) require(malloc_usable_size(block) < 1000000000, again);
}

static const char *late_how, *late_again;

FRAME static void* elsewhere(void* block) {
  use_again(late_how, late_again, (char*)block);
  return NULL;
}

// The next owner's block ends twice: once through the old pointer.
FRAME static void reuse(const char* how, size_t bytes, char* block, const char* again) {
  char* next = make(how, bytes);
  require(next == block, "the block is used again");
  if (!is(again, "none")) drop_stale(how, block);
  drop_again(how, next);
}

int fault(int argc, char** argv) {
  require(argc == 5, "frees_twice HOW BYTES PATTERN AGAIN");
  const char *how = argv[1], *pattern = argv[3], *again = argv[4];
  size_t bytes = number(argv[2]);
  char *block = make(how, bytes), *other = make(how, bytes);
  if (is(pattern, "moved")) {
    drop(how, regrow(block, bytes + 20));
    use_again(how, again, block);
  } else {
    drop(how, block);
  }
  if (is(pattern, "reused")) reuse(how, bytes, block, again);
  if (is(pattern, "delayed")) {
    for (int i = 0; i < 100; ++i) drop(how, make(how, bytes));
  }
  if (is(pattern, "at_once") || is(pattern, "delayed")) use_again(how, again, block);
  drop(how, other);
  if (is(pattern, "interleaved")) use_again(how, again, block);
  if (is(pattern, "elsewhere")) {
    pthread_t thread;
    late_how = how;
    late_again = again;
    require(pthread_create(&thread, NULL, elsewhere, block) == 0, "pthread_create");
    pthread_join(thread, NULL);
  }
  return 0;
}
