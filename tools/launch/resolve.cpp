#include "tools/launch/resolve.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weir {

namespace {

// 0 when the file can be executed by this process.
int check_executable(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) return errno;
  if (S_ISDIR(status.st_mode)) return EISDIR;
  if (!S_ISREG(status.st_mode)) return EACCES;
  return access(path.c_str(), X_OK) == 0 ? 0 : errno;
}

}  // namespace

Resolution resolve_program(std::string_view name, std::string_view search_path) {
  if (name.find('/') != std::string_view::npos) {
    Resolution found;
    found.path = name;
    found.error = check_executable(found.path);
    if (found.error != 0) found.complaint = std::strerror(found.error);
    return found;
  }
  if (search_path.empty()) search_path = "/bin:/usr/bin";  // execvp's own default
  bool forbidden = false;
  while (!name.empty()) {
    const std::size_t end = search_path.find(':');
    const std::string_view folder = end == 0 ? "." : search_path.substr(0, end);
    std::string path(folder);
    path += '/';
    path += name;
    const int error = check_executable(path);
    if (error == 0) return {path, 0, {}};
    forbidden = forbidden || error == EACCES;
    if (end == std::string_view::npos) break;
    search_path.remove_prefix(end + 1);
  }
  if (forbidden) return {{}, EACCES, std::strerror(EACCES)};
  return {{}, ENOENT, "command not found"};
}

}  // namespace weir
