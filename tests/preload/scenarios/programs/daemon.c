// Serves forever: loses one block for each line it reads, and answers with how many it has lost.
#include "../../lose.h"

FRAME static void lose(void) {
  memset(malloc(40), 1, 40);
}

static void* work(void* unused) {
  for (;;) free(malloc(1000));
  return unused;
}

int main(void) {
  static char line[100], out[100];
  setvbuf(stdin, line, _IOLBF, sizeof line);
  setvbuf(stdout, out, _IOLBF, sizeof out);
  pthread_t thread;
  for (int i = 0; i < 3; ++i) pthread_create(&thread, NULL, work, NULL);
  puts("ready");
  char text[50];
  for (int lost = 1; fgets(text, sizeof text, stdin) != NULL; ++lost) {
    lose();
    scrub();
    printf("lost %d\n", lost);
  }
  return 5;
}
