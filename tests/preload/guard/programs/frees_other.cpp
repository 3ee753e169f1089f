// A call that takes a block gets something else: frees_other WHAT CALL
// WHAT: block (nothing is wrong), or where the address lies.
// CALL: free, realloc, usable_size, delete, delete[].
#include <sys/mman.h>

#include "blocks.h"

static char storage[100];
static char* volatile block;
static char* volatile moved;

static char* address_of(const char* what, char* local) {
  if (is(what, "block")) return block;
  if (is(what, "stack")) return local + 16;
  if (is(what, "static")) return storage + 16;
  if (is(what, "constant")) return const_cast<char*>("a text that nobody may free");
  if (is(what, "code")) return reinterpret_cast<char*>(&address_of);
  if (is(what, "environment")) return getenv("WHERE");
  if (is(what, "far")) return reinterpret_cast<char*>(0x10);
  if (is(what, "wild")) return reinterpret_cast<char*>(0x123456789000);
  if (is(what, "beyond")) return block + (std::size_t{1} << 36);
  if (is(what, "mapping") || is(what, "inside_mapping")) {
    void* pages = mmap(nullptr, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(pages != MAP_FAILED, "mmap");
    return static_cast<char*>(pages) + (is(what, "mapping") ? 0 : 16);
  }
  if (strncmp(what, "freed", 5) == 0) {
    drop("malloc", block);
    return block + number(what + 5);
  }
  return block + number(what);  // an offset
}

FRAME static void misuse(const char* call, char* address) {
  address = opaque(address);
  if (is(call, "free")) free(address);
  if (is(call, "realloc")) moved = static_cast<char*>(realloc(address, 30));
  if (is(call, "usable_size")) require(malloc_usable_size(address) < 1000000000, call);
  if (is(call, "delete")) operator delete(address);
  if (is(call, "delete[]")) operator delete[](address);
}

int fault(int argc, char** argv) {
  require(argc == 3, "frees_other WHAT CALL");
  char local[100];
  block = make(is(argv[2], "delete") ? "new" : is(argv[2], "delete[]") ? "new[]" : "malloc", 100);
  misuse(argv[2], address_of(argv[1], opaque(local)));
  return 0;
}
