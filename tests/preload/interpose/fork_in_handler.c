// A signal handler forks, also while fork is under way, in a process of one thread (with more, fork is not safe there
// in glibc either).
//: modes native leak pass
#include "../check.h"

#include <sys/time.h>

static int most;  // forks in the handler
static volatile sig_atomic_t in_handler;

static void fork_and_wait(void) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) {
  }
}

static void set_timer(long microseconds) {
  const struct itimerval t = {{0, 0}, {0, microseconds}};
  setitimer(ITIMER_REAL, &t, NULL);
}

static void on_alarm(int number) {
  (void)number;
  const int saved = errno;
  fork_and_wait();
  if (++in_handler < most) set_timer(200 + in_handler % 16 * 50);
  errno = saved;
}

int main(void) {
  most = times_to_repeat(30, 60);
  const struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  set_timer(500);
  while (in_handler < most) fork_and_wait();
  sigset_t now;
  pthread_sigmask(SIG_SETMASK, NULL, &now);
  CHECK(!sigismember(&now, SIGALRM) && !sigismember(&now, SIGTERM));
  return check_result();
}
