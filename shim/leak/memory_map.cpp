#include "shim/leak/memory_map.hpp"

#include <string_view>

#include "core/pages.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"

namespace weir {
namespace {

constexpr std::uint32_t kMostMappings = 1u << 20;
constexpr std::size_t kTextRoom = std::size_t{64} << 10;
constexpr std::size_t kMapBytes = kMostMappings * sizeof(Mapping) + kTextRoom;

std::uint64_t take_hex(std::string_view& s) noexcept {
  std::uint64_t value = 0;
  while (!s.empty()) {
    const char c = s.front();
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) break;
    value = value << 4 | static_cast<unsigned>(digit);
    s.remove_prefix(1);
  }
  return value;
}

// "start-end rwxp offset major:minor inode   path"
Mapping parse(std::string_view line) noexcept {
  Mapping m{};
  m.start = take_hex(line);
  line.remove_prefix(1);
  m.end = take_hex(line);
  m.readable = line.size() > 2 && line[1] == 'r';
  m.writable = line.size() > 2 && line[2] == 'w';
  const std::size_t path = line.find('/');
  if (path != std::string_view::npos) {
    const std::string_view name = line.substr(path);
    m.device = name.starts_with("/dev/") && !name.starts_with("/dev/shm/") && !name.starts_with("/dev/zero");
  }
  if (line.ends_with("[vvar]") || line.ends_with("[vsyscall]")) m.device = true;
  return m;
}

}  // namespace

MemoryMap read_memory_map() noexcept {
  MemoryMap map{};
  map.mappings = static_cast<Mapping*>(table_zone.map(kMapBytes));
  const int fd = sys::open("/proc/thread-self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0 || map.mappings == nullptr) return map;
  auto* const buffer = reinterpret_cast<char*>(map.mappings + kMostMappings);
  std::size_t have = 0;
  for (;;) {
    const long got = sys::read(fd, buffer + have, kTextRoom - have);
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
    std::string_view text(buffer, have);
    for (std::size_t newline; (newline = text.find('\n')) != std::string_view::npos;) {
      if (map.count < kMostMappings) map.mappings[map.count++] = parse(text.substr(0, newline));
      text.remove_prefix(newline + 1);
    }
    have = text.size();
    __builtin_memmove(buffer, text.data(), have);
  }
  sys::close(fd);
  return map;
}

void release_memory_map(const MemoryMap& map) noexcept {
  if (map.mappings != nullptr) unmap_pages(map.mappings, kMapBytes);
}

PageMap::PageMap() noexcept
    : fd_(sys::open("/proc/thread-self/pagemap", O_RDONLY | O_CLOEXEC)),
      entries_(static_cast<std::uint64_t*>(table_zone.map(kBatch * sizeof(std::uint64_t)))) {}

PageMap::~PageMap() {
  if (fd_ >= 0) sys::close(fd_);
}

std::uint64_t PageMap::fill(std::uint64_t address, std::uint64_t pages) noexcept {
  if (pages > kBatch) pages = kBatch;
  const long got = fd_ < 0 ? -1 : sys::pread(fd_, entries_, pages * 8, address / 4096 * 8);
  if (got >= 8) return static_cast<std::uint64_t>(got) / 8;
  for (std::uint64_t i = 0; i < pages; ++i) entries_[i] = ~std::uint64_t{0};  // unknown: read them all
  return pages;
}

}  // namespace weir
