// What a program can do with SIGSEGV itself: handlers SCENARIO. Prints what it sees; natively and behind
// weir's handler it must be the same, and the process must end alike.
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "lose.h"

static int is(const char* word, const char* other) {
  return strcmp(word, other) == 0;
}

static char* opaque(void* block) {
  __asm__ volatile("" : "+r"(block)::"memory");
  return (char*)block;
}

static volatile char* nowhere;
static sigjmp_buf back;
static char alternate[65536];
static volatile sig_atomic_t depth;
static char* page;

static void say(const char* what, long number) {
  char line[128];
  int n = snprintf(line, sizeof line, "%s %ld\n", what, number);
  require(write(1, line, (size_t)n) == n, "write");
}

static int is_blocked(int number) {
  sigset_t now;
  sigprocmask(SIG_BLOCK, NULL, &now);
  return sigismember(&now, number);
}

static void describe(const char* who) {
  char here;
  say(who, ++depth);
  say("  SIGSEGV is blocked", is_blocked(SIGSEGV));
  say("  SIGUSR1 is blocked", is_blocked(SIGUSR1));
  say("  SIGUSR2 is blocked", is_blocked(SIGUSR2));
  say("  on the alternate stack", &here >= alternate && &here < alternate + sizeof alternate);
}

static void jump_back(int number) {
  describe("handler");
  say("  signal", number);
  siglongjmp(back, 1);
}

static void jump_back_with(int number, siginfo_t* info, void* context) {
  const ucontext_t* c = (const ucontext_t*)context;
  describe("handler with information");
  say("  signal", number);
  say("  code", info->si_code);
  if (info->si_code > 0) say("  address", (long)info->si_addr);
  say("  SIGUSR2 was blocked", sigismember(&c->uc_sigmask, SIGUSR2));
  say("  trap", c->uc_mcontext.gregs[REG_TRAPNO]);
  say("  error", c->uc_mcontext.gregs[REG_ERR]);
  say("  returns to the same as ever", __builtin_return_address(0) == ((void**)context)[-1]);
  siglongjmp(back, 1);
}

static void open_page(int number, siginfo_t* info, void* context) {
  (void)number, (void)context;
  say("barrier at", (long)((char*)info->si_addr - page));
  require(mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0, "mprotect");
}

static void skip_ahead(int number, siginfo_t* info, void* context) {
  (void)number, (void)info;
  ((ucontext_t*)context)->uc_mcontext.gregs[REG_RIP] += 2;  // movb (%rax), %al has two bytes
}

static void fault_in_handler(int number) {
  (void)number;
  describe("nested");
  if (depth < 3) *nowhere = 1;
  siglongjmp(back, 1);
}

static void only_return(int number) {
  say("only returns from", number);
}

static void hit(void) {
  if (sigsetjmp(back, 1) == 0) *nowhere = 1;
  say("back, SIGSEGV is blocked", is_blocked(SIGSEGV));
}

static void show(const struct sigaction* a) {
  say("kind", a->sa_handler == SIG_DFL ? 0 : a->sa_handler == SIG_IGN ? 1 : 2);
  say("is jump_back", a->sa_handler == jump_back);
  say("is jump_back_with", a->sa_sigaction == jump_back_with);
  say("flags", a->sa_flags);
  say("masks SIGSEGV", sigismember(&a->sa_mask, SIGSEGV));
  say("masks SIGUSR1", sigismember(&a->sa_mask, SIGUSR1));
  say("masks SIGKILL", sigismember(&a->sa_mask, SIGKILL));
}

static void act(void* handler, int flags, int masked) {
  struct sigaction action, old;
  memset(&action, 0, sizeof action);
  action.sa_handler = (sighandler_t)handler;
  action.sa_flags = flags;
  if (masked != 0) sigaddset(&action.sa_mask, masked);
  sigaddset(&action.sa_mask, SIGKILL);
  require(sigaction(SIGSEGV, &action, &old) == 0, "sigaction");
  show(&old);
}

static void query(void) {
  struct sigaction now;
  require(sigaction(SIGSEGV, NULL, &now) == 0, "sigaction");
  show(&now);
}

extern sighandler_t bsd_signal(int, sighandler_t);
extern int __sigaction(int, const struct sigaction*, struct sigaction*);

static void* in_thread(void* unused) {
  (void)unused;
  hit();
  return NULL;
}

