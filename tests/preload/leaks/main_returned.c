// What only main's frame held is lost when it has returned, whatever is left of that under libc's frames of exit.
//: leak direct 88 1 main
#include "lose.h"

int main(void) {
  void* volatile held[512];
  void* const block = malloc(88);
  for (int i = 0; i < 512; ++i) held[i] = block;
  return held[0] == NULL;
}
