// Asks for a check and closes the only end for writing of a pipe: who reads sees the end at once, not after the report.
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

// Makes the file that is its argument when it has looked.
int main(int count, char** arguments) {
  if (count < 2) return 2;
  int ends[2];
  if (pipe(ends) != 0) return 1;
  void* volatile lost = malloc(77);
  lost = NULL;
  raise(63);
  close(ends[1]);
  struct pollfd end = {.fd = ends[0], .events = POLLIN};
  printf("%s\n", poll(&end, 1, 3000) == 1 && (end.revents & POLLHUP) != 0 ? "closed" : "open yet");
  fflush(stdout);
  (void)lost;
  fclose(fopen(arguments[1], "w"));
  _exit(0);
}
