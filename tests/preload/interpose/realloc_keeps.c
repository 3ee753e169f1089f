// realloc keeps contents over every kind of move, and a freed old block is really free.
//: modes native leak pass
#include "../check.h"

int main(void) {
  unsigned char* block = NULL;
  size_t bytes = 0;
  for (int step = 0; step < 2000; ++step) {
    const size_t next = (size_t)(step * 7919) % 70000 + (step % 100 == 0 ? 3000000 : 1);
    block = realloc(block, next);
    CHECK(block != NULL);
    for (size_t i = 0; i < bytes && i < next; i += 97) CHECK(block[i] == (unsigned char)(i + (size_t)step));
    for (size_t i = 0; i < next; i += 97) block[i] = (unsigned char)(i + (size_t)step + 1);
    bytes = next;
    if (check_failures > 5) break;
  }
  free(block);
  return check_result();
}
