// A write in front of a block or behind it: overruns HOW BYTES OFFSET COUNT WHEN
// COUNT bytes from OFFSET on are changed (copy: the canary of another block comes over this one's; nul: a
// string's end; through: all up to the next block). WHEN: free, next (the next block is freed), realloc,
// child (of a fork: the parent's block stays whole), or what look() knows.
#include "blocks.h"

static char* volatile kept;
static char* volatile mates[256];

// The mate that lies nearest behind.
static char* next_of(const char* block) {
  char* next = NULL;
  for (int i = 0; i < 256; ++i) {
    if (mates[i] > block && (next == NULL || mates[i] < next)) next = mates[i];
  }
  require(next != NULL && next - block < 200, "blocks lie side by side");
  return next;
}

// A block that has others like it before and behind, as far as a long write reaches.
FRAME static char* among_mates(const char* how, size_t bytes, ptrdiff_t offset) {
  int count = bytes < 4096 ? 256 : 4;
  char* block = make(how, bytes);
  mates[0] = block;
  for (int i = 1; i < count; ++i) {
    mates[i] = make(how, bytes);
    if (offset < 0 ? mates[i] > block : mates[i] < block) block = mates[i];
  }
  return block;
}

FRAME static void copy_canary(const char* how, size_t bytes, char* block, ptrdiff_t offset) {
  char* other = make(how, bytes);
  for (int i = 0; i < 8; ++i) ((volatile char*)block)[offset + i] = ((volatile char*)other)[offset + i];
  drop(how, other);
}

FRAME static int overrun_in_child(const char* how, char* block, ptrdiff_t offset, size_t count) {
  pid_t child = fork();
  require(child >= 0, "fork");
  if (child == 0) {
    damage(block + offset, count);
    drop(how, block);
    exit(0);
  }
  int status = 0;
  require(waitpid(child, &status, 0) == child, "waitpid");
  drop(how, block);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int fault(int argc, char** argv) {
  require(argc == 6, "overruns HOW BYTES OFFSET COUNT WHEN");
  const char *how = argv[1], *when = argv[5];
  size_t bytes = number(argv[2]), count = number(argv[4]);
  ptrdiff_t offset = (ptrdiff_t)number(argv[3]);
  int is_long = (count > 16 && !is(how, "aligned_alloc")) || is(argv[4], "through") || is(when, "next");
  char* block = is_long ? among_mates(how, bytes, offset) : make(how, bytes);
  if (is(when, "child")) return overrun_in_child(how, block, offset, count);
  if (is(argv[4], "copy")) {
    copy_canary(how, bytes, block, offset);
  } else if (is(argv[4], "through")) {
    damage(block + offset, (size_t)(next_of(block) - block - offset));
  } else if (is(argv[4], "nul")) {
    *(volatile char*)(block + offset) = '\0';
  } else {
    damage(block + offset, count);
  }
  if (is(when, "free")) {
    drop(how, block);
  } else if (is(when, "next")) {
    drop(how, next_of(block));
  } else if (is(when, "realloc")) {
    drop(how, regrow(block, bytes + 20));
  } else {
    kept = block;
    look(when);
  }
  return 0;
}
