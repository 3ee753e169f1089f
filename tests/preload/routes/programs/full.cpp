// A buffer of 256 KiB that answers null when it is full: ENOMEM and bad_alloc, room again for what is
// released last, all of it again when all is released, growth in place of the last block. Other blocks are
// not concerned.
//
// args: the call that fills it at last and must not come back (`abort`), or nothing
#include <new>

#include "../../check.h"

namespace {

constexpr std::size_t kBytes = 4000;  // of each block; the rule holds for 4000 to 8000
constexpr unsigned kMost = 100;       // more than fit in
void* blocks[kMost];

unsigned fill_up() {
  unsigned count = 0;
  errno = 0;
  while (count < kMost && (blocks[count] = malloc(kBytes)) != nullptr) memset(blocks[count++], 5, kBytes);
  CHECK(count < kMost && errno == ENOMEM);
  return count;
}

void release_all(unsigned count) {
  while (count > 0) free(blocks[--count]);
}

template <class Call>
void throws_bad_alloc(Call call) {
  bool thrown = false;
  try {
    opaque(call());
  } catch (const std::bad_alloc&) {
    thrown = true;
  }
  CHECK(thrown);
}

void is_full() {
  errno = 0;
  CHECK(opaque(malloc(kBytes)) == nullptr && errno == ENOMEM);
  errno = 0;
  CHECK(opaque(calloc(1, kBytes)) == nullptr && errno == ENOMEM);
  errno = 0;
  CHECK(opaque(aligned_alloc(64, kBytes)) == nullptr && errno == ENOMEM);
  void* untouched = blocks;
  errno = 0;
  CHECK(posix_memalign(&untouched, 64, kBytes) == ENOMEM && errno == 0 && untouched == blocks);
  CHECK(opaque(::operator new(kBytes, std::nothrow)) == nullptr);
  throws_bad_alloc([] { return ::operator new(kBytes); });
  throws_bad_alloc([] { return ::operator new[](kBytes); });
  throws_bad_alloc([] { return ::operator new (kBytes, std::align_val_t{64}); });
  // What grows into the rule's sizes is refused too, and stays what it was.
  auto* small = static_cast<char*>(malloc(100));
  CHECK(small != nullptr);
  strcpy(small, "kept");
  errno = 0;
  CHECK(opaque(realloc(small, kBytes)) == nullptr && errno == ENOMEM && strcmp(small, "kept") == 0);
  free(small);
  void* large = malloc(1 << 20);
  CHECK(large != nullptr);
  free(large);
}

// What is released last is the first to be had again, and the last block grows where it is.
void last_in_first_out(unsigned count) {
  free(blocks[count - 1]);
  blocks[count - 1] = malloc(kBytes);
  CHECK(blocks[count - 1] != nullptr);
  CHECK(opaque(malloc(kBytes)) == nullptr);

  for (unsigned i = 1; i <= 10; ++i) free(blocks[count - i]);
  for (unsigned i = 10; i >= 1; --i) {
    blocks[count - i] = malloc(kBytes);
    CHECK(blocks[count - i] != nullptr);
  }
  CHECK(opaque(malloc(kBytes)) == nullptr);

  free(blocks[count - 1]);
  free(blocks[count - 2]);
  void* last = malloc(kBytes);
  void* grown = realloc(last, kBytes + 2000);
  CHECK(grown == last && grown != nullptr);  // nothing lies behind it
  memset(grown, 6, kBytes + 2000);
  blocks[count - 2] = grown;
  release_all(count - 1);
  CHECK(fill_up() == count);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const unsigned count = fill_up();
  CHECK(count >= 40 && count <= 65);
  if (strcmp(argv[1], "abort") == 0) return 0;
  is_full();
  if (strcmp(argv[1], "fixed") == 0) last_in_first_out(count);
  for (unsigned i = 0; i < count; ++i) free(blocks[i]);  // first in, first out: the last one empties it
  CHECK(fill_up() == count);
  release_all(count);
  return check_result();
}
