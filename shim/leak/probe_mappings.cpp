#include "shim/leak/probe_mappings.hpp"

#include <errno.h>
#include <sys/mman.h>

#include "shim/base/readable.hpp"
#include "shim/base/sys.hpp"

namespace weir {
namespace {

constexpr std::uint64_t kProbePage = 4096;
constexpr std::uint64_t kLowest = std::uint64_t{1} << 16;  // below, nothing is mapped
constexpr std::uint64_t kEnd = (std::uint64_t{1} << 47) - kProbePage;

enum class Fill : std::uint8_t { kNone, kAll, kSome, kUnknown };

Fill fill_of(std::uint64_t start, std::uint64_t end) noexcept {
  const auto bytes = static_cast<long>(end - start);
  const auto at = static_cast<long>(start);
  long all = sys::call(SYS_msync, at, bytes, MS_ASYNC);
  // Filters know this one better. What it takes back is advice.
  if (all == -EPERM) all = sys::call(SYS_madvise, at, bytes, MADV_NORMAL);
  if (all == 0) return Fill::kAll;
  if (all != -ENOMEM) return Fill::kUnknown;
  const long got = sys::call(SYS_mmap, at, bytes, PROT_NONE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (got == -EEXIST) return Fill::kSome;
  if (got < 0 && got > -4096) return Fill::kUnknown;
  sys::call(SYS_munmap, got, bytes);
  return got == at ? Fill::kNone : Fill::kUnknown;  // a kernel that does not know to give way
}

class Prober {
 public:
  Prober(bool (*add)(void*, const Mapping&) noexcept, void* to) noexcept : add_(add), to_(to) {}

  // False where it cannot be found out.
  bool probe(std::uint64_t start, std::uint64_t end) noexcept {
    switch (fill_of(start, end)) {
      case Fill::kNone:
        return true;
      case Fill::kAll:
        return add_readable(start, end);
      case Fill::kUnknown:
        return false;
      case Fill::kSome:
        break;
    }
    const std::uint64_t middle = start + (end - start) / 2 / kProbePage * kProbePage;
    if (middle == start) return false;
    return probe(start, middle) && probe(middle, end);
  }

  bool finish() noexcept { return last_.end == 0 || add_(to_, last_); }

 private:
  // What lies side by side is one mapping.
  bool add_readable(std::uint64_t start, std::uint64_t end) noexcept {
    for (std::uint64_t at = start; at < end; at += kProbePage) {
      if (!is_readable(at + kProbePage - 8)) continue;
      if (last_.end != at) {
        if (!finish()) return false;
        last_ = {at, at, true, true, false};
      }
      last_.end = at + kProbePage;
    }
    return true;
  }

  bool (*add_)(void*, const Mapping&) noexcept;
  void* to_;
  Mapping last_{};
};

}  // namespace

bool probe_mappings(bool (*add)(void* to, const Mapping& mapping) noexcept, void* to) noexcept {
  Prober prober(add, to);
  return prober.probe(kLowest, kEnd) && prober.finish();
}

}  // namespace weir
