// A block that grew belongs to the call that grew it, also when it stayed where it was.
//: leak direct 5000 1 grow < main
//: leak direct 33 1 grow_in_place < main
#include "lose.h"

FRAME static void* begin(size_t bytes) {
  return malloc(bytes);
}
FRAME static void grow(void) {
  require(realloc(begin(10), 5000) != NULL, "realloc");
}
FRAME static void grow_in_place(void) {
  require(realloc(begin(32), 33) != NULL, "realloc");
}

int main(void) {
  grow();
  grow_in_place();
  scrub();
  return 0;
}
