// The ways in which `weir hunt` lays out the heap, one run each: what one cannot see another does.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/options/split.hpp"

namespace weir {

struct Layout {
  std::string_view name;
  std::string_view options;  // before the user's: these may be set otherwise
  std::string_view guard;    // the option of that name; set behind the user's
};

std::span<const Layout> layouts();

// Those of "canary,page" in the order of layouts(). False with a sentence in `error` for a word that is none.
bool choose_layouts(std::string_view words, std::vector<Layout>& into, std::string& error);

// WEIR_OPTIONS of one run: what the layout suggests, then `given` (the user's), then what hunt relies on.
std::string options_of_run(const Layout& layout, std::string_view given, std::string_view json_path,
                           std::string_view log_path);

}  // namespace weir
