// Random heap calls, checked against a model: every block knows its size, alignment and contents, and each is
// looked at before it is resized or released. Threads hand blocks to each other, end while theirs live on,
// and fork.
//
// FUZZ_SEED (default 1), FUZZ_OPERATIONS (of each thread in each generation) and FUZZ_THREADS come from the
// environment; a failure prints the seed. With one thread a seed always does the same.
#include <cstddef>
#include <cstdint>
#include <new>

#include "../../check.h"

namespace {

constexpr unsigned kMostThreads = 8;
constexpr unsigned kSlots = 1500;
constexpr unsigned kGenerations = 6;
constexpr std::size_t kBudget = 24u << 20;  // bytes that a worker holds before it releases more than it takes
constexpr std::size_t kWhole = 4096;  // bytes at the front that hold the pattern; beyond, one in kStride
constexpr std::size_t kStride = 1021;
constexpr std::size_t kBack = 64;

enum class Release : std::uint8_t { kFree, kDelete, kDeleteArray, kDeleteAligned, kDeleteArrayAligned };

struct Block {
  unsigned char* at = nullptr;
  std::size_t bytes = 0;
  std::size_t alignment = 16;
  std::uint32_t tag = 0;
  Release release = Release::kFree;
};

// Blocks on their way to a worker. Static, as are the workers: a block in them is reachable whoever holds it.
struct Mailbox {
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  Block blocks[256];
  unsigned count = 0;
};

struct Worker {
  std::uint64_t random = 0;
  Block held[kSlots];
  std::size_t bytes = 0;
  unsigned index = 0;
  unsigned forks_left = 0;
};

Mailbox mailboxes[kMostThreads];
Worker workers[kMostThreads];
unsigned long seed = 1;
unsigned long operations = 4000;
unsigned thread_count = 4;
// glibc, when it turns from one of its arenas to another, sets errno though it succeeds.
bool preloaded = false;

unsigned long from_environment(const char* name, unsigned long otherwise) {
  const char* text = getenv(name);
  return text == nullptr ? otherwise : strtoul(text, nullptr, 10);
}

[[noreturn]] void fail(const Block& block, const char* what) {
  fprintf(stderr,
          "FUZZ_SEED=%lu FUZZ_OPERATIONS=%lu FUZZ_THREADS=%u: %s: block %p of %zu bytes, aligned to %zu\n",
          seed, operations, thread_count, what, static_cast<void*>(block.at), block.bytes, block.alignment);
  abort();
}

// xorshift64* (Vigna 2014).
std::uint64_t next(Worker& self) {
  self.random ^= self.random >> 12;
  self.random ^= self.random << 25;
  self.random ^= self.random >> 27;
  return self.random * 0x2545f4914f6cdd1d;
}

std::size_t below(Worker& self, std::size_t limit) {
  return (next(self) >> 16) % limit;
}

// Log-distributed: most below 8 KiB, one in 64 up to 8 MiB.
std::size_t some_size(Worker& self) {
  const unsigned bits = below(self, 64) == 0 ? 23 : 14;
  const std::size_t top = std::size_t{1} << below(self, bits);
  return top - 1 + (top > 1 ? below(self, top) : 0);
}

std::size_t some_alignment(Worker& self) {
  return std::size_t{8} << below(self, below(self, 16) == 0 ? 20 : 10);
}

unsigned char pattern(const Block& block, std::size_t i) {
  return static_cast<unsigned char>(block.tag + i * 7 + (i >> 8));
}

// Calls visit with each offset under limit at which a block of these bytes holds its pattern.
template <class Visit>
void visit_offsets(std::size_t bytes, std::size_t limit, Visit visit) {
  const std::size_t end = bytes < limit ? bytes : limit;
  for (std::size_t i = 0; i < end && i < kWhole; ++i) visit(i);
  for (std::size_t i = kWhole; i < end; i += kStride) visit(i);
  for (std::size_t i = bytes > kWhole + kBack ? bytes - kBack : kWhole; i < end; ++i) visit(i);
}

void fill(Worker& self, Block& block) {
  block.tag = static_cast<std::uint32_t>(next(self) >> 8);
  visit_offsets(block.bytes, block.bytes, [&](std::size_t i) { block.at[i] = pattern(block, i); });
}

void expect_contents(const Block& block, std::size_t limit, const unsigned char* at, const char* when) {
  visit_offsets(block.bytes, limit, [&](std::size_t i) {
    if (at[i] != pattern(block, i)) fail(block, when);
  });
}

void expect_zeroes(const Block& block) {
  visit_offsets(block.bytes, block.bytes, [&](std::size_t i) {
    if (block.at[i] != 0) fail(block, "calloc's block is not zero");
  });
}

void expect_whole(const Block& block, const char* when) {
  if (reinterpret_cast<std::uintptr_t>(block.at) % block.alignment != 0) fail(block, "misaligned");
  if (malloc_usable_size(block.at) < block.bytes) fail(block, "usable size below the size");
  expect_contents(block, block.bytes, block.at, when);
}

Block allocate(Worker& self) {
  Block block;
  block.bytes = some_size(self);
  void* got = nullptr;
  bool zeroed = false;
  errno = 0;
  switch (below(self, 16)) {
    case 0:
    case 1:
      zeroed = true;
      got = calloc(1, block.bytes);
      break;
    case 2:
      zeroed = true;
      got = calloc(block.bytes / 8 + 1, 8);
      break;
    case 3:
      got = realloc(nullptr, block.bytes);
      break;
    case 4:
      block.alignment = some_alignment(self);
      if (posix_memalign(&got, block.alignment, block.bytes) != 0) got = nullptr;
      break;
    case 5:
      block.alignment = some_alignment(self);
      got = aligned_alloc(block.alignment, block.bytes);
      break;
    case 6:
      block.alignment = some_alignment(self);
      got = memalign(block.alignment, block.bytes);
      break;
    case 7:
    case 8:
      block.release = Release::kDelete;
      got = ::operator new(block.bytes);
      break;
    case 9:
      block.release = Release::kDeleteArray;
      got = ::operator new[](block.bytes, std::nothrow);
      break;
    case 10:
      block.release = Release::kDeleteAligned;
      block.alignment = some_alignment(self);
      got = ::operator new (block.bytes, std::align_val_t{block.alignment});
      break;
    case 11:
      block.release = Release::kDeleteArrayAligned;
      block.alignment = some_alignment(self);
      got = ::operator new[](block.bytes, std::align_val_t{block.alignment}, std::nothrow);
      break;
    default:
      got = malloc(block.bytes);
      break;
  }
  block.at = static_cast<unsigned char*>(opaque(got));
  if (block.at == nullptr) fail(block, "no block");
  if (errno != 0 && preloaded) fail(block, "a call that succeeds sets errno");
  if (block.alignment < 16) block.alignment = 16;  // glibc aligns every block so
  if (zeroed) expect_zeroes(block);
  if (below(self, 4) == 0) block.bytes = malloc_usable_size(block.at);
  fill(self, block);
  expect_whole(block, "just filled");
  return block;
}

void release(Worker& self, Block& block) {
  expect_whole(block, "before its release");
  errno = 4321;
  switch (block.release) {
    case Release::kFree:
      free(block.at);
      break;
    case Release::kDelete:
      ::operator delete(block.at);
      break;
    case Release::kDeleteArray:
      ::operator delete[](block.at);
      break;
    case Release::kDeleteAligned:
      ::operator delete (block.at, std::align_val_t{block.alignment});
      break;
    case Release::kDeleteArrayAligned:
      ::operator delete[](block.at, std::align_val_t{block.alignment});
      break;
  }
  if (errno != 4321) fail(block, "a release sets errno");
  self.bytes -= block.bytes;
  block = Block{};
}

void resize(Worker& self, Block& block) {
  expect_whole(block, "before its resize");
  const std::size_t wanted = below(self, 3) == 0 ? block.bytes + below(self, 200) : some_size(self) + 1;
  errno = 0;
  auto* moved = static_cast<unsigned char*>(
      opaque(below(self, 8) == 0 ? reallocarray(block.at, wanted, 1) : realloc(block.at, wanted)));
  if (wanted == 0) {  // glibc releases the block then
    if (moved != nullptr || errno != 0) fail(block, "realloc to nothing");
    self.bytes -= block.bytes;
    block = Block{};
    return;
  }
  if (moved == nullptr || (errno != 0 && preloaded)) fail(block, "realloc fails");
  expect_contents(block, wanted, moved, "after realloc");
  self.bytes += wanted - block.bytes;
  block.at = moved;
  block.bytes = wanted;
  block.alignment = 16;
  fill(self, block);
  expect_whole(block, "resized");
}

// More than there can be is refused, and what was there stays.
void ask_too_much(Worker& self, const Block& block) {
  const std::size_t much = opaque_size(PTRDIFF_MAX) + below(self, 1000) * 16 + 1;
  errno = 0;
  if (opaque(malloc(much)) != nullptr || errno != ENOMEM) fail(block, "malloc of too much");
  if (block.at == nullptr || block.release != Release::kFree) return;
  errno = 0;
  if (opaque(realloc(block.at, much)) != nullptr || errno != ENOMEM) fail(block, "realloc to too much");
  expect_whole(block, "after a realloc that failed");
}

void send(Worker& self, Block& block) {
  Mailbox& to = mailboxes[below(self, thread_count)];
  pthread_mutex_lock(&to.lock);
  if (to.count < sizeof to.blocks / sizeof *to.blocks) {
    self.bytes -= block.bytes;
    to.blocks[to.count++] = block;
    block = Block{};
  }
  pthread_mutex_unlock(&to.lock);
}

void receive(Worker& self, Block& slot) {
  Mailbox& from = mailboxes[self.index];
  pthread_mutex_lock(&from.lock);
  if (from.count > 0) {
    slot = from.blocks[--from.count];
    from.blocks[from.count] = Block{};
    self.bytes += slot.bytes;
  }
  pthread_mutex_unlock(&from.lock);
}

void release_all(Worker& self, unsigned one_in = 1) {
  for (Block& block : self.held) {
    if (block.at != nullptr && below(self, one_in) == 0) release(self, block);
  }
}

void* release_rest(void* worker) {
  release_all(*static_cast<Worker*>(worker));
  return nullptr;
}

// The child of a fork holds what its parent held: it checks all of it and lives on, with a thread of its own.
[[noreturn]] void live_as_child(Worker& self) {
  for (const Block& block : self.held) {
    if (block.at != nullptr) expect_whole(block, "in a forked child");
  }
  release_all(self, 2);
  for (unsigned i = 0; i < 200; ++i) {
    Block& slot = self.held[below(self, kSlots)];
    if (slot.at != nullptr) release(self, slot);
    slot = allocate(self);
    self.bytes += slot.bytes;
  }
  pthread_t thread{};
  if (pthread_create(&thread, nullptr, release_rest, &self) != 0) _exit(3);
  pthread_join(thread, nullptr);
  if (below(self, 2) == 0) _exit(0);
  exit(0);
}

void fork_once(Worker& self) {
  const pid_t pid = fork();
  if (pid == 0) live_as_child(self);
  int status = 1;
  if (waitpid(pid, &status, 0) != pid || status != 0) {
    fprintf(stderr, "FUZZ_SEED=%lu: a forked child ends with status %#x\n", seed, status);
    abort();
  }
  next(self);
}

void operate(Worker& self) {
  Block& slot = self.held[below(self, kSlots)];
  if (self.bytes > kBudget && slot.at != nullptr) {
    release(self, slot);
  } else if (slot.at == nullptr) {
    if (below(self, 4) == 0) receive(self, slot);
    if (slot.at != nullptr) return;
    slot = allocate(self);
    self.bytes += slot.bytes;
  } else if (const std::size_t what = below(self, 16); what < 6) {
    release(self, slot);
  } else if (what < 10 && slot.release == Release::kFree) {
    resize(self, slot);
  } else if (what < 13) {
    send(self, slot);
  } else if (what == 13 && below(self, 16) == 0) {
    ask_too_much(self, slot);
  } else {
    expect_whole(slot, "while it is held");
  }
}

void* work(void* worker) {
  auto& self = *static_cast<Worker*>(worker);
  if (self.index % 2 == 1) pthread_setname_np(pthread_self(), "worker");
  const unsigned long fork_every = operations / 2 + 1;
  for (unsigned long i = 1; i <= operations; ++i) {
    operate(self);
    if (i % fork_every == self.index * 97 % fork_every && self.forks_left > 0) {
      --self.forks_left;
      fork_once(self);
    }
  }
  if (below(self, 3) == 0) release_all(self, 3);
  return nullptr;
}

}  // namespace

