// Blocks that only a register of another thread holds: one thread runs, one waits in the kernel.
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
  __asm__ volatile("mov %0, %%rbx; xor %1, %%rbx; lock incl %2; 1: pause; jmp 1b"
                   :
                   : "m"(masked[0]), "m"(kMask), "m"(ready)
                   : "rbx", "memory");
  return unused;
}

static void* sleep_in_kernel(void* unused) {
  prepare(1, 52);
  scrub();
  __asm__ volatile("mov %0, %%r15; xor %1, %%r15; lock incl %2; 1: mov $34, %%eax; syscall; jmp 1b"
                   :
                   : "m"(masked[1]), "m"(kMask), "m"(ready)
                   : "rax", "rcx", "r11", "r15", "memory");
  return unused;
}

int main(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, spin, NULL);
  pthread_create(&thread, NULL, sleep_in_kernel, NULL);
  while (ready != 2) usleep(1000);
  usleep(20000);
  return 0;
}
