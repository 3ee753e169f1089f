// A heap as a server's: a table of entries with a key and a value each, three blocks that were made in random order, so
// that following pointers leads all over memory. Then, ROUNDS times in turn: a plain fork, and a request for a check;
// prints the milliseconds that each of them held the program up.
// Usage: scattered ENTRIES ROUNDS
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct entry {
  struct entry* next;
  char* key;
  char* value;
};

static unsigned seed = 1;

static unsigned random_below(unsigned most) {
  seed = seed * 1664525 + 1013904223;
  return (unsigned)((unsigned long)(seed >> 4) * most >> 28);
}

static double milliseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static char* text(size_t bytes, unsigned number) {
  char* const made = malloc(bytes);
  memset(made, 'x', bytes);
  snprintf(made, bytes, "%u", number);
  return made;
}

int main(int argc, char** argv) {
  const unsigned entries = argc > 1 ? (unsigned)atol(argv[1]) : 1000000;
  const int rounds = argc > 2 ? atoi(argv[2]) : 5;
  struct entry** table = calloc(entries, sizeof *table);
  for (unsigned i = 0; i < entries; ++i) {
    struct entry* const made = malloc(sizeof *made);
    made->key = text(16 + random_below(32), i);
    made->value = text(64 + random_below(700), i);
    struct entry** const bucket = &table[random_below(entries)];
    made->next = *bucket;
    *bucket = made;
  }
  for (int i = 0; i < rounds; ++i) {
    const double start = milliseconds();
    const pid_t child = fork();
    if (child == 0) _exit(0);
    const double forked = milliseconds();
    waitpid(child, NULL, 0);
    const double asking = milliseconds();
    raise(63);
    const double asked = milliseconds();
    printf("%.3f %.3f\n", forked - start, asked - asking);
    fflush(stdout);
    sleep(3);  // the child that checks is done
  }
  _exit(0);
}
