// A child that frees, grows and keeps what it inherited reports nothing.
#include "lose.h"

static void* volatile kept, * volatile freed, * volatile grown;

int main(void) {
  kept = malloc(20);
  freed = malloc(30);
  grown = malloc(40);
  const pid_t child = fork();
  if (child == 0) {
    free(freed);
    grown = realloc(grown, 4000);
    kept = NULL;  // the parent's block, the parent's business
    scrub();
    exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}
