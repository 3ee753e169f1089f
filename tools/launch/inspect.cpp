#include "tools/launch/inspect.hpp"

#include <elf.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>
#include <vector>

#include "tools/launch/resolve.hpp"

namespace weir {

namespace {

constexpr std::size_t kHead = 1 << 16;  // where linkers put the program headers and the interpreter's name
constexpr int kScriptsDeep = 5;         // the kernel's limit
#if defined __x86_64__
constexpr std::uint16_t kMachine = EM_X86_64;
#elif defined __aarch64__
constexpr std::uint16_t kMachine = EM_AARCH64;
#endif

std::vector<std::byte> read_head(const std::string& path) {
  std::vector<std::byte> head(kHead);
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::size_t used = 0;
  ssize_t got = 0;
  while (used < head.size() && (got = read(fd, head.data() + used, head.size() - used)) > 0) {
    used += static_cast<std::size_t>(got);
  }
  close(fd);
  head.resize(used);
  return head;
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The next word of a #! line.
std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(" \t"));
  line.remove_prefix(word.size());
  return word;
}

// Rights that this process does not have: what makes the kernel tell ld.so to be careful (AT_SECURE).
Obstacle gained_rights(const std::string& path) {
  struct stat status = {};
  struct statvfs system = {};
  if (stat(path.c_str(), &status) != 0) return Obstacle::kNone;
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) return Obstacle::kNone;
  if (statvfs(path.c_str(), &system) == 0 && (system.f_flag & ST_NOSUID) != 0) return Obstacle::kNone;
  if ((status.st_mode & S_ISUID) != 0 && status.st_uid != getuid()) return Obstacle::kSetuid;
  constexpr mode_t kSetgid = S_ISGID | S_IXGRP;
  if ((status.st_mode & kSetgid) == kSetgid && status.st_gid != getgid()) return Obstacle::kSetgid;
  // For root they are no gain.
  if (getuid() != 0 && getxattr(path.c_str(), "security.capability", nullptr, 0) > 0) {
    return Obstacle::kCapabilities;
  }
  return Obstacle::kNone;
}

template <typename T>
bool read_at(std::span<const std::byte> file, std::uint64_t offset, T& into) {
  if (offset > file.size() || file.size() - offset < sizeof into) return false;
  std::memcpy(&into, file.data() + offset, sizeof into);
  return true;
}

Inspection judge_interpreter(std::span<const std::byte> file, const Elf64_Phdr& header) {
  if (header.p_offset > file.size() || header.p_filesz > file.size() - header.p_offset) return {};
  std::string_view name = as_text(file.subspan(header.p_offset, header.p_filesz));
  name = name.substr(0, name.find('\0'));
  if (name.find("ld-musl") != std::string_view::npos) return {Obstacle::kMusl, {}, std::string(name)};
  return {};
}

constexpr std::pair<std::string_view, std::string_view> kRuntimes[] = {
    {"__asan_init", "AddressSanitizer"},
    {"__tsan_init", "ThreadSanitizer"},
    {"__msan_init", "MemorySanitizer"},
    {"__hwasan_init", "HWAddressSanitizer"},
    {"__lsan_init", "LeakSanitizer"}};

// Calls visit with the names that the loader reads of a program or library, each with a 0 behind it, until it returns true.
template <typename F>
void visit_dynamic_names(const std::string& path, F&& visit) {
  std::ifstream file(path, std::ios::binary);
  const auto read = [&](std::uint64_t at, void* to, std::uint64_t bytes) {
    file.seekg(static_cast<std::streamoff>(at));
    file.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
    return file.good();
  };
  constexpr std::uint64_t kMostNames = std::uint64_t{64} << 20;
  Elf64_Ehdr header;
  if (!read(0, &header, sizeof header)) return;
  for (std::size_t i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section;
    if (!read(header.e_shoff + i * header.e_shentsize, &section, sizeof section)) return;
    if (section.sh_type != SHT_STRTAB || (section.sh_flags & SHF_ALLOC) == 0 || section.sh_size > kMostNames)
      continue;
    std::string names(section.sh_size, '\0');
    if (!read(section.sh_offset, names.data(), names.size()) || visit(names)) return;
  }
}

// Functions that the compiler has each program call which it instruments; their names are there whether the runtime is
// linked in or a library.
std::string_view sanitizer_in(const std::string& path) {
  std::string_view sanitizer;
  visit_dynamic_names(path, [&](const std::string& names) {
    for (const auto& [function, name] : kRuntimes) {
      const std::size_t found = names.find(function);
      if (found == std::string::npos || found == 0) continue;
      if (names[found - 1] == '\0' && names[found + function.size()] == '\0') sanitizer = name;
    }
    return !sanitizer.empty();
  });
  return sanitizer;
}

