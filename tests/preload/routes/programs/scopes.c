// weir.h. Without the library, or without an arena, every call does nothing and the program releases its
// blocks itself. Run with the rules "requests: size<=2M call=malloc|realloc -> arena; * -> parent" it does
// not: what a scope leaves behind would be a leak, and would grow. Blocks from outside live on whatever
// scopes do.
//
// args: 1 under such rules, else 0
#include <weir.h>

#include "../../check.h"

enum { kBlocks = 400, kRounds = 300, kMayGrowKib = 12 << 10 };

static int ruled;
static size_t from = 1;  // sizes go round through small and large

static long resident_kib(void) {
  static char text[256];
  FILE* file = fopen("/proc/self/statm", "r");
  long pages = 0;
  CHECK(fgets(text, sizeof text, file) != NULL && sscanf(text, "%*d %ld", &pages) == 1);
  fclose(file);
  return pages * 4;
}

static void fill(unsigned char** blocks) {
  for (size_t i = 0; i < kBlocks; ++i) {
    const size_t bytes = i % 100 == 99 ? 300000 : from++ * 37 % 3000 + 1;
    blocks[i] = memset(malloc(bytes), (int)i, bytes);
  }
}

// The program's own releases, where no scope does it.
static void release(unsigned char** blocks) {
  for (size_t i = 0; i < kBlocks; ++i) {
    CHECK(blocks[i][0] == (unsigned char)i);
    free(blocks[i]);
  }
}

static int is_requests(const void* block) {
  const char* route = weir_route_of(block);
  return route != NULL && strcmp(route, "requests") == 0;
}

static void what_each_call_answers(void) {
  weir_scope* scope = weir_scope_enter("requests");
  CHECK((scope != NULL) == ruled);
  void* block = malloc(100);
  void* zeroed = calloc(1, 100);
  CHECK(is_requests(block) == ruled);
  if (ruled) CHECK(weir_route_of(zeroed) == NULL);
  CHECK(weir_route_of(NULL) == NULL && weir_route_of(&ruled) == NULL);
  free(zeroed);
  free(block);
  CHECK(weir_scope_enter("no such route") == NULL);
  CHECK(weir_scope_leave(NULL) == 0 && weir_scope_reset(NULL) == 0);
  CHECK(weir_scope_leave(scope) == ruled);
  CHECK(weir_scope_leave(scope) == 0 && weir_scope_reset(scope) == 0);
  scope = weir_scope_enter(NULL);
  CHECK((scope != NULL) == ruled);
  CHECK(weir_scope_reset(scope) == ruled && weir_scope_leave(scope) == ruled);
}

static void rounds(void) {
  static unsigned char *blocks[kBlocks], *outside[kBlocks];
  fill(outside);
  long before = 0;
  for (int round = 0; round < kRounds; ++round) {
    weir_scope* scope = weir_scope_enter("requests");
    fill(blocks);
    if (round % 2 == 1) {
      if (!weir_scope_reset(scope)) release(blocks);
      fill(blocks);
    }
    if (round % 3 == 2) {  // some one by one, as a program does that knows nothing of scopes
      for (size_t i = 0; i < kBlocks; i += 3) {
        free(blocks[i]);
        blocks[i] = memset(malloc(50), (int)i, 50);
      }
    }
    free(outside[round]);
    outside[round] = NULL;
    if (!weir_scope_leave(scope)) release(blocks);
    outside[round] = memset(malloc(70), round, 70);
    if (round == kRounds / 10) before = resident_kib();
  }
  const long grown = resident_kib() - before;
  if (grown >= kMayGrowKib) fprintf(stderr, "grew by %ld KiB\n", grown);
  CHECK(grown < kMayGrowKib);
  release(outside);
}

static void nested(void) {
  static unsigned char *outer_blocks[kBlocks], *inner_blocks[kBlocks], *again[kBlocks];
  weir_scope* outer = weir_scope_enter("requests");
  fill(outer_blocks);
  weir_scope* inner = weir_scope_enter("requests");
  fill(inner_blocks);
  if (!weir_scope_leave(inner)) release(inner_blocks);
  fill(again);
  for (size_t i = 0; i < kBlocks; ++i)
    CHECK(outer_blocks[i][0] == (unsigned char)i && again[i][0] == (unsigned char)i);
  inner = weir_scope_enter("requests");
  fill(inner_blocks);
  if (!weir_scope_leave(outer)) {  // ends the inner one too
    release(outer_blocks);
    release(again);
    release(inner_blocks);
  }
  CHECK(weir_scope_leave(inner) == 0);
}

static unsigned char* of_thread[kBlocks];
static weir_scope* scope_of_thread;
static pthread_barrier_t barrier;

static void* opens_and_ends(void* unused) {
  scope_of_thread = weir_scope_enter("requests");
  CHECK((scope_of_thread != NULL) == ruled);
  fill(of_thread);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  return unused;
}

// A scope is its thread's; what is in it when the thread ends lives on.
static void left_open_by_a_thread(void) {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, opens_and_ends, NULL) == 0);
  pthread_barrier_wait(&barrier);
  CHECK(weir_scope_leave(scope_of_thread) == 0);
  for (size_t i = 0; i < kBlocks; i += 2) free(of_thread[i]);
  pthread_barrier_wait(&barrier);
  pthread_join(thread, NULL);
  for (size_t i = 1; i < kBlocks; i += 2) {
    CHECK(of_thread[i][0] == (unsigned char)i);
    free(of_thread[i]);
  }
}

static void over_a_fork(void) {
  static unsigned char* blocks[kBlocks];
  weir_scope* scope = weir_scope_enter("requests");
  fill(blocks);
  const pid_t pid = fork();
  for (size_t i = 0; i < kBlocks; ++i) CHECK(blocks[i][0] == (unsigned char)i);
  const int left = weir_scope_leave(scope);
  CHECK(left == ruled);
  if (!left) release(blocks);
  if (pid == 0) exit(check_result());
  int status = 1;
  CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(int argc, char** argv) {
  ruled = argc > 1 && atoi(argv[1]);
  pthread_barrier_init(&barrier, NULL, 2);
  what_each_call_answers();
  rounds();
  nested();
  left_open_by_a_thread();
  over_a_fork();
  return check_result();
}
