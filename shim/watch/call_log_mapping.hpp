// One process's mappings of the call log's two newest files, and the threads that write there.
//
// A thread may stand still within a line for as long as it likes, and others make file after file full
// meanwhile. So each mapping counts who is in it, in this process alone: a mapping that nobody is in goes
// when its file is no longer one of the two; one that somebody is in becomes memory that nobody reads, as
// that file is deleted by then, and goes when they have left.
//
// The count comes first and then whether the mapping is the right one, against the number that is taken away
// first and then the count that is read: no thread gets into a mapping that goes. A thread that never comes
// back (it left a handler by longjmp, or another thread of a parent's when it forked) costs address space
// for one file.
//
// LogMappings::Entry: any thread, async-signal-safe. The others: under the log's lock. Never calls malloc.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <new>
#include <utility>

#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"

namespace weir::call_log {

class LogMapping {
 private:
  friend class LogMappings;

  // The file's first byte if this is the mapping of the n-th file, which then stays until leave(); nullptr.
  char* enter(std::uint64_t number) noexcept {
    count().fetch_add(1, std::memory_order_seq_cst);
    if (number_.load(std::memory_order_seq_cst) == number) return start_.load(std::memory_order_relaxed);
    leave();
    return nullptr;
  }
  void leave() noexcept { count().fetch_sub(1, std::memory_order_release); }

  static constexpr unsigned kCounts = 8;
  struct alignas(64) Count {
    std::atomic<std::uint32_t> threads;
  };

  // Of some threads: all of them at one count would wait for its cache line.
  std::atomic<std::uint32_t>& count() noexcept {
    const auto self = reinterpret_cast<std::uint64_t>(__builtin_thread_pointer());
    return counts_[self * 0x9e3779b97f4a7c15u >> 61].threads;
  }

  bool is_empty() const noexcept {
    for (const Count& c : counts_) {
      if (c.threads.load(std::memory_order_seq_cst) != 0) return false;
    }
    return true;
  }

  Count counts_[kCounts]{};
  std::atomic<std::uint64_t> number_ = 0;  // of the file, from 1 on; 0: nobody gets in
  std::atomic<char*> start_ = nullptr;
  LogMapping* next_ = nullptr;  // of all that there are
};

class LogMappings {
 public:
  // For one line of the n-th file. Its mapping stays while this lives.
  class Entry {
   public:
    Entry(LogMappings& mappings, std::uint64_t number) noexcept
        : mapping_(mappings.newest_[number % 2].load(std::memory_order_acquire)),
          start_(mapping_->enter(number)) {}
    Entry() noexcept = default;
    Entry(Entry&& other) noexcept : mapping_(other.mapping_), start_(std::exchange(other.start_, nullptr)) {}
    Entry& operator=(Entry&& other) noexcept {
      std::swap(mapping_, other.mapping_);
      std::swap(start_, other.start_);
      return *this;
    }
    ~Entry() {
      if (start_ != nullptr) mapping_->leave();
    }

    // The file's first byte; nullptr where it is not mapped.
    char* start() const noexcept { return start_; }

   private:
    LogMapping* mapping_ = nullptr;
    char* start_ = nullptr;
  };

  // Maps the file of `bytes` in place of that of two files before. False where there is no memory for it.
  bool add(int fd, std::uint64_t number, std::uint64_t bytes) noexcept {
    LogMapping* made = unused(bytes);
    if (made == nullptr) return false;
    const long got = sys::call(SYS_mmap, 0, static_cast<long>(bytes), PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (got < 0 && got > -4096) return false;
    made->start_.store(reinterpret_cast<char*>(got), std::memory_order_seq_cst);
    made->number_.store(number, std::memory_order_seq_cst);
    retire(*newest_[number % 2].exchange(made, std::memory_order_seq_cst), bytes);
    return true;
  }

  // In a child that goes on with a file of its own: none of its parent's.
  void forget(std::uint64_t bytes) noexcept {
    for (auto& mapping : newest_) retire(*mapping.exchange(&none_, std::memory_order_seq_cst), bytes);
  }

 private:
  static void unmap(LogMapping& m, std::uint64_t bytes) noexcept {
    char* start = m.start_.exchange(nullptr, std::memory_order_relaxed);
    if (start != nullptr) sys::call(SYS_munmap, sys::as_word(start), static_cast<long>(bytes));
  }

  static void retire(LogMapping& m, std::uint64_t bytes) noexcept {
    m.number_.store(0, std::memory_order_seq_cst);
    if (m.is_empty()) return unmap(m, bytes);
    char* start = m.start_.load(std::memory_order_relaxed);
    if (start == nullptr) return;
    sys::call(SYS_mmap, sys::as_word(start), static_cast<long>(bytes), PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  }

  LogMapping* unused(std::uint64_t bytes) noexcept {
    for (LogMapping* m = all_; m != nullptr; m = m->next_) {
      if (m->number_.load(std::memory_order_relaxed) != 0 || !m->is_empty()) continue;
      unmap(*m, bytes);
      return m;
    }
    void* const memory = table_zone.map(sizeof(LogMapping));
    if (memory == nullptr) return nullptr;
    auto* const made = new (memory) LogMapping;
    made->next_ = all_;
    all_ = made;
    return made;
  }

  LogMapping none_;                                        // of no file
  std::atomic<LogMapping*> newest_[2] = {&none_, &none_};  // by the parity of their number
  LogMapping* all_ = nullptr;
};

}  // namespace weir::call_log
