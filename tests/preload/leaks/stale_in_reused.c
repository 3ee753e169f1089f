// Memory that was freed, and is used again but hardly written to, holds nothing of before: buffers that a list of
// pointers has grown through, one that was shrunk and grew again, one that moved.
//: leak direct 2240000 20000 row < grow < main
//: leak direct 56000 1000 row < shrink < main
//: leak direct 33000 1000 row < move < main
//: leak direct 456 8 row < shrink_in_place < main
#include "lose.h"

static char* volatile kept[64];

FRAME static void* row(size_t bytes) {
  return calloc(1, bytes);
}

// As a vector does.
FRAME static void grow(void) {
  void** rows = NULL;
  size_t room = 0;
  for (size_t i = 0; i < 20000; ++i) {
    if (i == room) {
      const size_t more = room != 0 ? 2 * room : 16;
      void** larger = malloc(more * sizeof *larger);
      if (room != 0) memcpy(larger, rows, room * sizeof *rows);
      free(rows);
      rows = larger;
      room = more;
    }
    rows[i] = row(112);
  }
  free(rows);
}

FRAME static void shrink(void) {
  void** rows = malloc(1000 * sizeof *rows);
  for (size_t i = 0; i < 1000; ++i) rows[i] = row(56);
  rows = realloc(rows, 40);
  memset(rows, 0, 40);
  kept[0] = realloc(rows, 8000);
}

FRAME static void move(void) {
  void** rows = malloc(1000 * sizeof *rows);
  for (size_t i = 0; i < 1000; ++i) rows[i] = row(33);
  rows = realloc(rows, 1 << 20);
  memset(rows, 0, 1000 * sizeof *rows);
  kept[1] = realloc(rows, 64);
}

// Within one size: neither moves.
FRAME static void shrink_in_place(void) {
  void** rows = calloc(1, 8000);
  for (size_t i = 992; i < 1000; ++i) rows[i] = row(57);
  kept[2] = realloc(realloc(rows, 7936), 8000);
}

int main(void) {
  grow();
  shrink();
  move();
  shrink_in_place();
  for (size_t i = 3; i < 64; ++i) {
    kept[i] = malloc(i % 2 == 0 ? 262144 >> i % 14 : 8000);
    kept[i][0] = 1;
  }
  scrub();
  return 0;
}
