#include "shim/unwind/modules.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

#include <atomic>
#include <cstring>

#include "core/pages.hpp"
#include "shim/base/spin_lock.hpp"
#include "shim/base/zones.hpp"

namespace weir {

constinit Modules modules;
constinit std::uint64_t unload_epoch = 0;

namespace {

constinit SpinLock lock;
constinit GrowingTable<Module> table;
constinit std::atomic<unsigned> used{1};
constinit GrowingTable<char> paths;
constinit std::size_t path_bytes_used = 0;

struct Extent {
  std::uint64_t start, end;
};

// The main program from its first segment to its last. False where the kernel's headers are another's
// (a program that was started as an argument of ld.so, which then maps it in one piece).
bool extent_of_program(std::uint64_t bias, Extent& extent) noexcept {
  const auto headers = getauxval(AT_PHDR);
  const auto* segment = reinterpret_cast<const Elf64_Phdr*>(headers);
  bool own = false;
  extent = {~std::uint64_t{0}, 0};
  for (auto left = getauxval(AT_PHNUM); left != 0; --left, ++segment) {
    if (segment->p_type == PT_PHDR) own = bias + segment->p_vaddr == headers;
    if (segment->p_type != PT_LOAD) continue;
    const std::uint64_t start = (bias + segment->p_vaddr) & ~(kPageSize - 1);
    const std::uint64_t end = bias + segment->p_vaddr + segment->p_memsz;
    if (start < extent.start) extent.start = start;
    if (end > extent.end) extent.end = end;
  }
  return own;
}

// What the loader has at an address. It takes each segment of a main program with gaps between them for
// itself (the tables of the code then lie outside); the answer here is always the whole module.
bool loader_knows(std::uint64_t address, dl_find_object& found, Extent& extent) noexcept {
  if (_dl_find_object(reinterpret_cast<void*>(address), &found) != 0) return false;
  const link_map* map = found.dlfo_link_map;
  if (map != nullptr && map->l_name[0] == '\0' && extent_of_program(map->l_addr, extent)) return true;
  extent = {reinterpret_cast<std::uint64_t>(found.dlfo_map_start),
            reinterpret_cast<std::uint64_t>(found.dlfo_map_end)};
  return true;
}

// The GNU build-id note of a mapped module. The first page of a module is its ELF header wherever a linker
// made it; anything else has no build-id for us.
std::uint32_t read_build_id(std::uint64_t start, std::uint64_t end, std::uint64_t bias, std::uint8_t* to,
                            std::size_t room) noexcept {
  if (end - start < sizeof(Elf64_Ehdr)) return 0;
  const auto* header = reinterpret_cast<const Elf64_Ehdr*>(start);
  if (std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return 0;
  const std::uint64_t headers_end = start + header->e_phoff + header->e_phnum * sizeof(Elf64_Phdr);
  if (headers_end > end) return 0;
  const auto* segment = reinterpret_cast<const Elf64_Phdr*>(start + header->e_phoff);
  for (unsigned i = 0; i < header->e_phnum; ++i) {
    if (segment[i].p_type != PT_NOTE) continue;
    std::uint64_t at = bias + segment[i].p_vaddr;
    const std::uint64_t notes_end = at + segment[i].p_memsz;
    if (at < start || notes_end > end) continue;
    while (at + sizeof(Elf64_Nhdr) <= notes_end) {
      const auto* note = reinterpret_cast<const Elf64_Nhdr*>(at);
      const std::uint64_t name = at + sizeof *note;
      const std::uint64_t data = name + ((note->n_namesz + 3u) & ~3u);
      at = data + ((note->n_descsz + 3u) & ~3u);
      if (at > notes_end) break;
      if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
          std::memcmp(reinterpret_cast<const void*>(name), "GNU", 4) == 0 && note->n_descsz <= room) {
        std::memcpy(to, reinterpret_cast<const void*>(data), note->n_descsz);
        return note->n_descsz;
      }
    }
  }
  return 0;
}

// The loader's name made absolute, so that it still names the file after a chdir.
std::string_view keep_path(const char* name) noexcept {
  constexpr std::size_t kLongest = 4096;
  if (name == nullptr || name[0] == '\0' || !paths.ensure(path_bytes_used + 2 * kLongest)) return {};
  char* to = paths.data() + path_bytes_used;
  std::size_t bytes = 0;
  if (name[0] != '/' && std::strchr(name, '/') != nullptr) {
    const long n = sys::call(SYS_getcwd, sys::as_word(to), kLongest);
    if (n > 1) {
      bytes = static_cast<std::size_t>(n) - 1;
      to[bytes++] = '/';
    }
  }
  const std::size_t name_bytes = strnlen(name, kLongest - 2);
  std::memcpy(to + bytes, name, name_bytes);
  bytes += name_bytes;
  path_bytes_used += bytes;
  return {to, bytes};
}

bool same_file(const Module& a, const Module& b) noexcept {
  return a.start == b.start && a.end == b.end && a.build_id_bytes == b.build_id_bytes &&
         std::memcmp(a.build_id, b.build_id, a.build_id_bytes) == 0 &&
         std::string_view(a.path, a.path_bytes) == std::string_view(b.path, b.path_bytes);
}

void retire(Module& m) noexcept {
  m.unloaded = true;
  __atomic_add_fetch(&unload_epoch, 1, __ATOMIC_RELEASE);
}

unsigned find_live(std::uint64_t start) noexcept {
  for (unsigned i = used.load(std::memory_order_acquire); --i != 0;) {
    if (table[i].start == start && !table[i].unloaded) return i;
  }
  return 0;
}

// Under the lock: enters what the loader has at [start, end).
unsigned register_module(const dl_find_object& found, const Extent& extent) noexcept {
  Module m{};
  m.start = extent.start;
  m.end = extent.end;
  m.bias = found.dlfo_link_map != nullptr ? found.dlfo_link_map->l_addr : 0;
  m.build_id_bytes = read_build_id(m.start, m.end, m.bias, m.build_id, sizeof m.build_id);
  const std::size_t paths_before = path_bytes_used;
  const std::string_view path =
      keep_path(found.dlfo_link_map != nullptr ? found.dlfo_link_map->l_name : nullptr);
  m.path = path.data();
  m.path_bytes = static_cast<std::uint32_t>(path.size());

  const unsigned count = used.load(std::memory_order_relaxed);
  unsigned again = 0;
  for (unsigned i = count; --i != 0;) {
    Module& old = table[i];
    if (!old.unloaded && old.start < m.end && m.start < old.end) retire(old);  // closed behind our back
    if (old.unloaded && again == 0 && same_file(old, m)) again = i;
  }
  if (again != 0) {
    path_bytes_used = paths_before;
    table[again].unloaded = false;
    return again;
  }
  if (count == Modules::kMost || !table.ensure(count + 1)) return 0;
  table[count] = m;
  used.store(count + 1, std::memory_order_release);
  return count;
}

}  // namespace

CodePlace Modules::find(std::uint64_t address, bool nested) noexcept {
  dl_find_object found;
  Extent extent;
  if (!loader_knows(address, found, extent)) return {};
  CodePlace place;
  place.tables = {extent.start, extent.end, reinterpret_cast<std::uint64_t>(found.dlfo_eh_frame)};
  place.module = find_live(extent.start);
  const bool current =
      place.module != 0 && table[place.module].end == place.tables.module_end &&
      (found.dlfo_link_map == nullptr || table[place.module].bias == found.dlfo_link_map->l_addr);
  if (current) return place;
  const SpinGuard guard(lock, nested);
  if (!guard.held()) {
    place.module = 0;
    return place;
  }
  place.module = register_module(found, extent);
  return place;
}

bool Modules::sweep() noexcept {
  const SpinGuard guard(lock, false);
  bool any = false;
  for (unsigned i = used.load(std::memory_order_relaxed); --i != 0;) {
    Module& m = table[i];
    dl_find_object found;
    Extent extent;
    if (m.unloaded) continue;
    if (loader_knows(m.start, found, extent) && extent.start == m.start) continue;
    retire(m);
    any = true;
  }
  return any;
}

unsigned Modules::count() const noexcept {
  return used.load(std::memory_order_acquire);
}
const Module& Modules::operator[](unsigned number) const noexcept {
  return table[number];
}
void Modules::lock_for_fork() noexcept {
  lock.lock();
}
void Modules::unlock_after_fork() noexcept {
  lock.unlock();
}

}  // namespace weir
