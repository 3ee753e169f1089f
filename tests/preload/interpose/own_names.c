// A program has functions of libc's names, which it uses for something else: none of them is weir's to call.
//: leak direct 77 1 lose < main
//: stdout clone of 40
//: stdout end
//: flags -rdynamic
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define OWN(name)                                    \
  long own_##name(void) __asm__(#name);              \
  long own_##name(void) {                            \
    static const char text[] = "called " #name "\n"; \
    _exit(write(1, text, sizeof text - 1) < 0);      \
  }

OWN(dladdr)
OWN(dladdr1)
OWN(dlerror)
OWN(dl_iterate_phdr)
OWN(on_exit)
OWN(creat)
OWN(mremap)
OWN(getauxval)
OWN(secure_getenv)
OWN(sched_getcpu)
OWN(sched_getaffinity)
OWN(prlimit64)
OWN(memfd_create)
OWN(process_vm_readv)
OWN(tgkill)
OWN(gettid)

struct tree {
  long leaves;
};
struct tree* clone(const struct tree* of) {
  printf("clone of %ld\n", of->leaves);
  struct tree* made = malloc(sizeof *made);
  *made = *of;
  return made;
}

static void* volatile lost;

__attribute__((noinline)) static void lose(void) {
  lost = malloc(77);
  lost = NULL;
}

int main(void) {
  const struct tree tree = {40};
  free(clone(&tree));
  lose();
  puts("end");
  fflush(stdout);
  return 0;
}
