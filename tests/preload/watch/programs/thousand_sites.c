// A thousand places that allocate and look whether they got anything, and one that does not look: forgets().
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
#define THOUSAND(f) \
  HUNDRED(f, 10)    \
  HUNDRED(f, 11)    \
  HUNDRED(f, 12)    \
  HUNDRED(f, 13) HUNDRED(f, 14) HUNDRED(f, 15) HUNDRED(f, 16) HUNDRED(f, 17) HUNDRED(f, 18) HUNDRED(f, 19)

THOUSAND(SITE)

__attribute__((noinline)) static int forgets(char* to) {
  char* volatile block = malloc(77);
  block[0] = *to;
  *to = block[0];
  free(block);
  return 0;
}

int main(void) {
  char letter = 'a';
  HUNDRED(CALL, 10)
  HUNDRED(CALL, 11)
  HUNDRED(CALL, 12)
  HUNDRED(CALL, 13)
  HUNDRED(CALL, 14)
  if (forgets(&letter)) return 3;
  HUNDRED(CALL, 15)
  HUNDRED(CALL, 16)
  HUNDRED(CALL, 17)
  HUNDRED(CALL, 18)
  HUNDRED(CALL, 19)
  return 0;
}
