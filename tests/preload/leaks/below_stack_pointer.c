// What lies below the stack pointer of a thread that goes on is left over from calls that have returned.
//: leak direct 91 1 fill < deeper < work << start_thread*
#include "lose.h"

static int filled;

FRAME static void fill(void) {
  void* volatile words[512];
  void* const block = malloc(91);
  for (int i = 0; i < 512; ++i) words[i] = block;
  require(words[0] != NULL, "malloc");
}

// Further down than the 128 bytes that a function may use below the stack pointer.
FRAME static void deeper(void) {
  volatile char room[512] = {0};
  fill();
  require(room[0] == 0, "room");
}

// Those for vectors, which libc's functions use.
FRAME static void clear_vectors(void) {
  __asm__ volatile(
      ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n pxor %%xmm\\n, %%xmm\\n\n .endr" ::
          : "memory");
  if (__builtin_cpu_supports("avx")) __asm__ volatile("vzeroall" ::: "memory");
  if (!__builtin_cpu_supports("avx512f")) return;
  __asm__ volatile(
      ".irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31\n"
      " vpxord %%zmm\\n, %%zmm\\n, %%zmm\\n\n .endr" ::
          : "memory");
}

FRAME static void* work(void* unused) {
  deeper();
  // Nor do registers hold it: those that calls may change are cleared.
  clear_vectors();
  __asm__ volatile(
      "xor %%eax, %%eax; xor %%ecx, %%ecx; xor %%edx, %%edx; xor %%esi, %%esi; xor %%edi, %%edi;"
      "xor %%r8d, %%r8d; xor %%r9d, %%r9d; xor %%r10d, %%r10d; xor %%r11d, %%r11d" ::
          : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11");
  __atomic_store_n(&filled, 1, __ATOMIC_SEQ_CST);
  for (;;) __asm__ volatile("pause");
  return unused;
}

int main(void) {
  pthread_t thread;
  require(pthread_create(&thread, NULL, work, NULL) == 0, "pthread_create");
  while (__atomic_load_n(&filled, __ATOMIC_SEQ_CST) == 0) sched_yield();
  return 0;
}
