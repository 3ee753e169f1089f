// A thread sleeps in each call that can; prints those whose sleep was cut short while main waited for a check.
// With an argument main leaves while they sleep, and a thread that wakes ends the process with status 1.
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kSeconds = 120 };
static int leaves;
static struct timespec later(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  t.tv_sec += kSeconds;
  return t;
}
static int pipe_end(void) {
  int ends[2];
  return pipe(ends) == 0 ? ends[0] : -1;
}
static int timed_socket(int option) {
  int ends[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
  const struct timeval limit = {kSeconds, 0};
  setsockopt(ends[0], SOL_SOCKET, option, &limit, sizeof limit);
  return ends[0];
}
static void fill(int fd) {
  static char bytes[4096];
  fcntl(fd, F_SETFL, O_NONBLOCK);
  while (write(fd, bytes, sizeof bytes) > 0) {
  }
  fcntl(fd, F_SETFL, 0);
}

static const struct timespec kLong = {kSeconds, 0};
static long in_usleep(void) {
  return usleep(kSeconds * 1000000u);
}
static long in_nanosleep(void) {
  return nanosleep(&kLong, NULL);
}
static long in_clock_nanosleep(void) {
  const struct timespec until = later(CLOCK_MONOTONIC);
  errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
  return errno == 0 ? 0 : -1;
}
static long in_poll(void) {
  return poll(NULL, 0, kSeconds * 1000);
}
static long in_ppoll(void) {
  return ppoll(NULL, 0, &kLong, NULL);
}
static long in_select(void) {
  struct timeval t = {kSeconds, 0};
  return select(0, NULL, NULL, NULL, &t);
}
static long in_pselect(void) {
  return pselect(0, NULL, NULL, NULL, &kLong, NULL);
}
static long in_epoll_wait(void) {
  struct epoll_event event;
  return epoll_wait(epoll_create1(0), &event, 1, kSeconds * 1000);
}
static long in_epoll_pwait(void) {
  struct epoll_event event;
  return epoll_pwait(epoll_create1(0), &event, 1, -1, NULL);
}
static long in_read_pipe(void) {
  char c;
  return read(pipe_end(), &c, 1);
}
static long in_read_eventfd(void) {
  unsigned long n;
  return read(eventfd(0, 0), &n, sizeof n);
}
static long in_read_timerfd(void) {
  unsigned long n;
  const int fd = timerfd_create(CLOCK_MONOTONIC, 0);
  const struct itimerspec at = {{0, 0}, {kSeconds, 0}};
  timerfd_settime(fd, 0, &at, NULL);
  return read(fd, &n, sizeof n);
}
static long in_read_inotify(void) {
  char event[4096];
  return read(inotify_init(), event, sizeof event);
}
static long in_read_timed_socket(void) {
  char c;
  return read(timed_socket(SO_RCVTIMEO), &c, 1);
}
static long in_recv_timed(void) {
  char c;
  return recv(timed_socket(SO_RCVTIMEO), &c, 1, 0);
}
static long in_write_pipe(void) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  fill(ends[1]);
  return write(ends[1], "x", 1);
}
// Some of it goes, and the rest must wait: the calls that a stop cuts short whatever one does.
static char much[1 << 22];
static long in_write_much(void) {
  int ends[2];
  return pipe(ends) == 0 ? write(ends[1], much, sizeof much) : -1;
}
static long in_send_much(void) {
  int ends[2];
  return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 ? send(ends[0], much, sizeof much, 0) : -1;
}
static long in_receive_all(void) {
  int ends[2];
  char text[20];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 || send(ends[0], much, 10, 0) != 10) return -1;
  return recv(ends[1], text, sizeof text, MSG_WAITALL);
}
static long in_send_timed(void) {
  const int fd = timed_socket(SO_SNDTIMEO);
  fill(fd);
  return send(fd, "x", 1, 0);
}
static long in_accept_timed(void) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const struct timeval limit = {kSeconds, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  listen(fd, 1);
  return accept(fd, NULL, NULL);
}
static int semaphores;
static long in_semop(void) {
  struct sembuf take = {0, -1, 0};
  return semop(semaphores, &take, 1);
}
static long in_semtimedop(void) {
  struct sembuf take = {0, -1, 0};
  return semtimedop(semaphores, &take, 1, &kLong);
}
static int messages;
static long in_msgrcv(void) {
  struct {
    long type;
    char text[8];
  } m;
  return msgrcv(messages, &m, sizeof m.text, 0, 0);
}
static long in_sigtimedwait(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  return sigtimedwait(&set, NULL, &kLong);
}
static long in_sigwaitinfo(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  return sigwaitinfo(&set, NULL);
}
static long in_pause(void) {
  return pause();
}
static long in_sigsuspend(void) {
  sigset_t set;
  pthread_sigmask(SIG_SETMASK, NULL, &set);
  return sigsuspend(&set);
}
static long in_waitpid(void) {
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pause();
    _exit(0);
  }
  return waitpid(child, NULL, 0);
}
static long in_futex(void) {
  static int word;
  return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &kLong);
}
static long in_sem_timedwait(void) {
  sem_t s;
  sem_init(&s, 0, 0);
  const struct timespec until = later(CLOCK_REALTIME);
  return sem_timedwait(&s, &until);
}
static long in_cond_wait(void) {
  pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t c = PTHREAD_COND_INITIALIZER;
  pthread_mutex_lock(&m);
  return pthread_cond_wait(&c, &m);
}
static long in_flock(void) {
  static char path[] = "/tmp/weir-sleepers-XXXXXX";
  const int held = mkstemp(path);
  flock(held, LOCK_EX);
  const int fd = open(path, O_RDWR);
  unlink(path);
  return flock(fd, LOCK_EX);
}
static long in_mq_receive(void) {
  struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 8};
  char name[40], text[8];
  snprintf(name, sizeof name, "/weir-sleepers-%d", getpid());
  const mqd_t q = mq_open(name, O_CREAT | O_RDONLY, 0600, &attributes);
  if (q < 0) return in_pause();
  mq_unlink(name);
  return mq_receive(q, text, sizeof text, NULL);
}

