// A thousand places (with -DFEW forty of them) that allocate and look whether they got anything, and one that does not look: forgets().
// Each checked place ends the program in order, with status 3.
#include <stdlib.h>

#define SITE(n)                                             \
  __attribute__((noinline)) static int site_##n(char* to) { \
    char* block = malloc(n);                                \
    if (block == NULL) return 1;                            \
    block[0] = *to;                                         \
    *to = block[0];                                         \
    free(block);                                            \
    return 0;                                               \
  }
#define CALL(n) \
  if (site_##n(&letter)) return 3;

#define TEN(f, n) f(n##0) f(n##1) f(n##2) f(n##3) f(n##4) f(n##5) f(n##6) f(n##7) f(n##8) f(n##9)
#define HUNDRED(f, n) \
  TEN(f, n##0)        \
  TEN(f, n##1)        \
  TEN(f, n##2) TEN(f, n##3) TEN(f, n##4) TEN(f, n##5) TEN(f, n##6) TEN(f, n##7) TEN(f, n##8) TEN(f, n##9)
#define FIVE(of, f, a, b, c, d, e) of(f, a) of(f, b) of(f, c) of(f, d) of(f, e)
#ifdef FEW
#define FIRST_HALF(f) TEN(f, 100) TEN(f, 101)
#define SECOND_HALF(f) TEN(f, 102) TEN(f, 103)
#else
#define FIRST_HALF(f) FIVE(HUNDRED, f, 10, 11, 12, 13, 14)
#define SECOND_HALF(f) FIVE(HUNDRED, f, 15, 16, 17, 18, 19)
#endif

FIRST_HALF(SITE)
SECOND_HALF(SITE)

__attribute__((noinline)) static int forgets(char* to) {
  char* volatile block = malloc(77);
  block[0] = *to;
  *to = block[0];
  free(block);
  return 0;
}

int main(void) {
  char letter = 'a';
  FIRST_HALF(CALL)
  if (forgets(&letter)) return 3;
  SECOND_HALF(CALL)
  return 0;
}
