#include "shim/leak/memory_map.hpp"

#include <cstring>
#include <string_view>

#include "core/pages.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"
#include "shim/leak/probe_mappings.hpp"

namespace weir {
namespace {

constexpr std::uint32_t kFirstRoom = 4096;
constexpr std::size_t kTextRoom = std::size_t{64} << 10;  // the kernel gives a page at a time, at most

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
  m.shared = line.size() > 4 && line[4] == 's';
  const std::size_t path = line.find('/');
  if (path != std::string_view::npos) {
    const std::string_view name = line.substr(path);
    m.file = true;
    m.written = m.shared && (name.starts_with("/dev/zero") || name.starts_with("/memfd:") ||
                             name.starts_with("/dev/shm/") || name.starts_with("/SYSV"));
    m.device = name.starts_with("/dev/") && !name.starts_with("/dev/shm/") &&
               !name.starts_with("/dev/zero") && !name.starts_with("/dev/hugepages/");
  } else if (m.shared) {
    m.file = m.written = true;
  }
  if (line.ends_with(']')) {
    m.device = line.ends_with("[vvar]") || line.ends_with("[vvar_vclock]") || line.ends_with("[vdso]") ||
               line.ends_with("[vsyscall]");
  }
  return m;
}

bool make_room(MemoryMap& map) noexcept {
  if (map.count < map.room) return true;
  const std::uint32_t room = map.room != 0 ? 2 * map.room : kFirstRoom;
  auto* const larger = static_cast<Mapping*>(table_zone.map(room * sizeof(Mapping)));
  if (larger == nullptr) return false;
  if (map.count != 0) std::memcpy(larger, map.mappings, map.count * sizeof(Mapping));
  release_memory_map(map);
  map.mappings = larger;
  map.room = room;
  return true;
}

constexpr std::string_view kOfProcess = "/proc/self/";
constexpr std::string_view kOfThread = "/proc/thread-self/";

bool is_of_this_process(const MemoryMap& map) noexcept {
  const auto own = reinterpret_cast<std::uint64_t>(&release_memory_map);
  const std::uint32_t i = map.first_above(own);
  return i < map.count && map.mappings[i].start <= own;
}

int open_in(std::string_view directory, std::string_view name) noexcept {
  char path[64];
  const std::size_t n = directory.copy(path, sizeof path);
  path[n + name.copy(path + n, sizeof path - n - 1)] = '\0';
  return sys::open(path, O_RDONLY | O_CLOEXEC);
}

}  // namespace

int open_own(std::string_view name) noexcept {
  char byte;
  const int maps = open_in(kOfProcess, "maps");
  const bool has_ended = maps >= 0 && sys::read(maps, &byte, 1) == 0;  // the main thread
  if (maps >= 0) sys::close(maps);
  const int fd = has_ended ? -1 : open_in(kOfProcess, name);
  return fd >= 0 ? fd : open_in(kOfThread, name);
}

MemoryMap read_memory_map(bool may_probe) noexcept {
  for (const std::string_view directory : {kOfProcess, kOfThread}) {
    const int fd = open_in(directory, "maps");
    if (fd < 0) continue;
    const MemoryMap map = read_memory_map(fd);
    sys::close(fd);
    // Some that stand in for the system answer for another process, and a main thread that has ended has no mappings.
    if (is_of_this_process(map)) return map;
    release_memory_map(map);
  }
  MemoryMap map{};
  if (!may_probe) return map;
  const auto add = [](void* to, const Mapping& m) noexcept {
    auto& all = *static_cast<MemoryMap*>(to);
    const bool room = make_room(all);
    if (room) all.mappings[all.count++] = m;
    return room;
  };
  if (!probe_mappings(add, &map) || !is_of_this_process(map)) map.count = 0;
  return map;
}

MemoryMap read_memory_map(int fd) noexcept {
  MemoryMap map{};
  auto* const buffer = static_cast<char*>(table_zone.map(kTextRoom));
  if (buffer == nullptr) return map;
  sys::call(SYS_lseek, fd, 0, 0);
  std::size_t have = 0;
  for (;;) {
    const long got = sys::read(fd, buffer + have, kTextRoom - have);
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
    std::string_view text(buffer, have);
    for (std::size_t newline; (newline = text.find('\n')) != std::string_view::npos;) {
      if (make_room(map)) map.mappings[map.count++] = parse(text.substr(0, newline));
      text.remove_prefix(newline + 1);
    }
    have = text.size();
    __builtin_memmove(buffer, text.data(), have);
  }
  unmap_pages(buffer, kTextRoom);
  return map;
}

void release_memory_map(const MemoryMap& map) noexcept {
  if (map.room != 0) unmap_pages(map.mappings, round_up(map.room * sizeof(Mapping), kPageSize));
}

namespace {

// Of linux/fs.h since 6.7, which older systems' headers lack.
struct ScanArguments {
  std::uint64_t size, flags, start, end, walk_end, regions, region_count, most_pages;
  std::uint64_t inverted, all_of, any_of, wanted;
};
static_assert(sizeof(ScanArguments) == 96);
constexpr long kPagemapScan = 0xc0606610;
constexpr std::uint64_t kIsFile = 1 << 2, kIsPresent = 1 << 3, kIsSwapped = 1 << 4, kIsZeroPage = 1 << 5;

constexpr std::uint64_t kBatchPages = 4096;

// Bytes of this process that are swapped out; mincore does not see them.
bool has_swapped() noexcept {
  char text[4096];
  const int fd = open_own("status");
  if (fd < 0) return false;
  const long got = sys::read(fd, text, sizeof text);
  sys::close(fd);
  const std::string_view status(text, got > 0 ? static_cast<std::size_t>(got) : 0);
  const std::size_t at = status.find("VmSwap:");
  if (at == std::string_view::npos) return false;
  const std::size_t number = status.find_first_not_of(" \t", at + 7);
  return number != std::string_view::npos && status[number] != '0';
}

}  // namespace

