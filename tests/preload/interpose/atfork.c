// Heap calls inside fork handlers, registered before and after weir's own.
//: modes native leak pass
#include "../check.h"

static int prepared, in_parent, in_child;
static void* held;

static void prepare(void) {
  held = malloc(1000);
  ++prepared;
}
static void parent(void) {
  free(held);
  ++in_parent;
}
static void child(void) {
  held = realloc(held, 100000);
  free(held);
  ++in_child;
}

__attribute__((constructor)) static void early(void) {
  pthread_atfork(prepare, parent, child);
}

int main(void) {
  for (int i = 0; i < 20; ++i) {
    const pid_t pid = fork();
    if (pid == 0) exit(in_child == 1 ? 0 : 1);
    int status = 1;
    waitpid(pid, &status, 0);
    CHECK(status == 0);
  }
  CHECK(prepared == 20 && in_parent == 20 && in_child == 0);
  return check_result();
}
