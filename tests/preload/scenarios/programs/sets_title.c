// Writes a title over its arguments, as servers do, and loses a block.
#include <stdlib.h>
#include <string.h>

static void* volatile lost;

int main(int argc, char** argv) {
  lost = malloc(40);
  lost = NULL;
  const size_t room = strlen(argv[0]);
  memset(argv[0], 0, room);
  strncpy(argv[0], "it: is/shutting down", room);
  return argc != 1;
}