PageMap::PageMap() noexcept : PageMap(open_own("pagemap")) {
  own_fd_ = true;
}

PageMap::PageMap(int fd) noexcept
    : fd_(fd),
      own_fd_(false),
      runs_(static_cast<Run*>(table_zone.map(kMostRuns * sizeof(Run) + kBatchPages * 8))),
      batch_(runs_ + kMostRuns) {
  if (runs_ != nullptr) choose_way();
}

PageMap::~PageMap() {
  if (own_fd_ && fd_ >= 0) sys::close(fd_);
  if (runs_ != nullptr) unmap_pages(runs_, kMostRuns * sizeof(Run) + kBatchPages * 8);
}

void PageMap::choose_way() noexcept {
  const auto here = reinterpret_cast<std::uint64_t>(runs_) & ~(kPageSize - 1);
  *static_cast<volatile char*>(batch_) = 0;  // a page that is there
  way_ = Way::kResident;
  if (fd_ == kShared) return;
  way_ = Way::kScan;
  if (fd_ >= 0 && fill_by_scan(Which::kTouched, here, here + kPageSize) != 0) return;
  way_ = Way::kEntries;
  std::uint64_t entry = 0;
  if (fd_ >= 0 && sys::pread(fd_, &entry, 8, here / kPageSize * 8) == 8) return;
  way_ = Way::kResident;
  if (has_swapped() || fill_by_residence(here, here + kPageSize) == 0) way_ = Way::kAll;
}

void PageMap::add_page(std::uint64_t at) noexcept {
  if (run_count_ != 0 && runs_[run_count_ - 1].end == at) {
    runs_[run_count_ - 1].end = at + kPageSize;
  } else {
    runs_[run_count_++] = {at, at + kPageSize, 0};
  }
}

std::uint64_t PageMap::fill(Which which, std::uint64_t at, std::uint64_t end) noexcept {
  run_count_ = 0;
  if (runs_ == nullptr) return end;
  std::uint64_t done = 0;
  if (way_ == Way::kScan) done = fill_by_scan(which, at, end);
  if (way_ == Way::kEntries) done = fill_by_entries(which, at, end);
  if (way_ == Way::kResident) done = fill_by_residence(at, end);
  if (done > at) return done;
  runs_[run_count_++] = {at, end, 0};  // nobody can tell: read it all
  return end;
}

std::uint64_t PageMap::fill_by_scan(Which which, std::uint64_t at, std::uint64_t end) noexcept {
  ScanArguments scan{};
  scan.size = sizeof scan;
  scan.start = at;
  scan.end = end;
  scan.regions = reinterpret_cast<std::uint64_t>(runs_);
  scan.region_count = kMostRuns;
  scan.any_of = kIsPresent | kIsSwapped;
  scan.inverted = kIsZeroPage;
  scan.all_of = kIsZeroPage;
  if (which == Which::kCopies) {
    scan.inverted |= kIsFile;
    scan.all_of |= kIsFile;
  }
  const long got = sys::call(SYS_ioctl, fd_, kPagemapScan, sys::as_word(&scan));
  if (got < 0) return 0;
  run_count_ = static_cast<unsigned>(got);
  return scan.walk_end;
}

std::uint64_t PageMap::fill_by_entries(Which which, std::uint64_t at, std::uint64_t end) noexcept {
  constexpr unsigned kFile = 61;  // bit 63: present, bit 62: swapped out
  std::uint64_t pages = (end - at) / kPageSize;
  if (pages > kMostRuns) pages = kMostRuns;
  auto* const entries = static_cast<std::uint64_t*>(batch_);
  const long got = sys::pread(fd_, entries, pages * 8, at / kPageSize * 8);
  if (got < 8) return 0;
  pages = static_cast<std::uint64_t>(got) / 8;
  for (std::uint64_t i = 0; i < pages; ++i, at += kPageSize) {
    const bool copy = (entries[i] >> kFile & 1) == 0;
    if (entries[i] >> 62 != 0 && (copy || which == Which::kTouched)) add_page(at);
  }
  return at;
}

std::uint64_t PageMap::fill_by_residence(std::uint64_t at, std::uint64_t end) noexcept {
  auto* const resident = static_cast<unsigned char*>(batch_);
  // Far behind what is asked for in one go: whole batches without a page are passed over.
  while (at < end) {
    const std::uint64_t left = (end - at) / kPageSize;
    const std::uint64_t pages = left < kBatchPages ? left : kBatchPages;
    if (sys::call(SYS_mincore, static_cast<long>(at), static_cast<long>(pages * kPageSize),
                  sys::as_word(resident)) != 0)
      return run_count_ != 0 ? at : 0;
    for (std::uint64_t i = 0; i < pages; ++i, at += kPageSize) {
      if ((resident[i] & 1) == 0) continue;
      if (run_count_ == kMostRuns) return at;
      add_page(at);
    }
    if (run_count_ != 0) return at;
  }
  return at;
}

}  // namespace weir
