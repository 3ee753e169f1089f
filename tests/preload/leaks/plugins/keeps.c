// A plug-in that keeps blocks in its data, its zeroed data and its thread-local variables.
#include <stdlib.h>

static void* volatile in_data = (void*)1;
static void* volatile in_bss;
static __thread void* volatile in_tls;
static __thread char much[4096];

void keep_in_tls(void) {
  in_tls = malloc(82);
}

void keep(void) {
  in_data = malloc(80);
  in_bss = malloc(81);
  keep_in_tls();
  much[0] = in_data == in_bss;
}
