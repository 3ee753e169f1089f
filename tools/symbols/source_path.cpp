#include "tools/symbols/source_path.hpp"

#include <filesystem>

namespace weir {

std::string source_path(const char* file, const char* compilation_directory) {
  if (file == nullptr || *file == '\0') return {};
  std::string path;
  if (*file != '/' && compilation_directory != nullptr) path.append(compilation_directory) += '/';
  path += file;
  // Most paths need no work, and this runs for every frame.
  if (path.find("./") == std::string::npos && path.find("//") == std::string::npos) return path;
  return std::filesystem::path(path).lexically_normal().string();
}

}  // namespace weir
