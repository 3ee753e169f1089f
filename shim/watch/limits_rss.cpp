#include "shim/watch/limits_rss.hpp"

#include <atomic>

#include "core/pages.hpp"
#include "shim/base/sys.hpp"
#include "shim/parent/parent.hpp"
#include "shim/route/route_life.hpp"

namespace weir::limits {
namespace {

constexpr std::uint64_t kStepBytes = std::uint64_t{1} << 20;
constexpr std::uint32_t kStepCalls = 4096;
constexpr std::uint64_t kStepNs = 1'000'000;
constexpr std::uint64_t kTrimNs = 100'000'000;

constinit std::atomic<std::uint64_t> resident{0};
constinit std::atomic<std::uint64_t> sampled_at{0};
constinit std::atomic<std::uint64_t> trimmed_at{0};

__thread std::uint64_t bytes_since __attribute__((tls_model("initial-exec"))) = kStepBytes;
__thread std::uint32_t calls_since __attribute__((tls_model("initial-exec"))) = 0;

// "total resident shared …" in pages; what was known before where /proc is not there.
std::uint64_t read_resident() noexcept {
  char text[128] = {};
  const int fd = sys::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return resident.load(std::memory_order_relaxed);
  const long n = sys::read(fd, text, sizeof text);
  sys::close(fd);
  long at = 0;
  while (at < n && text[at] != ' ') ++at;
  std::uint64_t pages = 0;
  for (++at; at < n && text[at] >= '0' && text[at] <= '9'; ++at) {
    pages = pages * 10 + static_cast<unsigned>(text[at] - '0');
  }
  return pages * kPageSize;
}

std::uint64_t sample(std::uint64_t now) noexcept {
  const std::uint64_t bytes = read_resident();
  resident.store(bytes, std::memory_order_relaxed);
  sampled_at.store(now, std::memory_order_relaxed);
  bytes_since = 0;
  calls_since = 0;
  return bytes;
}

// One thread, and not again for a while: it costs milliseconds.
bool may_trim(std::uint64_t now) noexcept {
  std::uint64_t last = trimmed_at.load(std::memory_order_relaxed);
  return now - last >= kTrimNs && trimmed_at.compare_exchange_strong(last, now, std::memory_order_relaxed);
}

}  // namespace

std::uint64_t resident_bytes(std::size_t bytes, std::uint64_t limit, bool refuses) noexcept {
  std::uint64_t known = resident.load(std::memory_order_relaxed);
  bytes_since += bytes;
  const bool due = bytes_since >= kStepBytes || ++calls_since >= kStepCalls;
  if (!due && known + bytes <= limit) return known;
  const std::uint64_t now = sys::now_ns();
  if (due || now - sampled_at.load(std::memory_order_relaxed) >= kStepNs) known = sample(now);
  if (known + bytes <= limit || (!refuses && !may_trim(now))) return known;
  trim_routes();
  parent::trim();
  return sample(now);
}

}  // namespace weir::limits
