#include "tools/launch/environment.hpp"

namespace weir {

std::string preload_with(std::string_view preload, std::string_view library) {
  std::string with(library);
  while (!preload.empty()) {
    const std::size_t end = preload.find_first_of(": ");
    const std::string_view other = preload.substr(0, end);
    if (!other.empty() && other != library) with.append(":").append(other);
    preload.remove_prefix(end == std::string_view::npos ? preload.size() : end + 1);
  }
  return with;
}

std::string tunables_for_audit(std::string_view tunables) {
  constexpr std::string_view kRoom = "glibc.rtld.optional_static_tls=";
  std::string with(tunables);
  if (tunables.find(kRoom) != std::string_view::npos) return with;
  if (!with.empty()) with += ':';
  return with.append(kRoom).append("4096");
}

}  // namespace weir
