// Which rule a thread's blocks come under when its name changes. Run with a rule that gives threads named
// "full*" a buffer that no block of kTooLarge bytes fits in, and null when it is full: a thread sees by what
// malloc answers whether the rule holds for it. Natively, no thread is ever refused.
//
// args: 1 under such a rule, else 0
#include <sys/prctl.h>

#include "../../check.h"

enum { kTooLarge = 1 << 20 };

static int ruled;
static pthread_barrier_t barrier;

static int refused(void) {
  errno = 0;
  void* block = opaque(malloc(kTooLarge));
  const int is_null = block == NULL;
  CHECK(!is_null || errno == ENOMEM);
  free(block);
  return is_null;
}

static void* named_before_its_first_block(void* unused) {
  prctl(PR_SET_NAME, "full-early");
  CHECK(refused() == ruled);
  return unused;
}

static void* renamed_after_its_first_block(void* unused) {
  CHECK(!refused());
  pthread_setname_np(pthread_self(), "full-later");
  CHECK(refused() == ruled);
  pthread_setname_np(pthread_self(), "other");
  CHECK(!refused());
  prctl(PR_SET_NAME, "full-again");
  CHECK(refused() == ruled);
  prctl(PR_SET_NAME, "notfull");
  CHECK(!refused());
  return unused;
}

static void* named_by_its_maker(void* unused) {
  CHECK(!refused());
  pthread_barrier_wait(&barrier);  // the maker gives the name between the two
  pthread_barrier_wait(&barrier);
  CHECK(refused() == ruled);
  return unused;
}

static void* inherits_its_name(void* unused) {
  CHECK(refused() == ruled);
  return unused;
}

static void* makes_another(void* unused) {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, inherits_its_name, NULL) == 0);  // the kernel copies the name
  pthread_join(thread, NULL);
  return unused;
}

static void run(void* (*function)(void*)) {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, function, NULL) == 0);
  pthread_join(thread, NULL);
}

int main(int argc, char** argv) {
  ruled = argc > 1 && atoi(argv[1]);
  pthread_barrier_init(&barrier, NULL, 2);
  CHECK(!refused());
  run(named_before_its_first_block);
  run(renamed_after_its_first_block);

  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, named_by_its_maker, NULL) == 0);
  pthread_barrier_wait(&barrier);
  pthread_setname_np(thread, "full-made");
  pthread_barrier_wait(&barrier);
  pthread_join(thread, NULL);

  char name[16];
  prctl(PR_GET_NAME, name);
  prctl(PR_SET_NAME, "full-main");
  run(inherits_its_name);
  run(makes_another);
  CHECK(refused() == ruled);
  prctl(PR_SET_NAME, name);
  CHECK(!refused());
  const pid_t pid = fork();
  if (pid == 0) {
    CHECK(!refused());
    prctl(PR_SET_NAME, "full-child");
    CHECK(refused() == ruled);
    _exit(check_result());
  }
  int status = 1;
  CHECK(waitpid(pid, &status, 0) == pid && status == 0);
  return check_result();
}
