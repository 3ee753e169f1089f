// Forks from threads, while all of them allocate, from a new stack each time: every child can allocate, start a
// thread, fork and exit.
//: modes native leak pass
#include "../check.h"

static volatile int stop;

// One stack for each path.
__attribute__((noinline)) static void* left(unsigned path, size_t bytes);
__attribute__((noinline)) static void* right(unsigned path, size_t bytes) {
  void* block = path <= 1 ? malloc(bytes) : path & 1 ? right(path >> 1, bytes) : left(path >> 1, bytes);
  __asm__("" : "+r"(block));  // no tail call
  return block;
}
static void* left(unsigned path, size_t bytes) {
  void* block = path <= 1 ? malloc(bytes) : path & 1 ? right(path >> 1, bytes) : left(path >> 1, bytes);
  __asm__("nop" : "+r"(block));  // not the other one, either
  return block;
}

static void* allocate(void* number) {
  void* blocks[64] = {0};
  for (unsigned i = 0; !stop; ++i) {
    free(blocks[i % 64]);
    blocks[i % 64] = left(i * 4 + (unsigned)(uintptr_t)number, i * 37 % 9000);
  }
  for (int i = 0; i < 64; ++i) free(blocks[i]);
  return NULL;
}

static void* in_thread(void* unused) {
  free(malloc(5000));
  return unused;
}

static void child(void) {
  for (size_t i = 0; i < 200; ++i) free(realloc(left(0x1fffff - (unsigned)i, i * 50), i * 99));
  pthread_t thread;
  if (pthread_create(&thread, NULL, in_thread, NULL) != 0) _exit(2);
  pthread_join(thread, NULL);
  const pid_t grandchild = fork();
  if (grandchild == 0) {
    free(malloc(100));
    exit(0);
  }
  int status = 1;
  waitpid(grandchild, &status, 0);
  exit(status == 0 ? 0 : 3);
}

static void* forks(void* unused) {
  const int last = times_to_repeat(3, 15);
  for (int i = 0; i < last; ++i) {
    const pid_t pid = fork();
    if (pid == 0) child();
    int status = 1;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    free(malloc(3000));
  }
  return unused;
}

int main(void) {
  pthread_t threads[6];
  for (int i = 0; i < 6; ++i)
    pthread_create(&threads[i], NULL, i < 4 ? allocate : forks, (void*)(uintptr_t)i);
  for (int i = 4; i < 6; ++i) pthread_join(threads[i], NULL);
  stop = 1;
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  return check_result();
}
