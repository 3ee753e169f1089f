// A signal stack of 8 KiB with other data below it; a check is asked for. With "guard" that is a page without access.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { kBelow = 65536, kStack = 8192 };

int main(int count, char** arguments) {
  unsigned char* memory =
      mmap(NULL, kBelow + kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(memory, 0xA5, kBelow + kStack);
  const int guarded = count > 1 && strcmp(arguments[1], "guard") == 0;
  if (guarded) mprotect(memory, kBelow, PROT_NONE);
  const stack_t stack = {.ss_sp = memory + kBelow, .ss_size = kStack};
  if (sigaltstack(&stack, NULL) != 0) perror("sigaltstack");
  memset(malloc(77), 1, 77);
  raise(63);
  int touched = 0;
  for (int i = 0; !guarded && i < kBelow; ++i) touched += memory[i] != 0xA5;
  printf("%d below\n", touched);
  return 5;
}
