// Does what its arguments say with a stack of blocks, and prints what became of it. Each allocation is made
// by hold(), or by keep() where the word begins with a capital letter.
//   m1000*5   five malloc(1000); how many there were before one failed, with what errno
//   c10x100   calloc(10, 100)      a64:100  posix_memalign(64, 100)     g64:100  aligned_alloc(64, 100)
//   r500      realloc of the last block to 500 bytes
//   f3 or f*  frees the last three blocks, or all; t3, t*: another thread does; k3, k*: a forked child does,
//             and then allocates all it can (m1000*100000)
//   w500      writes to the last 500 bytes of every block
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kMost = 200000 };
static void* blocks[kMost];
static int count;

__attribute__((noinline)) static void* hold(size_t bytes) {
  return malloc(bytes);
}
__attribute__((noinline)) static void* keep(size_t bytes) {
  return malloc(bytes);
}

static int push(void* block) {
  if (block == NULL) return 0;
  blocks[count++] = block;
  return 1;
}

static void fill(const char* word, size_t bytes, int times) {
  int done = 0;
  errno = 0;
  while (done < times && push(*word == 'M' ? keep(bytes) : hold(bytes))) ++done;
  printf("%s: %d errno %d\n", word, done, done < times ? errno : 0);
}

static void drop(const char* many) {
  int n = *many == '*' ? count : atoi(many);
  while (n-- > 0) free(blocks[--count]);
}

static void* drop_in_thread(void* many) {
  drop(many);
  return NULL;
}

static void drop_in_child(const char* many) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    drop(many);
    fill("child", 1000, 100000);
    exit(0);
  }
  waitpid(child, NULL, 0);
}

static void run(const char* word) {
  unsigned long a = 0;
  unsigned long b = 0;
  void* block = NULL;
  pthread_t thread;
  switch (*word) {
    case 'm':
    case 'M':
      sscanf(word + 1, "%lu*%lu", &a, &b);
      return fill(word, a, b != 0 ? (int)b : 1);
    case 'f':
      return drop(word + 1);
    case 't':
      pthread_create(&thread, NULL, drop_in_thread, (void*)(word + 1));
      pthread_join(thread, NULL);
      return;
    case 'k':
      return drop_in_child(word + 1);
    case 'c':
      sscanf(word + 1, "%lux%lu", &a, &b);
      block = calloc(a, b);
      break;
    case 'a':
      sscanf(word + 1, "%lu:%lu", &a, &b);
      if ((errno = posix_memalign(&block, a, b)) != 0) block = NULL;
      break;
    case 'g':
      sscanf(word + 1, "%lu:%lu", &a, &b);
      block = aligned_alloc(a, b);
      break;
    case 'r':
      block = realloc(blocks[count - 1], strtoul(word + 1, NULL, 10));
      if (block != NULL) --count;
      break;
    default:
      abort();
  }
  printf("%s: %d errno %d\n", word, push(block), block != NULL ? 0 : errno);
}

int main(int argc, char** argv) {
  setvbuf(stdout, NULL, _IOFBF, 4096);
  printf("begin\n");
  for (int i = 1; i < argc; ++i) run(argv[i]);
  fflush(stdout);
  while (count > 0) free(blocks[--count]);
  return 0;
}
