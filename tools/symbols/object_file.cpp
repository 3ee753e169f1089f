#include "tools/symbols/object_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "tools/say.hpp"
#include "tools/symbols/server_time.hpp"

namespace weir {

namespace {

// Both may ask a server.
int find_elf(Dwfl_Module* module, void** userdata, const char* name, Dwarf_Addr base, char** path,
             Elf** elf) {
  const ServerTime limited;
  return dwfl_build_id_find_elf(module, userdata, name, base, path, elf);
}
int find_debuginfo(Dwfl_Module* module, void** userdata, const char* name, Dwarf_Addr base, const char* file,
                   const char* link, GElf_Word crc, char** path) {
  const ServerTime limited;
  return dwfl_standard_find_debuginfo(module, userdata, name, base, file, link, crc, path);
}

const Dwfl_Callbacks kCallbacks = {
    .find_elf = find_elf,
    .find_debuginfo = find_debuginfo,
    .section_address = nullptr,
    .debuginfo_path = nullptr,
};

// Opening a pipe or a device could hang or do something; a module never is one.
int open_regular(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat status = {};
  if (fd >= 0 && (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))) {
    close(fd);
    return -1;
  }
  return fd;
}

bool same_build_id(Dwfl_Module* module, std::span<const std::uint8_t> wanted) {
  const unsigned char* bits = nullptr;
  GElf_Addr address = 0;
  const int length = dwfl_module_build_id(module, &bits, &address);
  return length > 0 && std::ranges::equal(std::span(bits, static_cast<std::size_t>(length)), wanted);
}

// The file behind the program's own executable, even when its name was taken away or given to another file.
std::string running_executable(const ModulePlace& place) {
  return place.pid == 0 ? std::string() : fmt::format("/proc/{}/exe", place.pid);
}

}  // namespace

ObjectFile::ObjectFile(const ModulePlace& place) {
  if (open_path(place, place.path)) return;
  if (place.build_id.empty()) return;
  if (open_path(place, running_executable(place))) return;
  std::string path;
  const int fd = find_by_build_id(place, path);
  if (fd >= 0 && open_descriptor(place, path, fd)) return;
  say_detail(fmt::format("no file with the build-id of {}", place.path));
}

bool ObjectFile::open_path(const ModulePlace& place, const std::string& path) {
  if (path.empty() || path.front() != '/') return false;  // [vdso] and the like
  const int fd = open_regular(path);
  return fd >= 0 && open_descriptor(place, path, fd);
}

// Owns the descriptor from here on.
bool ObjectFile::open_descriptor(const ModulePlace& place, const std::string& path, int fd) {
  dwfl_.reset(dwfl_begin(&kCallbacks));
  if (!dwfl_) {
    close(fd);
    return false;
  }
  dwfl_report_begin(dwfl_.get());
  Dwfl_Module* module = dwfl_report_elf(dwfl_.get(), path.c_str(), path.c_str(), fd, place.bias, true);
  if (module == nullptr) close(fd);
  dwfl_report_end(dwfl_.get(), nullptr, nullptr);
  if (module == nullptr || (!place.build_id.empty() && !same_build_id(module, place.build_id))) {
    dwfl_.reset();
    return false;
  }
  say_detail(fmt::format("opened {} for {}", path, place.path));
  module_ = module;
  return true;
}

int ObjectFile::find_by_build_id(const ModulePlace& place, std::string& path) {
  dwfl_.reset(dwfl_begin(&kCallbacks));
  if (!dwfl_) return -1;
  dwfl_report_begin(dwfl_.get());
  Dwfl_Module* module = dwfl_report_module(dwfl_.get(), place.path.c_str(), place.start, place.end);
  dwfl_report_end(dwfl_.get(), nullptr, nullptr);
  if (module == nullptr ||
      dwfl_module_report_build_id(module, place.build_id.data(), place.build_id.size(), 0) != 0) {
    return -1;
  }
  // The program's file has its symbols; a file of debug information alone has names and lines as well.
  // Neither call looks at the module's own path, which has another build-id.
  void* userdata = nullptr;
  char* found = nullptr;
  Elf* elf = nullptr;
  int fd = find_elf(module, &userdata, nullptr, place.start, &found, &elf);
  if (elf != nullptr) {  // it wants to be the module's own file; take a descriptor of ours
    elf_end(elf);
  }
  if (fd < 0) {
    std::free(found);
    found = nullptr;
    fd = find_debuginfo(module, &userdata, nullptr, place.start, nullptr, nullptr, 0, &found);
  }
  if (found != nullptr) path = found;
  std::free(found);
  if (fd < 0) return -1;
  const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  close(fd);
  return own;
}

}  // namespace weir
