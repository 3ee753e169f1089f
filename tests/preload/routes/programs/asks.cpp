// Asks for blocks of kProbe bytes (or as told) by each call there is, and prints those that answer null:
// under a rule that gives null when its buffer of fewer bytes is full, those that the rule holds for.
//
// args: BYTES ALIGNMENT
#include <new>

#include "../../check.h"

int main(int argc, char** argv) {
  const std::size_t bytes = argc > 1 ? strtoul(argv[1], nullptr, 10) : 8192;
  const std::size_t alignment = argc > 2 ? strtoul(argv[2], nullptr, 10) : 64;
  const std::align_val_t aligned{alignment};
  char answers[512] = "";  // printed at the end: stdio's own buffer is a block too
  const auto tell = [&](const char* name, void* block) {
    if (opaque(block) == nullptr) strcat(strcat(answers, answers[0] != '\0' ? " " : ""), name);
  };
  const auto tell_free = [&](const char* name, void* block) {
    tell(name, block);
    free(block);
  };
  tell_free("malloc", malloc(bytes));
  tell_free("calloc", calloc(1, bytes));
  void* small = malloc(1);
  void* moved = realloc(small, bytes);  // which asks anew for what must move
  tell("realloc", moved);
  free(moved != nullptr ? moved : small);
  tell_free("memalign", memalign(alignment, bytes));
  tell_free("aligned_alloc", aligned_alloc(alignment, bytes));
  void* block = nullptr;
  const int error = posix_memalign(&block, alignment, bytes);
  CHECK(error == 0 || error == ENOMEM);
  tell_free("posix_memalign", error == 0 ? block : nullptr);
  block = ::operator new(bytes, std::nothrow);
  tell("new", block);
  ::operator delete(block);
  block = ::operator new[](bytes, std::nothrow);
  tell("new[]", block);
  ::operator delete[](block);
  block = ::operator new(bytes, aligned, std::nothrow);
  tell("aligned_new", block);
  ::operator delete(block, aligned);
  block = ::operator new[](bytes, aligned, std::nothrow);
  tell("aligned_new[]", block);
  ::operator delete[](block, aligned);
  puts(answers);
  return check_result();
}