typedef long Sleep(void);
static const struct {
  const char* name;
  Sleep* sleep;
} kCalls[] = {
#define CALL(name) \
  { #name, in_##name }
    CALL(usleep),          CALL(nanosleep),
    CALL(clock_nanosleep), CALL(poll),
    CALL(ppoll),           CALL(select),
    CALL(pselect),         CALL(epoll_wait),
    CALL(epoll_pwait),     CALL(read_pipe),
    CALL(read_eventfd),    CALL(read_timerfd),
    CALL(read_inotify),    CALL(read_timed_socket),
    CALL(recv_timed),      CALL(write_pipe),
    CALL(send_timed),      CALL(accept_timed),
    CALL(semop),           CALL(semtimedop),
    CALL(msgrcv),          CALL(sigtimedwait),
    CALL(sigwaitinfo),     CALL(pause),
    CALL(sigsuspend),      CALL(waitpid),
    CALL(futex),           CALL(sem_timedwait),
    CALL(cond_wait),       CALL(flock),
    CALL(mq_receive),      CALL(write_much),
    CALL(send_much),       CALL(receive_all),
};
enum { kCount = sizeof kCalls / sizeof kCalls[0] };
static long ids[kCount];
static int results[kCount];  // 1 + errno

static void* run(void* of) {
  const long i = (long)of;
  __atomic_store_n(&ids[i], syscall(SYS_gettid), __ATOMIC_SEQ_CST);
  errno = 0;
  const long result = kCalls[i].sleep();
  __atomic_store_n(&results[i], 1 + (result < 0 ? errno : 0), __ATOMIC_SEQ_CST);
  if (leaves) {
    fprintf(stderr, "%s ended: %s\n", kCalls[i].name, strerror(errno));
    _exit(1);
  }
  for (;;) pause();
  return NULL;
}

static char state_of(long id) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/self/task/%ld/stat", id);
  const int fd = open(path, O_RDONLY);
  const ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  text[n > 0 ? n : 0] = '\0';
  const char* end = strrchr(text, ')');
  return end != NULL ? end[2] : '?';
}

static void await_sleep(void) {
  for (int i = 0; i < kCount; ++i) {
    while (__atomic_load_n(&ids[i], __ATOMIC_SEQ_CST) == 0) sched_yield();
    for (int same = 0; same < 3;) {
      same = state_of(ids[i]) == 'S' ? same + 1 : 0;
      usleep(500);
    }
  }
}

static void tidy_up(void) {
  semctl(semaphores, 0, IPC_RMID);
  msgctl(messages, IPC_RMID, NULL);
}

int main(int count, char** arguments) {
  leaves = count > 1 && strcmp(arguments[1], "leave") == 0;
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &blocked, NULL);
  semaphores = semget(IPC_PRIVATE, 1, 0600);
  messages = msgget(IPC_PRIVATE, 0600);
  pthread_t threads[kCount];
  for (long i = 0; i < kCount; ++i) pthread_create(&threads[i], NULL, run, (void*)i);
  await_sleep();
  if (leaves) {
    // Removed by who looks: the sleepers would be woken.
    printf("%d %d\n", semaphores, messages);
    return 0;
  }
  for (int i = 0; i < 3; ++i) raise(63);
  // Those that were interrupted are on their way.
  usleep(50000);
  await_sleep();
  for (int i = 0; i < kCount; ++i) {
    if (results[i] != 0) printf("%s: %s\n", kCalls[i].name, strerror(results[i] - 1));
  }
  fflush(stdout);
  tidy_up();
  kill(0, SIGKILL);
}
