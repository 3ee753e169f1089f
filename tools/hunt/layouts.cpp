#include "tools/hunt/layouts.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "shim/abi/near_word.hpp"

namespace weir {

namespace {

// canary  far more is held back than in mode=guard, which has to be fast. What only hunt reports are requests
//         that Valgrind calls fishy.
// page    freed pages go back soon, so that the mappings suffice for what lives.
// freed   the other way round, what is freed stays without access as long as mappings last.
constexpr Layout kLayouts[] = {
    {"canary",
     "quarantine_bytes=192M:quarantine_large_bytes=64M:quarantine_blocks=1M:max_free_fill_size=1M:"
     "report_huge=1:report_alignment=1",
     "canary"},
    {"page", "", "page"},
    {"page-front", "", "page-front"},
    {"freed", "quarantine_bytes=1G:quarantine_blocks=1M:guard_mappings=60000", "page"},
};
constexpr std::string_view kNames[] = {"canary", "page", "page-front", "freed"};

}  // namespace

std::span<const Layout> layouts() {
  return kLayouts;
}

bool choose_layouts(std::string_view words, std::vector<Layout>& into, std::string& error) {
  std::vector<bool> chosen(std::size(kLayouts));
  while (!words.empty()) {
    const std::size_t end = words.find(',');
    const std::string_view word = words.substr(0, end);
    const auto* found = std::ranges::find(kNames, word);
    if (found == std::end(kNames)) {
      error = fmt::format("'{}' is no layout; the nearest is '{}'", word, nearest_word(word, kNames));
      return false;
    }
    chosen[static_cast<std::size_t>(found - kNames)] = true;
    words.remove_prefix(end == std::string_view::npos ? words.size() : end + 1);
  }
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i]) into.push_back(kLayouts[i]);
  }
  if (into.empty()) error = "no layout was named";
  return !into.empty();
}

std::string options_of_run(const Layout& layout, std::string_view given, std::string_view json_path,
                           std::string_view log_path) {
  std::string text = join_option_texts("leak_check_at_exit=0", layout.options);
  text = join_option_texts(text, given);
  const std::string_view fixed[][2] = {
      {"mode", "guard"}, {"guard", layout.guard},  {"on_error", "continue"}, {"enabled", "1"},
      {"exitcode", "0"}, {"json_path", json_path}, {"log_path", log_path}};
  for (const auto& [key, value] : fixed) text = join_option_texts(text, join_option(key, value));
  return text;
}

}  // namespace weir
