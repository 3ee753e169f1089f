// Commits the faults that it is told to, one after the other: "write-behind", "read-behind", "read-before",
// "write-freed", "read-freed", "double-free". Prints a line when it begins and ends with status 5.
#include "check.h"

enum { kBytes = 16 };

__attribute__((noinline)) static volatile char* make(void) {
  volatile char* block = malloc(kBytes);
  CHECK(block != NULL);
  memset((void*)block, 1, kBytes);
  return block;
}
__attribute__((noinline)) static void write_to(volatile char* at) {
  *at = 'x';
}
__attribute__((noinline)) static char read_from(volatile char* at) {
  return *at;
}
__attribute__((noinline)) static void release(volatile char* block) {
  free((void*)block);
}

__attribute__((noinline)) static void commit(const char* fault) {
  volatile char* block = make();
  const int freed = strstr(fault, "free") != NULL;
  const int before = strstr(fault, "before") != NULL;
  volatile char* at = block + (freed ? 3 : before ? -1 : kBytes);
  if (freed) release(block);
  if (strncmp(fault, "write", 5) == 0) write_to(at);
  if (strncmp(fault, "read", 4) == 0) read_from(at);
  if (!freed || strcmp(fault, "double-free") == 0) release(block);
}

int main(int count, char** words) {
  puts("begun");
  for (int i = 1; i < count; ++i) commit(words[i]);
  return 5;
}
