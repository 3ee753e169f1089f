#include "core/pages.hpp"

#include <sys/mman.h>

#include <cerrno>

namespace weir {
namespace {

// mmap with errno kept: allocation paths decide themselves what the program sees there.
void* map(void* at, std::size_t bytes, int protection, int flags) noexcept {
  const int saved = errno;
  void* p = ::mmap(at, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
  errno = saved;
  return p == MAP_FAILED ? nullptr : p;
}

}  // namespace

void* map_pages(std::size_t bytes) noexcept {
  return map(nullptr, bytes, PROT_READ | PROT_WRITE, 0);
}

void* reserve_pages(std::size_t bytes) noexcept {
  return map(nullptr, bytes, PROT_NONE, 0);
}

bool commit_pages(void* address, std::size_t bytes) noexcept {
  const int saved = errno;
  const bool done = ::mprotect(address, bytes, PROT_READ | PROT_WRITE) == 0;
  errno = saved;
  return done;
}

bool decommit_pages(void* address, std::size_t bytes) noexcept {
  return map(address, bytes, PROT_NONE, MAP_FIXED) != nullptr;
}

void unmap_pages(void* address, std::size_t bytes) noexcept {
  const int saved = errno;
  ::munmap(address, bytes);
  errno = saved;
}

bool grow_pages(void* address, std::size_t bytes, std::size_t more_bytes) noexcept {
  const int saved = errno;
  const bool done = ::mremap(address, bytes, more_bytes, 0) != MAP_FAILED;
  errno = saved;
  return done;
}

bool move_pages(void* address, std::size_t bytes, void* onto, std::size_t onto_bytes) noexcept {
  const int saved = errno;
  const bool done = ::mremap(address, bytes, onto_bytes, MREMAP_MAYMOVE | MREMAP_FIXED, onto) != MAP_FAILED;
  errno = saved;
  return done;
}

}  // namespace weir