// glibc's ld.so, which loads the program that is its argument, and what is preloaded.
bool is_loader(const std::string& path) {
  bool is = false;
  visit_dynamic_names(path, [&](const std::string& names) {
    return is = names.find(std::string_view("\0ld-linux-", 10)) != std::string::npos;
  });
  return is;
}

}  // namespace

Inspection inspect_elf(std::span<const std::byte> file) {
  unsigned char ident[EI_NIDENT];
  std::uint16_t machine = 0;  // stands at the same place in both classes
  if (!read_at(file, 0, ident) || !read_at(file, offsetof(Elf64_Ehdr, e_machine), machine)) return {};
  if (ident[EI_DATA] != ELFDATA2LSB) return {Obstacle::kMachine, {}, "of the other byte order"};
  if (machine != kMachine && !(machine == EM_386 && ident[EI_CLASS] == ELFCLASS32)) {
    return {Obstacle::kMachine, {}, std::to_string(machine)};
  }
  if (ident[EI_CLASS] == ELFCLASS32) return {Obstacle::kClass, {}, {}};
  Elf64_Ehdr header;
  if (!read_at(file, 0, header)) return {};
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    if (!read_at(file, header.e_phoff + i * header.e_phentsize, segment)) return {};
    if (segment.p_type == PT_INTERP) return judge_interpreter(file, segment);
  }
  return {Obstacle::kStatic, {}, {}};
}

std::string script_interpreter(std::string_view first_bytes) {
  if (!first_bytes.starts_with("#!")) return {};
  std::string_view line = first_bytes.substr(2);
  line = line.substr(0, line.find_first_of(std::string_view("\n\0", 2)));
  const std::string_view interpreter = take_word(line);
  if (!interpreter.ends_with("/env")) return std::string(interpreter);
  while (true) {
    std::string_view word = take_word(line);
    if (word.starts_with("-S") && word.size() > 2) word.remove_prefix(2);
    if (word.empty()) return std::string(interpreter);
    if (!word.starts_with('-') && word.find('=') == std::string_view::npos) return std::string(word);
  }
}

Inspection inspect_program(const std::string& path) {
  std::string current = path;
  for (int depth = 0; depth <= kScriptsDeep; ++depth) {
    const std::vector<std::byte> head = read_head(current);
    const std::string_view text = as_text(head);
    if (text.starts_with(std::string_view(ELFMAG, SELFMAG))) {
      Inspection inspection = inspect_elf(head);
      if (inspection.obstacle == Obstacle::kStatic && is_loader(current))
        inspection.obstacle = Obstacle::kNone;
      if (inspection.obstacle == Obstacle::kNone) inspection.obstacle = gained_rights(current);
      if (const std::string_view sanitizer = sanitizer_in(current);
          inspection.obstacle == Obstacle::kNone && !sanitizer.empty()) {
        inspection.obstacle = Obstacle::kSanitizer;
        inspection.detail = sanitizer;
      }
      inspection.path = current;
      return inspection;
    }
    if (head.empty()) {  // may be executed, but not read
      return {gained_rights(current), current, {}};
    }
    std::string next = script_interpreter(text);
    if (next.empty()) next = "/bin/sh";
    const char* search_path = std::getenv("PATH");
    const Resolution found = resolve_program(next, search_path == nullptr ? "" : search_path);
    if (found.error != 0) break;  // executing it will fail, and tell
    current = found.path;
  }
  return {Obstacle::kNone, current, {}};
}

std::string describe(const Inspection& inspection) {
  switch (inspection.obstacle) {
    case Obstacle::kNone:
      return "can be preloaded into";
    case Obstacle::kStatic:
      return "is statically linked";
    case Obstacle::kSetuid:
      return "is setuid to another user";
    case Obstacle::kSetgid:
      return "is setgid to another group";
    case Obstacle::kCapabilities:
      return "has file capabilities";
    case Obstacle::kMusl:
      return fmt::format("uses musl's loader {}", inspection.detail);
    case Obstacle::kClass:
      return "is a 32-bit program";
    case Obstacle::kSanitizer:
      return fmt::format("is built with {}, which has a heap of its own", inspection.detail);
    case Obstacle::kMachine:
      return fmt::format("is for another machine ({})", inspection.detail);
  }
  return {};
}

}  // namespace weir
