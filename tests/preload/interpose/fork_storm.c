// Forks from threads, while all of them allocate: every child can allocate, start a thread, fork and exit.
//: modes native leak pass
#include "../check.h"

static volatile int stop;

static void* allocate(void* unused) {
  void* blocks[64] = {0};
  for (unsigned i = 0; !stop; ++i) {
    free(blocks[i % 64]);
    blocks[i % 64] = malloc(i * 37 % 9000);
  }
  for (int i = 0; i < 64; ++i) free(blocks[i]);
  return unused;
}

static void* in_thread(void* unused) {
  free(malloc(5000));
  return unused;
}

static void child(void) {
  for (size_t i = 0; i < 200; ++i) free(realloc(malloc(i * 50), i * 99));
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
  for (int i = 0; i < 6; ++i) pthread_create(&threads[i], NULL, i < 4 ? allocate : forks, NULL);
  for (int i = 4; i < 6; ++i) pthread_join(threads[i], NULL);
  stop = 1;
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  return check_result();
}
