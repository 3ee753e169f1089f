// valloc aligns to pages, pvalloc rounds up to whole ones.
//: modes native leak pass
#include "../check.h"

int main(void) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  for (size_t bytes = 0; bytes < 5 * page; bytes += 1001) {
    char* block = valloc(bytes);
    CHECK(block != NULL && (uintptr_t)block % page == 0);
    memset(block, 1, bytes);
    free(block);
    block = pvalloc(bytes);
    const size_t whole = (bytes + page - 1) / page * page;
    CHECK(block != NULL && (uintptr_t)block % page == 0 && malloc_usable_size(block) >= whole);
    memset(block, 1, whole);
    free(block);
  }
  return check_result();
}
