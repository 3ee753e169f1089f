// Blocks made by one thread and freed, grown or measured by another.
//: modes native leak pass
#include "../check.h"

enum { kSlots = 1024 };
static void* slots[kSlots];
static int rounds;

static void* exchange(void* seed) {
  unsigned state = (unsigned)(uintptr_t)seed;
  for (int i = 0; i < rounds; ++i) {
    state = state * 1664525 + 1013904223;
    const size_t bytes = (state >> 16) % 600 + 8;
    unsigned char* fresh = malloc(bytes);
    fresh[0] = fresh[bytes - 1] = (unsigned char)bytes;
    *(uint32_t*)(fresh + 4) = (uint32_t)bytes;
    fresh[bytes - 1] = (unsigned char)bytes;
    unsigned char* old = __atomic_exchange_n(&slots[state % kSlots], fresh, __ATOMIC_ACQ_REL);
    if (old == NULL) continue;
    CHECK(malloc_usable_size(old) >= 8);
    if (i % 7 == 0) old = realloc(old, 1000);
    free(old);
  }
  return NULL;
}

int main(void) {
  rounds = times_to_repeat(80000, 200000);
  pthread_t threads[8];
  for (uintptr_t i = 0; i < 8; ++i) pthread_create(&threads[i], NULL, exchange, (void*)(i + 1));
  for (int i = 0; i < 8; ++i) pthread_join(threads[i], NULL);
  for (int i = 0; i < kSlots; ++i) free(slots[i]);
  return check_result();
}
