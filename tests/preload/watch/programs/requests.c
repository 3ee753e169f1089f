// Makes the requests that its arguments name, in their order, and says for each what came of it: "ok", or how
// it failed. Nothing else here allocates.
//
//   m100 c10x20 a64:300 (aligned_alloc) p64:300 (posix_memalign) l64:300 (memalign) v100 (valloc)
//   r500    realloc of the last block that is kept; k100 keeps a block, filled with its size
//   m100*50 the same 50 times; only the numbers of those that failed are said, from 1 on
//   t:name  the rest happens in a new thread of that name; T4 in four threads at once,
//           failures counted together
//   f       the rest happens in a child; s20 sleeps so many milliseconds
//   e _ q K ends with exit(0), _exit(0), quick_exit(0), SIGKILL
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char* kept;
static size_t kept_bytes;
static atomic_int failures;

static int failed(const void* block) {
  return block == NULL && errno == ENOMEM;
}

// The request; 0, or 1 where it failed as libc fails. Anything else ends the program.
__attribute__((noinline)) static int request(const char* what) {
  size_t a = 0, b = 0;
  void* block = NULL;
  errno = 0;
  sscanf(what + 1, "%zu%*[x:]%zu", &a, &b);
  switch (what[0]) {
    case 'm':
      block = malloc(a);
      break;
    case 'c':
      block = calloc(a, b);
      break;
    case 'a':
      block = aligned_alloc(a, b);
      break;
    case 'l':
      block = memalign(a, b);
      break;
    case 'v':
      block = valloc(a);
      break;
    case 'p': {
      void* const before = &a;
      block = before;
      const int error = posix_memalign(&block, a, b);
      if (error == 0) break;
      if (error != ENOMEM || block != before || errno != ENOMEM) abort();
      return 1;
    }
    case 'k':
      free(kept);
      kept = malloc(a);
      kept_bytes = kept != NULL ? a : 0;
      if (kept == NULL) return failed(kept) ? 1 : (abort(), 0);
      memset(kept, (int)(a & 0x7f), a);
      return 0;
    case 'r': {
      char* moved = realloc(kept, a);
      for (size_t i = 0; i < kept_bytes && i < a; ++i) {
        if ((moved != NULL ? moved : kept)[i] != (char)(kept_bytes & 0x7f)) abort();
      }
      if (moved == NULL) return failed(moved) ? 1 : (abort(), 0);
      kept = moved;
      return 0;
    }
    default:
      abort();
  }
  if (block == NULL && !failed(block)) abort();
  const int result = block == NULL;
  free(block);
  return result;
}

static void repeat(const char* what, int times, int silent) {
  char line[4096];
  int at = snprintf(line, sizeof line, "%s:", what);
  for (int i = 1; i <= times; ++i) {
    if (!request(what)) continue;
    atomic_fetch_add(&failures, 1);
    if (at < (int)sizeof line - 20) at += sprintf(line + at, " %d", i);
  }
  line[at++] = '\n';
  if (!silent) fwrite(line, 1, (size_t)at, stdout);
}

static void take(char** words);

static pthread_barrier_t is_named;

static void* in_thread(void* words) {
  pthread_barrier_wait(&is_named);
  take(words);
  return NULL;
}

static void* in_silence(void* words) {
  for (char** word = words; *word != NULL; ++word) {
    const char* star = strchr(*word, '*');
    repeat(*word, star != NULL ? atoi(star + 1) : 1, 1);
  }
  return NULL;
}

static void in_threads(int count, char** words) {
  pthread_t threads[16];
  for (int i = 0; i < count; ++i) {
    while (pthread_create(&threads[i], NULL, in_silence, words) != 0) usleep(1000);
  }
  for (int i = 0; i < count; ++i) pthread_join(threads[i], NULL);
  printf("failed %d\n", atomic_load(&failures));
}

static void take(char** words) {
  for (char* word; (word = *words) != NULL; ++words) {
    const char* star = strchr(word, '*');
    if (word[0] == 't') {
      pthread_t thread;
      char** rest = words + 1;
      pthread_barrier_init(&is_named, NULL, 2);
      if (pthread_create(&thread, NULL, in_thread, rest) != 0) abort();
      pthread_setname_np(thread, word + 2);
      pthread_barrier_wait(&is_named);
      pthread_join(thread, NULL);
      return;
    }
    if (word[0] == 'T') {
      in_threads(atoi(word + 1), words + 1);
      return;
    }
    if (word[0] == 'f') {
      fflush(stdout);
      if (fork() != 0) {
        wait(NULL);
        return;
      }
      continue;
    }
    if (word[0] == 's') {
      usleep((unsigned)atoi(word + 1) * 1000);
    } else if (word[0] == 'e') {
      exit(0);
    } else if (word[0] == '_') {
      fflush(stdout);
      _exit(0);
    } else if (word[0] == 'q') {
      fflush(stdout);
      quick_exit(0);
    } else if (word[0] == 'K') {
      fflush(stdout);
      raise(SIGKILL);
    } else if (star != NULL) {
      repeat(word, atoi(star + 1), 0);
    } else {
      printf("%s %s\n", word, request(word) ? "failed" : "ok");
    }
  }
}

int main(int argc, char** argv) {
  static char buffer[1 << 16];
  (void)argc;
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  take(argv + 1);
  fflush(stdout);
  return 0;
}
