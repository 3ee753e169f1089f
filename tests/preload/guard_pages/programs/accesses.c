// One read or write near a block or in a freed one: accesses HOW BYTES OFFSET ACCESS STATE [MORE]
// ACCESS: read, write, of one byte, or of so many as behind them; call. STATE: live, freed, shrunk (by realloc, whose old block is then meant), late
// (freed, and as many blocks freed after it as the quarantine is far from holding). MORE: handler (of the
// program, installed before the block is made), handler_late (behind), alt_stack (a small one), switched (to
// a small stack), mates (a block of the same size in front and one behind), large (another of 3 MiB).
#include <ucontext.h>

#include "../../guard/programs/blocks.h"

static volatile char sink;
static char* target;
static const char* access_kind;

FRAME static void peek(volatile char* at) {
  sink = *at;
}
FRAME static void poke(volatile char* at) {
  *at = 1;
}
// Whatever the alignment, at an address that the instruction makes from two registers.
typedef int Four __attribute__((aligned(1)));
typedef long long Sixteen __attribute__((vector_size(16), aligned(1)));
static Four four;
static Sixteen sixteen;
FRAME static void peek4(volatile char* at, size_t index) {
  four = *(volatile Four*)(at + 4 * index - 12);
}
FRAME static void poke4(volatile char* at, size_t index) {
  *(volatile Four*)(at + 4 * index - 12) = 1;
}
FRAME static void peek16(volatile char* at, size_t index) {
  sixteen = *(volatile Sixteen*)(at + 8 * index - 24);
}
FRAME static void poke16(volatile char* at, size_t index) {
  *(volatile Sixteen*)(at + 8 * index - 24) = sixteen;
}

FRAME static void jump(char* at) {
  ((void (*)(void))at)();
}

FRAME static void touch(char* at) {
  if (is(access_kind, "read")) peek(at);
  if (is(access_kind, "write")) poke(at);
  if (is(access_kind, "read4")) peek4(at, number("3"));
  if (is(access_kind, "write4")) poke4(at, number("3"));
  if (is(access_kind, "read16")) peek16(at, number("3"));
  if (is(access_kind, "write16")) poke16(at, number("3"));
  if (is(access_kind, "call")) jump(at);
}

static void on_segv(int number) {
  (void)number;
  puts("the program's handler");
  fflush(stdout);
  _exit(3);
}

static void install_handler(int flags) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_segv;
  action.sa_flags = flags;
  require(sigaction(SIGSEGV, &action, NULL) == 0, "sigaction");
}

static ucontext_t home, elsewhere;
FRAME static void on_other_stack(void) {
  touch(target);
}

FRAME static void touch_after(const char* more) {
  static char small_stack[16384] __attribute__((aligned(16)));
  if (is(more, "handler_late")) install_handler(0);
  if (is(more, "alt_stack")) {
    stack_t stack = {small_stack, 0, 6144};  // little more than the kernel's own frame takes
    require(sigaltstack(&stack, NULL) == 0, "sigaltstack");
    install_handler(SA_ONSTACK);
  }
  if (is(more, "switched")) {
    getcontext(&elsewhere);
    elsewhere.uc_stack.ss_sp = small_stack;
    elsewhere.uc_stack.ss_size = sizeof small_stack;
    elsewhere.uc_link = &home;
    makecontext(&elsewhere, on_other_stack, 0);
    swapcontext(&home, &elsewhere);
    return;
  }
  touch(target);
}

int fault(int argc, char** argv) {
  require(argc >= 6, "accesses HOW BYTES OFFSET ACCESS STATE [MORE]");
  const char *how = argv[1], *state = argv[5], *more = argc > 6 ? argv[6] : "";
  if (is(more, "handler")) install_handler(0);
  size_t bytes = number(argv[2]);
  char* before = is(more, "mates") ? make(how, bytes) : is(more, "large") ? make(how, 3 << 20) : NULL;
  char* block = make(how, bytes);
  char* behind = is(more, "mates") ? make(how, bytes) : NULL;
  target = block + (ptrdiff_t)number(argv[3]);
  access_kind = argv[4];
  if (is(state, "shrunk")) block = regrow(block, 1);
  if (is(state, "freed") || is(state, "late")) drop(how, block);
  if (is(state, "late")) {
    for (int i = 0; i < 1000; ++i) free(opaque(malloc(bytes)));
  }
  touch_after(more);
  if (is(state, "live") || is(state, "shrunk")) drop(how, block);
  free(before);
  free(behind);
  return 0;
}
