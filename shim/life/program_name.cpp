#include "shim/life/program_name.hpp"

#include <sys/auxv.h>

#include <cstddef>

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

}  // namespace

void remember_program() noexcept {
  const long n =
      sys::call(SYS_readlink, sys::as_word("/proc/self/exe"), sys::as_word(file_text), sizeof file_text);
  file_bytes = n > 0 ? static_cast<std::size_t>(n) : 0;
  const char* const executed = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  std::string_view path = executed != nullptr ? executed : "";
  // fexecve: a number is no name.
  if (path.empty() || path.starts_with(std::string_view("/dev/fd/"))) path = program_file();
  name_bytes = without_folders(path).copy(name_text, sizeof name_text);
}

std::string_view program_file() noexcept {
  return {file_text, file_bytes};
}
std::string_view program_name() noexcept {
  return {name_text, name_bytes};
}

}  // namespace weir
