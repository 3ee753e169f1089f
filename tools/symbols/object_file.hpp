// The file that a module was loaded from, or another one with the same build-id, opened with libdwfl at the
// address where the program had it.
//
// Each file has a Dwfl of its own: modules that were unloaded may overlap others, which one Dwfl refuses.
#pragma once

#include <elfutils/libdwfl.h>

#include <memory>
#include <span>
#include <string>

namespace weir {

struct ModulePlace {
  std::string path;
  std::span<const std::uint8_t> build_id;  // empty when it is not known
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t bias;
  std::uint32_t pid;  // of the program
};

class ObjectFile {
 public:
  // The first that has the module's build-id: its path, the running program itself (which may have been
  // replaced on disk), /usr/lib/debug by build-id, a debuginfod server where one is configured.
  explicit ObjectFile(const ModulePlace& place);

  // nullptr when no such file was found.
  Dwfl_Module* module() const { return module_; }

 private:
  bool open_path(const ModulePlace& place, const std::string& path);
  bool open_descriptor(const ModulePlace& place, const std::string& path, int fd);
  int find_by_build_id(const ModulePlace& place, std::string& path);

  struct EndDwfl {
    void operator()(Dwfl* dwfl) const { dwfl_end(dwfl); }
  };
  std::unique_ptr<Dwfl, EndDwfl> dwfl_;
  Dwfl_Module* module_ = nullptr;
};

}  // namespace weir
