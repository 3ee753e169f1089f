#include "shim/life/program_name.hpp"

#include <fcntl.h>
#include <sys/auxv.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "shim/base/module_symbol.hpp"
#include "shim/base/sys.hpp"

namespace weir {
namespace {

constexpr std::size_t kFileRoom = 4096;
constexpr std::size_t kNameRoom = 256;
char file_text[kFileRoom];
char name_text[kNameRoom];
constinit std::size_t file_bytes = 0;
constinit std::size_t name_bytes = 0;

std::string_view without_folders(std::string_view path) noexcept {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

void remember_file(std::string_view path) noexcept {
  file_bytes = path.copy(file_text, sizeof file_text);
}

// Whether a line of /proc/self/maps, "start-end rights …", is of the mapping that holds the address.
bool holds(std::string_view line, std::uint64_t address) noexcept {
  std::uint64_t numbers[2] = {0, 0};
  std::size_t at = 0;
  for (std::uint64_t& number : numbers) {
    for (; at < line.size() && line[at] != '-' && line[at] != ' '; ++at) {
      const char c = line[at];
      number = number << 4 | static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    ++at;
  }
  return address >= numbers[0] && address < numbers[1];
}

// The file that is mapped at the address, if the system tells.
void remember_file_at(std::uint64_t address) noexcept {
  const int fd = sys::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  char text[kFileRoom + 256];
  std::size_t have = 0;
  for (long got; (got = sys::read(fd, text + have, sizeof text - have)) > 0;) {
    have += static_cast<std::size_t>(got);
    std::string_view rest(text, have);
    for (std::size_t end; (end = rest.find('\n')) != std::string_view::npos; rest.remove_prefix(end + 1)) {
      const std::string_view line = rest.substr(0, end);
      const std::size_t path = line.find('/');
      if (path != std::string_view::npos && holds(line, address)) remember_file(line.substr(path));
    }
    have = rest.size();
    std::memmove(text, rest.data(), have);
  }
  sys::close(fd);
}

// The program that was given to ld.so as an argument: the system takes ld.so for the program, and has loaded no other.
const link_map* program_of_loader() noexcept {
  if (getauxval(AT_BASE) != 0) return nullptr;
  const link_map* module = module_of(reinterpret_cast<const void*>(&remember_program));
  while (module != nullptr && module->l_prev != nullptr) module = module->l_prev;
  return module;
}

}  // namespace

void remember_program() noexcept {
  const long n =
      sys::call(SYS_readlink, sys::as_word("/proc/self/exe"), sys::as_word(file_text), sizeof file_text);
  file_bytes = n > 0 ? static_cast<std::size_t>(n) : 0;
  const link_map* const program = program_of_loader();
  if (program != nullptr) remember_file_at(reinterpret_cast<std::uint64_t>(program->l_ld));
  const char* const executed = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  std::string_view path = executed != nullptr ? executed : "";
  // fexecve: a number is no name.
  if (program != nullptr || path.empty() || path.starts_with(std::string_view("/dev/fd/")))
    path = program_file();
  name_bytes = without_folders(path).copy(name_text, sizeof name_text);
}

std::string_view program_file() noexcept {
  return {file_text, file_bytes};
}
std::string_view program_name() noexcept {
  return {name_text, name_bytes};
}

}  // namespace weir
