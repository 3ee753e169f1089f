// Blocks in a buffer that is a file: parent and child each keep their own after a fork, and the parent's are
// in the file. Usage: file_buffer FILE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../check.h"

enum { kBlocks = 100, kBytes = 1000 };

static char* blocks[kBlocks];

static int holds(const char* path, const char* text) {
  static char buffer[1 << 20];
  FILE* file = fopen(path, "rbe");
  if (file == NULL) return 0;
  const size_t n = fread(buffer, 1, sizeof buffer, file);
  fclose(file);
  return memmem(buffer, n, text, strlen(text)) != NULL;
}

static void child(void) {
  for (int i = 0; i < kBlocks; ++i) {
    CHECK(blocks[i][kBytes - 1] == i);
    memset(blocks[i], 0x55, kBytes);
    free(blocks[i]);
  }
  for (int i = 0; i < 2 * kBlocks; ++i) CHECK(memset(malloc(kBytes / 2), 0x66, kBytes / 2) != NULL);
  _exit(0);
}

int main(int count, char** arguments) {
  CHECK(count == 2);
  for (int i = 0; i < kBlocks; ++i) blocks[i] = memset(malloc(kBytes), i, kBytes);
  for (int round = 0; round < 5; ++round) {
    const pid_t pid = fork();
    if (pid == 0) child();
    int status = -1;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    for (int i = 0; i < kBlocks; ++i) CHECK(blocks[i][0] == i && blocks[i][kBytes - 1] == i);
  }
  strcpy(blocks[7], "seen in the file");
  puts(holds(arguments[1], "seen in the file") ? "in the file" : "not in the file");
  return 0;
}
