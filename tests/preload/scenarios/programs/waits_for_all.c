// A daemon whose one thread takes all signals, by sigwait, sigtimedwait or a descriptor; prints each that it gets. Ends
// with SIGTERM.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

static int next_by_wait(const sigset_t* all) {
  int number = 0;
  return sigwait(all, &number) == 0 ? number : -1;
}

static int next_by_timed_wait(const sigset_t* all) {
  const struct timespec longest = {60, 0};
  siginfo_t info;
  return sigtimedwait(all, &info, &longest);
}

static int next_by_descriptor(const sigset_t* all) {
  static int fd = -1;
  if (fd < 0) fd = signalfd(-1, all, SFD_CLOEXEC);
  struct signalfd_siginfo info;
  return read(fd, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : -1;
}

int main(int count, char** arguments) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // nobody else could end it
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  int (*const next)(const sigset_t*) = count < 2                            ? next_by_wait
                                       : strcmp(arguments[1], "timed") == 0 ? next_by_timed_wait
                                                                            : next_by_descriptor;
  void* volatile lost = malloc(55);
  lost = NULL;
  printf("ready\n");
  fflush(stdout);
  for (int number; (number = next(&all)) != SIGTERM;) {
    if (number < 0) return 3;
    printf("got %d\n", number);
    fflush(stdout);
  }
  (void)lost;
  _exit(5);
}
