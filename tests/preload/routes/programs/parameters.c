// What a rule's parameters do to memory. Prints the MiB that are resident after 32 MiB of small blocks were
// allocated and freed and a second and a half went by, and whether the first block's pages are asked for as
// huge ones. Usage: parameters [once]     once: after the first block only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../check.h"

enum { kBlocks = 32768, kBytes = 1024 };

static char* blocks[kBlocks];

static long resident(void) {
  long size = 0, pages = 0;
  FILE* file = fopen("/proc/self/statm", "re");
  CHECK(file != NULL && fscanf(file, "%ld %ld", &size, &pages) == 2);
  fclose(file);
  return pages / 256;
}

static int asks_for_huge_pages(const void* block) {
  char line[512];
  int inside = 0;
  FILE* file = fopen("/proc/self/smaps", "re");
  CHECK(file != NULL);
  while (fgets(line, sizeof line, file) != NULL) {
    unsigned long start, end;
    if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
      inside = start <= (unsigned long)block && (unsigned long)block < end;
    if (inside && strncmp(line, "VmFlags:", 8) == 0) {
      fclose(file);
      return strstr(line, " hg") != NULL;
    }
  }
  fclose(file);
  return 0;
}

int main(int count, char** arguments) {
  (void)arguments;
  char* first = malloc(kBytes);
  const int huge = asks_for_huge_pages(first);
  if (count == 1) {
    for (int i = 0; i < kBlocks; ++i) blocks[i] = memset(malloc(kBytes), 1, kBytes);
    for (int i = 0; i < kBlocks; ++i) free(blocks[i]);
    usleep(1500000);
    // Something has to happen for anybody to look at the clock.
    for (int round = 0; round < 20; ++round) {
      for (int i = 0; i < 2000; ++i) blocks[i] = malloc(kBytes);
      for (int i = 0; i < 2000; ++i) free(blocks[i]);
    }
  }
  printf("%ld %d\n", resident(), huge);
  free(first);
  return 0;
}
