// Takes a failed allocation in every wrong way, each in a function named for it, and in some right ones. The
// argument chooses: one of them, or without one all. Echoes a line of its input,
// so that runs need the same one.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char* chosen;

static int wanted(const char* name) {
  return chosen == NULL || strcmp(chosen, name) == 0;
}

__attribute__((noinline)) static void crashes(void) {
  char* volatile block = malloc(101);
  block[0] = 1;
  free(block);
}

__attribute__((noinline)) static void aborts(void) {
  void* block = malloc(102);
  if (block == NULL) abort();
  free(block);
}

__attribute__((noinline)) static void hangs(void) {
  void* block = malloc(103);
  while (block == NULL) usleep(1000);
  free(block);
}

// What was made before the failure is forgotten.
__attribute__((noinline)) static int leaks(void) {
  char* volatile first = malloc(104);
  if (first == NULL) return 1;
  void* second = malloc(105);
  if (second == NULL) {
    first = NULL;
    return 1;
  }
  free(second);
  free(first);
  return 0;
}

__attribute__((noinline)) static void says_less(void) {
  void* block = malloc(106);
  puts(block != NULL ? "all of it" : "some of it");
  free(block);
}

__attribute__((noinline)) static int exits(void) {
  void* block = malloc(107);
  free(block);
  return block == NULL;
}

__attribute__((noinline)) static void does_without(void) {
  free(malloc(108));
}

// One request fails, the next from the same place does not.
__attribute__((noinline)) static void tries_again(void) {
  char* volatile block;
  volatile int tries = 0;
  do {
    block = malloc(111);
  } while (block == NULL && ++tries < 2);
  block[0] = 1;
  free(block);
}

__attribute__((noinline)) static void child_crashes(void) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    char* volatile block = malloc(109);
    block[0] = 1;
    free(block);
    _exit(0);
  }
  waitpid(child, NULL, 0);
}

// Only with the guard: the failed block's stand-in is too short.
__attribute__((noinline)) static void overruns(void) {
  char* volatile block = malloc(110);
  char* volatile stand_in = block != NULL ? block : malloc(10);
  memset(stand_in, 0, 12);
  free(stand_in);
}

// What leaks whatever fails is no news.
__attribute__((noinline)) static void always_leaks(void) {
  char* volatile block = malloc(50);
  block = NULL;
  (void)block;
}

int main(int argc, char** argv) {
  static char buffer[4096], line[64];
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  if (argc > 1) chosen = argv[1];
  always_leaks();
  const ssize_t got = read(0, line, sizeof line - 1);
  if (got > 0) printf("read %s", line);
  if (got <= 0 && chosen != NULL && wanted("needs_input")) raise(SIGKILL);
  if (wanted("crashes")) crashes();
  if (wanted("aborts")) aborts();
  if (wanted("hangs")) hangs();
  if (wanted("leaks") && leaks()) return 4;
  if (wanted("says_less")) says_less();
  if (wanted("exits") && exits()) return 5;
  if (wanted("does_without")) does_without();
  if (wanted("tries_again")) tries_again();
  if (wanted("child_crashes")) child_crashes();
  if (chosen != NULL && wanted("overruns")) overruns();
  if (chosen != NULL && wanted("crashes_itself")) raise(SIGSEGV);
  return 0;
}
