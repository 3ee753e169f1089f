#include "tools/findings/read_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weir {

bool read_descriptor(int fd, std::vector<std::byte>& into, std::string& error) {
  constexpr std::size_t kStep = 1 << 16;
  struct stat status = {};
  if (fstat(fd, &status) != 0) {
    error = std::strerror(errno);
    return false;
  }
  const bool positioned = S_ISREG(status.st_mode);
  std::size_t used = 0;
  // One byte of room beyond the size that fstat tells: a read of nothing then shows the end at once.
  into.resize(positioned ? static_cast<std::size_t>(status.st_size) + 1 : kStep);
  while (true) {
    if (used == into.size()) into.resize(into.size() * 2);
    const std::size_t room = into.size() - used;
    const ssize_t got = positioned ? pread(fd, into.data() + used, room, static_cast<off_t>(used))
                                   : read(fd, into.data() + used, room);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      error = std::strerror(errno);
      return false;
    }
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
  }
  into.resize(used);
  return true;
}

bool read_path(const std::string& path, std::vector<std::byte>& into, std::string& error) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    error = std::strerror(errno);
    return false;
  }
  const bool good = read_descriptor(fd, into, error);
  close(fd);
  return good;
}

}  // namespace weir
