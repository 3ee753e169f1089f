// A block that one family made and another ends: mismatches MADE BYTES ENDED [SIZE [ALIGNMENT]]
// MADE: see blocks.h. ENDED: free, realloc, delete, delete[], each `_sized`, `_aligned`, `_sized_aligned`.
#include "blocks.h"

template <typename Function>
static Function* exported(const char* name) {
  void* found = dlsym(RTLD_DEFAULT, name);  // glibc 2.36 has neither free_sized nor free_aligned_sized
  require(found != nullptr, name);
  return reinterpret_cast<Function*>(found);
}

FRAME static void end(const char* ended, char* block, std::size_t size, std::align_val_t alignment) {
  if (is(ended, "free")) free(block);
  if (is(ended, "realloc")) free(opaque(realloc(block, 200)));
  if (is(ended, "free_sized")) exported<void(void*, std::size_t)>("free_sized")(block, size);
  if (is(ended, "free_aligned_sized")) {
    exported<void(void*, std::size_t, std::size_t)>("free_aligned_sized")(
        block, static_cast<std::size_t>(alignment), size);
  }
  if (is(ended, "delete")) operator delete(block);
  if (is(ended, "delete[]")) operator delete[](block);
  if (is(ended, "delete_nothrow")) operator delete(block, std::nothrow);
  if (is(ended, "delete_sized")) operator delete(block, size);
  if (is(ended, "delete[]_sized")) operator delete[](block, size);
  if (is(ended, "delete_aligned")) operator delete(block, alignment);
  if (is(ended, "delete[]_aligned")) operator delete[](block, alignment);
  if (is(ended, "delete_sized_aligned")) operator delete(block, size, alignment);
  if (is(ended, "delete[]_sized_aligned")) operator delete[](block, size, alignment);
}

int fault(int argc, char** argv) {
  require(argc >= 4 && argc <= 6, "mismatches MADE BYTES ENDED [SIZE [ALIGNMENT]]");
  std::size_t bytes = number(argv[2]);
  char* block = make(argv[1], bytes);
  end(argv[3], block, argc > 4 ? number(argv[4]) : bytes,
      std::align_val_t(argc > 5 ? number(argv[5]) : WIDE));
  return 0;
}