int main(int argc, char** argv) {
  require(argc == 2, "handlers SCENARIO");
  const char* what = argv[1];
  free(opaque(malloc(10)));
  if (is(what, "null")) *nowhere = 1;
  if (is(what, "null_in_child")) {
    pid_t child = fork();
    if (child == 0) *nowhere = 1;
    int status;
    waitpid(child, &status, 0);
    say("child", WTERMSIG(status));
  }
  if (is(what, "vfork")) {
    pid_t child = vfork();
    if (child == 0) {
      *nowhere = 1;
      _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    say("child", WTERMSIG(status));
  }
  if (is(what, "wild")) *(volatile char*)(uintptr_t)0x2d0000000000 = 1;
  if (is(what, "wild_low")) *(volatile char*)(uintptr_t)0x2bfffffff000 = 1;
  if (is(what, "wild_large")) *(volatile char*)(uintptr_t)0x2e1234567890 = 1;
  if (is(what, "not_canonical")) *(volatile char*)(uintptr_t)0x8000000000000000 = 1;
  if (is(what, "raise")) raise(SIGSEGV);
  if (is(what, "kill")) kill(getpid(), SIGSEGV);
  if (is(what, "query")) {
    query();
    act((void*)jump_back, SA_NODEFER, SIGUSR1);
    query();
    act((void*)jump_back_with, SA_SIGINFO | SA_ONSTACK, 0);
    query();
    act(SIG_IGN, 0, 0);
    query();
    act(SIG_DFL, 0, 0);
    query();
  }
  if (is(what, "handler")) {
    act((void*)jump_back, 0, SIGUSR1);
    hit();
    hit();
  }
  if (is(what, "information")) {
    sigset_t more;
    sigemptyset(&more);
    sigaddset(&more, SIGUSR2);
    sigprocmask(SIG_BLOCK, &more, NULL);
    act((void*)jump_back_with, SA_SIGINFO, SIGUSR1);
    hit();
    if (sigsetjmp(back, 1) == 0) *(volatile char*)(uintptr_t)0x2d0000000000 = 1;
    if (sigsetjmp(back, 1) == 0) raise(SIGSEGV);
    pthread_t thread;
    pthread_create(&thread, NULL, in_thread, NULL);
    pthread_join(thread, NULL);
  }
  if (is(what, "alternate") || is(what, "alternate_unused")) {
    stack_t stack = {alternate, 0, sizeof alternate};
    sigaltstack(&stack, NULL);
    act((void*)jump_back, is(what, "alternate") ? SA_ONSTACK : 0, 0);
    hit();
  }
  if (is(what, "reset")) {
    act((void*)jump_back, (int)SA_RESETHAND, 0);
    hit();
    query();
    hit();
  }
  if (is(what, "nested")) {
    act((void*)fault_in_handler, SA_NODEFER, 0);
    hit();
  }
  if (is(what, "nested_deferred")) {
    act((void*)fault_in_handler, 0, 0);
    hit();
  }
  if (is(what, "ignored")) {
    act(SIG_IGN, 0, 0);
    raise(SIGSEGV);
    say("went on", 1);
    *nowhere = 1;
  }
  if (is(what, "returns")) {
    act((void*)only_return, 0, 0);
    raise(SIGSEGV);
    act((void*)skip_ahead, SA_SIGINFO, 0);
    __asm__ volatile("xor %%eax, %%eax\n\tmovb (%%rax), %%al" ::: "rax");
    say("went on", 1);
  }
  if (is(what, "barrier")) {
    page = (char*)aligned_alloc(4096, 4096);
    act((void*)open_page, SA_SIGINFO, 0);
    for (int i = 0; i < 3; ++i) {
      mprotect(page, 4096, PROT_READ);
      ((volatile char*)page)[i] = 1;
      ((volatile char*)page)[100] = 1;
    }
    free(page);
  }
  if (is(what, "barrier_at_exit")) {
    page = (char*)aligned_alloc(4096, 4096);
    mprotect(page, 4096, PROT_READ);
    *(volatile char*)page = 1;
  }
  if (is(what, "signal")) {
    say("old", (long)signal(SIGSEGV, jump_back));
    query();
    hit();
    hit();
    say("same", signal(SIGSEGV, SIG_DFL) == jump_back);
    say("old", (long)signal(SIGSEGV, SIG_IGN));
    say("error", signal(SIGSEGV, SIG_ERR) == SIG_ERR && errno == EINVAL);
    say("old", (long)ssignal(SIGSEGV, jump_back));
    say("same", bsd_signal(SIGSEGV, jump_back) == jump_back);
    query();
    say("error", signal(4000, jump_back) == SIG_ERR && errno == EINVAL);
    say("other", (long)signal(SIGUSR1, jump_back));
    say("other", signal(SIGUSR1, SIG_DFL) == jump_back);
  }
  if (is(what, "sysv_signal")) {
    say("old", (long)sysv_signal(SIGSEGV, jump_back));
    query();
    hit();
    query();
    say("old", (long)__sysv_signal(SIGSEGV, jump_back));
    hit();
    hit();
  }
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  if (is(what, "sigset")) {
    say("old", (long)sigset(SIGSEGV, jump_back));
    query();
    hit();
    say("same", sigset(SIGSEGV, SIG_HOLD) == jump_back);
    say("blocked", is_blocked(SIGSEGV));
    say("hold", sigset(SIGSEGV, SIG_HOLD) == SIG_HOLD);
    say("hold", sigset(SIGSEGV, jump_back) == SIG_HOLD);
    say("blocked", is_blocked(SIGSEGV));
    hit();
    say("ignored", sigignore(SIGSEGV));
    query();
    raise(SIGSEGV);
    say("went on", 1);
  }
  if (is(what, "hidden_name")) {
    struct sigaction old;
    act((void*)jump_back, 0, 0);
    require(__sigaction(SIGSEGV, NULL, &old) == 0, "__sigaction");
    show(&old);
    hit();
  }
  if (is(what, "kernel")) {
    int out[2];
    require(pipe(out) == 0, "pipe");
    char* block = (char*)opaque(malloc(4096));
    memset(block, 'a', 4096);
    say("written", write(out[1], block, 4096));
    say("read", read(out[0], block, 4096));
    free(block);
  }
  return 0;
}
