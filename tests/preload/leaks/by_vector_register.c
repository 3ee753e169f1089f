// Blocks that only a vector register of a running thread holds, as in a swap of two pairs of pointers, or the base of gs.
#include <asm/prctl.h>
#include <sys/syscall.h>

#include "lose.h"

static const uintptr_t kMask = 0x5a5a5a5a5a5a5a5a;
static uintptr_t masked[2];
static volatile int ready;

FRAME static void prepare(int which, size_t bytes) {
  masked[which] = (uintptr_t)malloc(bytes) ^ kMask;
}

static void* spin(void* unused) {
  prepare(0, 51);
  scrub();
  __asm__ volatile(
      "mov %0, %%rbx; xor %1, %%rbx; movq %%rbx, %%xmm9; pslldq $8, %%xmm9; xor %%ebx, %%ebx;"
      "lock incl %2; 1: pause; jmp 1b"
      :
      : "m"(masked[0]), "m"(kMask), "m"(ready)
      : "rbx", "xmm9", "memory");
  return unused;
}

static void* emulate(void* unused) {
  prepare(1, 52);
  syscall(SYS_arch_prctl, ARCH_SET_GS, masked[1] ^ kMask);
  scrub();
  __asm__ volatile("lock incl %0; 1: pause; jmp 1b" : : "m"(ready) : "memory");
  return unused;
}

int main(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, spin, NULL);
  pthread_create(&thread, NULL, emulate, NULL);
  while (ready != 2) usleep(1000);
  scrub();
  return 0;
}
