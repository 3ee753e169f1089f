// The functions that ask about the heap can be called, and say what is plausible.
//: modes native leak pass
//: stderr .
//: flags -Wno-deprecated-declarations
#include "../check.h"

int main(void) {
  void* big = opaque(malloc(10 << 20));
  struct mallinfo2 now = mallinfo2();
  CHECK(now.uordblks + now.hblkhd >= 10u << 20);
  struct mallinfo old = mallinfo();
  CHECK(old.uordblks + old.hblkhd >= 10 << 20);
  free(big);
  CHECK(mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1);
  const int trimmed = malloc_trim(0);
  CHECK(trimmed == 0 || trimmed == 1);
  malloc_stats();

  char* text = NULL;
  size_t bytes = 0;
  FILE* to = open_memstream(&text, &bytes);
  errno = 0;
  CHECK(malloc_info(0, to) == 0);
  fclose(to);
  CHECK(bytes > 20 && strstr(text, "<malloc") == text && strstr(text, "</malloc>") != NULL);
  free(text);
  to = fopen("/dev/null", "w");
  CHECK(malloc_info(1, to) == EINVAL);
  fclose(to);
  return check_result();
}
