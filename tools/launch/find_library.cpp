#include "tools/launch/find_library.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

namespace weir {

namespace {

namespace fs = std::filesystem;

constexpr const char* kLibrary = "libweir.so";

// LD_PRELOAD separates by both, and knows no way to write them.
bool can_stand_in_preload(const std::string& path) {
  return path.find_first_of(": ") == std::string::npos;
}

LibraryPlace check(const fs::path& path) {
  std::error_code error;
  const std::string absolute = fs::absolute(path, error).lexically_normal().string();
  if (access(absolute.c_str(), R_OK) != 0) {
    return {{}, fmt::format("cannot read {}: {}", absolute, std::strerror(errno))};
  }
  if (!can_stand_in_preload(absolute)) {
    return {{}, fmt::format("'{}' has a blank or a colon, which LD_PRELOAD cannot carry", absolute)};
  }
  return {absolute, {}};
}

}  // namespace

LibraryPlace find_library() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  const char* wish = std::getenv("WEIR_LIBRARY");
  return find_library(self.parent_path().string(), wish == nullptr ? "" : wish);
}

LibraryPlace find_library(std::string_view tool_directory, std::string_view wish) {
  if (!wish.empty()) {
    LibraryPlace place = check(wish);
    if (place.path.empty()) place.complaint = fmt::format("WEIR_LIBRARY: {}", place.complaint);
    return place;
  }
  const fs::path here(tool_directory);
  const fs::path installed(WEIR_LIBDIR);
  std::vector<std::string> complaints;
  for (const fs::path& folder :
       {here / ".." / "shim", here / installed.lexically_relative(WEIR_BINDIR), installed}) {
    std::error_code error;
    if (!fs::exists(folder / kLibrary, error)) continue;
    LibraryPlace place = check(folder / kLibrary);
    if (!place.path.empty()) return place;
    complaints.push_back(place.complaint);
  }
  if (!complaints.empty()) return {{}, complaints.front()};
  return {{},
          fmt::format("{} is neither beside {} nor in {}; WEIR_LIBRARY can name it", kLibrary, tool_directory,
                      WEIR_LIBDIR)};
}

}  // namespace weir
