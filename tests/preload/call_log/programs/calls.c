// Each call of the heap's once or twice, and where it comes from. The words of the command line:
//   all       every C function; each block is freed
//   threads   two threads, of which one takes a name after its first call
//   child     a forked child that allocates 4321 bytes and frees a block of its parent's
//   many N    malloc(1) … malloc(N), none freed
//   churn N   N times malloc(i % 1000) and free
//   close     closes all descriptors but the standard ones
//   unlink F  removes that file
//   replace F the same, and makes another, empty one
//   exec P W… executes P with these words
//   die HOW   kill, segv, abort, _exit, quick
//   kills N   N children that log as fast as they can; each is killed, and collected
//             after as many lines again
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void* volatile sink;
static volatile size_t huge = (size_t)-4096;

__attribute__((noinline)) static void all(void) {
  void* block = malloc(101);
  block = realloc(block, 102);
  free(block);
  block = calloc(3, 34);
  free(block);
  void* aligned = NULL;
  if (posix_memalign(&aligned, 64, 103) != 0) abort();
  free(aligned);
  block = aligned_alloc(32, 104);
  free(block);
  block = memalign(128, 105);
  free(block);
  block = reallocarray(NULL, 2, 53);
  sink = realloc(block, 0);
  free(NULL);
  sink = malloc(huge);
}

static void* work(void* unused) {
  free(malloc(201));
  pthread_setname_np(pthread_self(), "renamed");
  free(malloc(202));
  return unused;
}

static void threads(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, work, NULL);
  pthread_join(thread, NULL);
  pthread_create(&thread, NULL, work, NULL);
  pthread_join(thread, NULL);
}

static void child(void) {
  void* block = malloc(301);
  const pid_t pid = fork();
  if (pid == 0) {
    sink = malloc(4321);
    free(block);
    _exit(0);
  }
  waitpid(pid, NULL, 0);
  free(block);
}

static void replace(const char* file) {
  unlink(file);
  FILE* other = fopen(file, "w");
  if (other != NULL) fclose(other);
}

static void die(const char* how) {
  if (strcmp(how, "kill") == 0) raise(SIGKILL);
  if (strcmp(how, "segv") == 0) *(volatile int*)8 = 1;
  if (strcmp(how, "abort") == 0) abort();
  if (strcmp(how, "_exit") == 0) _exit(3);
  if (strcmp(how, "quick") == 0) quick_exit(4);
}

static void kills(int n) {
  while (n-- != 0) {
    const pid_t it = fork();
    if (it == 0) {
      for (;;) free(malloc(100));
    }
    usleep(3000 + n * 100);
    kill(it, SIGKILL);
    for (int i = 0; i < 20000; ++i) free(malloc(100));
    waitpid(it, NULL, 0);
  }
}

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const char* word = argv[i];
    const char* next = i + 1 < argc ? argv[i + 1] : "";
    if (strcmp(word, "all") == 0) all();
    if (strcmp(word, "threads") == 0) threads();
    if (strcmp(word, "child") == 0) child();
    for (int n = 1; strcmp(word, "many") == 0 && n <= atoi(next); ++n) sink = malloc((size_t)n);
    for (int n = 1; strcmp(word, "churn") == 0 && n <= atoi(next); ++n) free(malloc((size_t)n % 1000));
    if (strcmp(word, "close") == 0) close_range(3, ~0u, 0);
    if (strcmp(word, "exec") == 0) execv(next, argv + i + 1);
    if (strcmp(word, "unlink") == 0) unlink(next);
    if (strcmp(word, "replace") == 0) replace(next);
    if (strcmp(word, "die") == 0) die(next);
    if (strcmp(word, "kills") == 0) kills(atoi(next));
  }
  return 0;
}
