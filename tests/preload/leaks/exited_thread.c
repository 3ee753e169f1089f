// What only an exited thread's variables, stack or specific data held is lost.
//: leak direct 71 1 fill < work << start_thread*
//: leak direct 72 1 fill < work << start_thread*
//: leak direct 73 1 fill < work << start_thread*
#include "lose.h"

static __thread void* volatile variable;
static pthread_key_t key;

FRAME static void fill(void** on_stack) {
  variable = malloc(71);
  pthread_setspecific(key, malloc(72));
  *on_stack = malloc(73);
}

FRAME static void* work(void* unused) {
  void* volatile on_stack;
  fill((void**)&on_stack);
  return unused;
}

int main(void) {
  pthread_key_create(&key, NULL);
  pthread_t thread;
  require(pthread_create(&thread, NULL, work, NULL) == 0, "pthread_create");
  pthread_join(thread, NULL);
  scrub();
  return 0;
}
