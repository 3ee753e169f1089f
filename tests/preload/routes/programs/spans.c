// Four threads take and release blocks of 64 KiB to 1 MiB as fast as they can, and hand some to each other:
// what lies under the routes splits and merges all the time. Each block holds its own number in every 16 KiB.
// SPANS (rounds of each thread, default 30000) in the environment.
#include "../../check.h"

enum { kThreads = 4, kHeld = 12, kStep = 16 << 10 };

struct Block {
  unsigned char* at;
  size_t bytes;
  uint64_t number;
};

static struct Block handed[kThreads];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int rounds = 30000;

static void stamp(struct Block* block) {
  for (size_t i = 0; i + 8 <= block->bytes; i += kStep) memcpy(block->at + i, &block->number, 8);
}

static void release(struct Block* block) {
  if (block->at == NULL) return;
  for (size_t i = 0; i + 8 <= block->bytes; i += kStep) {
    if (memcmp(block->at + i, &block->number, 8) == 0) continue;
    fprintf(stderr, "block %p of %zu bytes was overwritten at %zu\n", (void*)block->at, block->bytes, i);
    abort();
  }
  free(block->at);
  block->at = NULL;
}

static void* work(void* number) {
  uint64_t random = (uintptr_t)number * 0x9e3779b97f4a7c15;
  struct Block held[kHeld] = {0};
  for (int round = 0; round < rounds; ++round) {
    random = random * 6364136223846793005 + 1442695040888963407;
    struct Block* block = &held[(random >> 33) % kHeld];
    release(block);
    block->bytes = (size_t)(65 << 10) << (random >> 40) % 4;
    block->bytes -= (random >> 44) % 1000;
    block->at = malloc(block->bytes);
    CHECK(block->at != NULL);
    block->number = random;
    stamp(block);
    if ((random >> 50) % 4 != 0) continue;
    pthread_mutex_lock(&lock);
    const struct Block theirs = handed[(random >> 52) % kThreads];
    handed[(random >> 52) % kThreads] = *block;
    pthread_mutex_unlock(&lock);
    *block = theirs;
  }
  for (int i = 0; i < kHeld; ++i) release(&held[i]);
  return NULL;
}

int main(void) {
  if (getenv("SPANS") != NULL) rounds = atoi(getenv("SPANS"));
  pthread_t threads[kThreads];
  for (uintptr_t i = 0; i < kThreads; ++i) pthread_create(&threads[i], NULL, work, (void*)(i + 1));
  for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
  for (int i = 0; i < kThreads; ++i) release(&handed[i]);
  return check_result();
}
