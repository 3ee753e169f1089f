/* Runs a command some times, one after the other, and says what it took. The benchmark starts every program
 * through this, because a child's peak memory counts from what its parent had when it was forked, and Python
 * has much.
 *
 *   launch TIMES RESULT [VARIABLE=VALUE…] -- COMMAND ARGUMENTS…
 *
 * Into the file RESULT, a line a run: user and system nanoseconds of the command and of every descendant that
 * it waited for, wall nanoseconds, KiB of the largest one's peak memory, and the wait status. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char** environ;

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long of(struct timeval t) {
  return t.tv_sec * 1000000000LL + t.tv_usec * 1000LL;
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const int times = atoi(argv[1]);
  FILE* result = fopen(argv[2], "we");
  if (result == NULL) return 2;
  int i = 3;
  /* Only the command's: this program runs as it is. */
  size_t count = 0;
  while (environ[count] != NULL) ++count;
  char** its = calloc(count + (size_t)argc, sizeof(char*));
  memcpy(its, environ, count * sizeof(char*));
  for (; i < argc && strcmp(argv[i], "--") != 0; ++i) its[count++] = argv[i];
  if (i + 1 >= argc) return 2;
  for (int run = 0; run < times; ++run) {
    struct rusage use;
    pid_t child;
    int status;
    const long long start = now();
    if (posix_spawnp(&child, argv[i + 1], NULL, NULL, argv + i + 1, its) != 0) return 3;
    if (wait4(child, &status, 0, &use) != child) return 3;
    const long long wall = now() - start;
    fprintf(result, "%lld %lld %lld %ld %d\n", of(use.ru_utime), of(use.ru_stime), wall, use.ru_maxrss,
            status);
  }
  return fclose(result) == 0 ? 0 : 3;
}
