// A request's memory in one arena: nothing is freed one by one, and nothing is left when the request is done.
//
// prints:
//   GET /index -> 200, 4 words
//   GET /a/b/c -> 200, 6 words
//   pages still mapped: 0
#include <cstdio>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

#include "core/arena.hpp"
#include "core/memory_resource.hpp"
#include "core/page_allocator.hpp"
#include "core/wrap/counting.hpp"

using Pages = weir::Counting<weir::PageAllocator>;

static std::size_t count_words(std::string_view text, std::pmr::memory_resource& memory) {
  std::pmr::vector<std::pmr::string> words(&memory);
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(" /");
    if (end != 0) {
      words.emplace_back(text.substr(0, end));
    }
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
  }
  return words.size();
}

static void handle(std::string_view target, Pages& pages) {
  weir::Arena arena(pages);  // all of the request lives here...
  weir::MemoryResource<weir::Arena<Pages>> memory(arena);
  std::pmr::string line("GET ", &memory);
  line += target;
  const std::size_t words = count_words(std::pmr::string(line + " HTTP/1.1", &memory), memory);
  std::printf("%s -> 200, %zu words\n", line.c_str(), words);
}  // ...and ends here

int main() {
  Pages pages(weir::page_allocator);
  handle("/index", pages);
  handle("/a/b/c", pages);
  std::printf("pages still mapped: %zu\n", pages.counts().live_bytes);
}
