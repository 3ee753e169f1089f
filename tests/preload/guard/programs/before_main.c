// The first call of the process that concerns the heap frees what is no block: before_main.c -DFREED=ADDRESS
#include "stage.h"

static char storage[100];

FRAME static void first_call(void) {
  free(opaque(FREED));
}

static void before_constructors(void) {
  if (opaque(storage) != NULL) first_call();
}
__attribute__((section(".preinit_array"), used)) static void (*entry)(void) = before_constructors;

int fault(int argc, char** argv) {
  (void)argc, (void)argv;
  return 0;
}
