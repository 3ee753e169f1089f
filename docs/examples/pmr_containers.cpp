// The standard library's containers on an arena, through std::pmr.
//
// prints:
//   ant: 1 2
//   bee: 3
//   all of it lies in the arena: yes
#include <cstdio>
#include <map>
#include <memory_resource>
#include <string>
#include <vector>

#include "core/arena.hpp"
#include "core/memory_resource.hpp"

int main() {
  weir::Arena<> arena;
  weir::MemoryResource memory(arena);
  std::pmr::map<std::pmr::string, std::pmr::vector<int>> index(&memory);
  index["ant"].push_back(1);
  index["ant"].push_back(2);
  index["bee"].push_back(3);
  bool inside = true;
  for (const auto& [word, pages] : index) {
    std::printf("%s:", word.c_str());
    for (const int page : pages) {
      std::printf(" %d", page);
    }
    std::printf("\n");
    inside = inside && arena.owns(&word) && arena.owns(pages.data());
  }
  std::printf("all of it lies in the arena: %s\n", inside ? "yes" : "no");
}
