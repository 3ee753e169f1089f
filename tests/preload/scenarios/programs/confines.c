// Loses 1234 bytes, takes something away from itself that reports need, and ends. `confines WHAT [DIRECTORY]`.
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static void limit(int what, rlim_t most) {
  struct rlimit l = {most, most};
  CHECK(setrlimit(what, &l) == 0);
}

static void* volatile kept;
static void* volatile lost;

static void refuse_what_is_new(void) {
  static const int refused[] = {SYS_openat, SYS_open,     SYS_clone,    SYS_clone3,
                                SYS_execve, SYS_execveat, SYS_statx,    SYS_memfd_create,
                                SYS_socket, SYS_pipe2,    SYS_prlimit64};
  struct sock_filter code[2 * sizeof refused / sizeof *refused + 2];
  unsigned n = 0;
  code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (unsigned i = 0; i < sizeof refused / sizeof *refused; ++i) {
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)refused[i], 0, 1);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
  }
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {(unsigned short)n, code};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0);
}

static void set_dangling_variable(void) {
  char* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  strcpy(page, "GONE=1");
  CHECK(putenv(page) == 0);
  CHECK(munmap(page, 4096) == 0);
}

int main(int argc, char** argv) {
  const char* const what = argv[1];
  lost = malloc(1234);
  lost = NULL;
  kept = malloc(77);
  if (strcmp(what, "descriptors-used-up") == 0) {
    while (open("/dev/null", O_RDONLY) >= 0) {
    }
  } else if (strcmp(what, "no-descriptors") == 0) {
    limit(RLIMIT_NOFILE, 3);
  } else if (strcmp(what, "descriptors-closed") == 0) {
    for (int fd = 3; fd < 1024; ++fd) close(fd);
  } else if (strcmp(what, "chroot") == 0) {
    CHECK(argc > 2 && chroot(argv[2]) == 0 && chdir("/") == 0);
  } else if (strcmp(what, "file-size") == 0) {
    limit(RLIMIT_FSIZE, 0);
  } else if (strcmp(what, "processes") == 0) {
    limit(RLIMIT_NPROC, 0);
    if (geteuid() == 0) CHECK(setgid(65534) == 0 && setuid(65534) == 0);
  } else if (strcmp(what, "data") == 0) {
    limit(RLIMIT_DATA, 1 << 20);
  } else if (strcmp(what, "address-space") == 0) {
    limit(RLIMIT_AS, 60 << 20);
  } else if (strcmp(what, "stack") == 0) {
    limit(RLIMIT_STACK, 0);
  } else if (strcmp(what, "seccomp-eperm") == 0) {
    refuse_what_is_new();
  } else if (strcmp(what, "sigchld-ignored") == 0) {
    signal(SIGCHLD, SIG_IGN);
  } else if (strcmp(what, "nonblocking-stderr") == 0) {
    CHECK(fcntl(2, F_SETFL, fcntl(2, F_GETFL) | O_NONBLOCK) == 0);
  } else if (strcmp(what, "dangling-variable") == 0) {
    set_dangling_variable();
  } else {
    CHECK(strcmp(what, "nothing") == 0);
  }
  return 0;
}
