// The program rebuilds its environment; nothing of ours hangs on the old one.
//: modes native leak pass
#include "../check.h"

extern char** environ;

int main(void) {
  clearenv();
  for (int i = 0; i < 500; ++i) {
    char name[32];
    snprintf(name, sizeof name, "NAME_%d", i);
    CHECK(setenv(name, "a value that takes some room", 1) == 0);
  }
  environ = NULL;
  free(malloc(100));
  CHECK(getenv("NAME_3") == NULL);
  const pid_t child = fork();
  if (child == 0) exit(0);
  int status = 1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  return check_result();
}