int main() {
  seed = from_environment("FUZZ_SEED", seed);
  operations = from_environment("FUZZ_OPERATIONS", operations);
  thread_count = static_cast<unsigned>(from_environment("FUZZ_THREADS", thread_count));
  preloaded = getenv("LD_PRELOAD") != nullptr;
  if (thread_count == 0 || thread_count > kMostThreads) return 2;
  for (unsigned i = 0; i < thread_count; ++i) {
    workers[i].random = (seed * kMostThreads + i + 1) * 0x9e3779b97f4a7c15;
    workers[i].index = i;
    workers[i].forks_left = 3;
  }
  for (unsigned generation = 0; generation < kGenerations; ++generation) {
    pthread_t threads[kMostThreads];
    for (unsigned i = 0; i < thread_count; ++i) {
      if (pthread_create(&threads[i], nullptr, work, &workers[i]) != 0) return 3;
    }
    for (unsigned i = 0; i < thread_count; ++i) pthread_join(threads[i], nullptr);
  }
  for (unsigned i = 0; i < thread_count; ++i) {
    release_all(workers[i]);
    while (mailboxes[i].count > 0) {
      Block& block = mailboxes[i].blocks[--mailboxes[i].count];
      workers[i].bytes += block.bytes;
      release(workers[i], block);
    }
  }
  return 0;
}
