/* A million blocks from ten thousand stacks: each of UNITS copies of unit.cpp makes some on 250 paths.
 *
 *   many_stacks BLOCKS lost|chained|kept
 *
 * BLOCKS a path: each lost alone; chained to one that is lost, so all but that one indirectly;
 * or all still held. */
#include <stdlib.h>
#include <string.h>

#define CONCATENATE(a, b) a##b
#define UNIT(n) void CONCATENATE(unit_entry_, n)(int, void*, const char*);
#include "units.h"
#undef UNIT

void* volatile held;

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int blocks = atoi(argv[1]);
  void* list = NULL;
  void* head = strcmp(argv[2], "lost") == 0 ? NULL : (void*)&list;
#define UNIT(n) CONCATENATE(unit_entry_, n)(blocks, head, NULL);
#include "units.h"
  if (strcmp(argv[2], "kept") == 0) held = list;
  return 0;
}
