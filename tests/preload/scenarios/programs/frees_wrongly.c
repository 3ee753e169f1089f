// A wrong free or realloc, by the first argument; as often as the second says.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char* volatile block;

__attribute__((noinline)) static void wrong(const char* what) {
  if (strcmp(what, "twice") == 0) free(block);
  if (strcmp(what, "inside") == 0) free(block + 32);
  if (strcmp(what, "odd") == 0) free(block + 5);
  if (strcmp(what, "header") == 0) {
    char* before = block - 16;
    __asm__("" : "+r"(before));
    memset(before, 0x11, 16);
    free(block);
  }
  if (strcmp(what, "realloc") == 0 && realloc(block, 200) == NULL) puts("no block");
  __asm__ volatile("");
}

int main(int count, char** arguments) {
  if (count < 2) return 2;
  setvbuf(stdout, NULL, _IONBF, 0);
  const char* what = arguments[1];
  const int times = count > 2 ? atoi(arguments[2]) : 1;
  for (int i = 0; i < times; ++i) {
    block = malloc(100);
    if (strcmp(what, "twice") == 0 || strcmp(what, "realloc") == 0) free(block);
    wrong(what);
  }
  puts("went on");
  return 0;
}
