// Loses 1234 bytes, confines itself by seccomp, and ends with status 5. `seccomp HOW [BY]`: the filter kills, traps or
// refuses (kill, trap, errno) for all but a few calls; `strict` is the mode of that name. BY is prctl or syscall.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

static void* volatile lost;

// What a program that reads, computes and answers needs; with `all` what OpenSSH lets its child do, too.
static const int few[] = {SYS_read, SYS_write, SYS_exit_group,  SYS_exit,
                          SYS_brk,  SYS_futex, SYS_rt_sigreturn};
static const int more[] = {SYS_mmap,          SYS_munmap, SYS_mremap,         SYS_madvise,
                           SYS_getpid,        SYS_gettid, SYS_rt_sigprocmask, SYS_close,
                           SYS_clock_gettime, SYS_fstat,  SYS_poll,           SYS_fcntl};

static unsigned let_through(struct sock_filter* code, unsigned n, const int* calls, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i], 0, 1);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  }
  return n;
}

static void confine(unsigned otherwise, int with_more, int by_syscall) {
  struct sock_filter code[64];
  unsigned n = 0;
  code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  n = let_through(code, n, few, sizeof few / sizeof *few);
  if (with_more) n = let_through(code, n, more, sizeof more / sizeof *more);
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, otherwise);
  struct sock_fprog program = {(unsigned short)n, code};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  if (by_syscall) {
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0);
  } else {
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0);
  }
}

int main(int argc, char** argv) {
  const char* const how = argv[1];
  const int by_syscall = argc > 2 && strcmp(argv[2], "syscall") == 0;
  lost = malloc(1234);
  lost = NULL;
  if (strcmp(how, "kill") == 0) confine(SECCOMP_RET_KILL_PROCESS, 0, by_syscall);
  if (strcmp(how, "kill-more") == 0) confine(SECCOMP_RET_KILL_PROCESS, 1, by_syscall);
  if (strcmp(how, "trap") == 0) confine(SECCOMP_RET_TRAP, 0, by_syscall);
  if (strcmp(how, "errno") == 0) confine(SECCOMP_RET_ERRNO | 1, 0, by_syscall);
  if (strcmp(how, "strict") == 0) {
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) == 0);
    syscall(SYS_exit, 5);
  }
  // A heap that goes on.
  for (int i = 0; i < 1000; ++i) free(malloc((size_t)i * 16));
  return 5;
}
