// The standard library's containers on an arena by type, without an indirect call; and texts beside them.
//
// prints:
//   ant: 1 2
//   bee: 3
//   2 words, 3 pages
//   all of it lies in the arena: yes
//   a shared one does, too: yes
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "core/arena.hpp"
#include "core/format.hpp"
#include "core/std_allocator.hpp"
#include "core/strings.hpp"

template <typename T>
using InArena = weir::StdAllocator<T, weir::Arena<>>;
using Pages = std::vector<int, InArena<int>>;
using Index =
    std::map<std::string_view, Pages, std::less<>, InArena<std::pair<const std::string_view, Pages>>>;

static void note(weir::Arena<>& arena, Index& index, std::string_view word, int page) {
  auto found = index.find(word);
  if (found == index.end()) {
    // The word's text is the caller's; the index keeps a copy of its own.
    found = index.emplace(weir::duplicate(arena, word), Pages(arena)).first;
  }
  found->second.push_back(page);
}

int main() {
  weir::Arena<> arena;
  Index index(arena);
  note(arena, index, "ant", 1);
  note(arena, index, "bee", 3);
  note(arena, index, "ant", 2);
  bool inside = true;
  std::size_t count = 0;
  for (const auto& [word, pages] : index) {
    std::printf("%.*s:", static_cast<int>(word.size()), word.data());
    for (const int page : pages) {
      std::printf(" %d", page);
    }
    std::printf("\n");
    count += pages.size();
    inside = inside && arena.owns(word.data()) && arena.owns(pages.data());
  }
  const std::string_view sum = weir::format_to_new(arena, "{} words, {} pages", index.size(), count);
  std::printf("%.*s\n", static_cast<int>(sum.size()), sum.data());
  std::printf("all of it lies in the arena: %s\n", inside && arena.owns(sum.data()) ? "yes" : "no");
  const auto shared = std::allocate_shared<int>(weir::allocator_for<int>(arena), 42);
  std::printf("a shared one does, too: %s\n", arena.owns(shared.get()) ? "yes" : "no");
}
