// A thread waits for children of any kind while the process is checked, on demand, by the guard, and at its end. It has
// one child; whatever else it meets is none of its own. With an argument the wait is that of the name.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static volatile pid_t own;
static const char* way = "waitpid";
static void* volatile lost;

static pid_t wait_once(void) {
  int status = 0;
  if (strcmp(way, "wait4") == 0) {
    struct rusage usage;
    return wait4(-1, &status, __WALL, &usage);
  }
  if (strcmp(way, "wait3") == 0) {
    struct rusage usage;
    return wait3(&status, __WALL, &usage);
  }
  if (strcmp(way, "waitid") == 0) {
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | __WALL | WNOWAIT) == 0 ? info.si_pid : -1;
  }
  return waitpid(-1, &status, __WALL);
}

static void* wait_for_any(void* of) {
  static const char text[] = "met a child that is not its own\n";
  if (wait_once() != own) CHECK(write(1, text, sizeof text - 1) > 0);
  return of;
}

static pid_t sleeping_child(void) {
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
  }
  return child;
}

int main(int argc, char** argv) {
  if (argc > 1) way = argv[1];
  own = sleeping_child();
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, wait_for_any, NULL) == 0);
  lost = malloc(1234);
  lost = NULL;
  raise(63);
  char* block = malloc(40);
  free(block);
  free(block);
  kill(own, SIGKILL);
  CHECK(pthread_join(thread, NULL) == 0);
  waitpid(own, NULL, 0);  // after WNOWAIT it is still there
  own = sleeping_child();
  CHECK(pthread_create(&thread, NULL, wait_for_any, NULL) == 0);
  return 0;
}
