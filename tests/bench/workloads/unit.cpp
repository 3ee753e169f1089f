// A translation unit with much debug information, and 250 call paths that each lose some blocks. The
// benchmark compiles it once and links it many times, each time with its one visible name changed.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

namespace {

// Optimisers see that nobody uses these, and debug information is only made for what is.
template <int N>
struct Shelf {
  using Entry = std::tuple<std::array<int, N + 1>, std::string, std::variant<int, double, std::string>>;
  std::map<std::string, std::vector<Entry>> rows;
  std::unordered_map<int, std::shared_ptr<std::function<Entry(const std::string&)>>> makers;

  std::size_t fill(const std::string& text) {
    std::regex pattern("(\\w+)=(\\d+)");
    for (std::sregex_iterator i(text.begin(), text.end(), pattern), end; i != end; ++i) {
      rows[(*i)[1]].emplace_back(std::array<int, N + 1>{N}, (*i)[2], 0.5 * N);
    }
    for (auto& [name, entries] : rows) std::sort(entries.begin(), entries.end());
    makers[N] = std::make_shared<std::function<Entry(const std::string&)>>(
        [this](const std::string& name) { return rows.at(name).front(); });
    return rows.size() + makers.size();
  }
};

struct Block {
  Block* next;
  long number;
};

// Inlined into each path: frames that only debug information knows.
inline void make(int blocks, Block** list) {
  for (int n = 0; n < blocks; ++n) {
    auto* block = static_cast<Block*>(std::malloc(sizeof(Block)));
    *block = {nullptr, n};
    if (list != nullptr) {
      block->next = *list;
      *list = block;
    }
  }
}

template <int Level, int Way>
[[gnu::noinline]] void path(int blocks, Block** list) {
  if constexpr (Level == 0) {
    make(blocks, list);
  } else {
    path<Level - 1, 0>(blocks, list);
    path<Level - 1, 1>(blocks, list);
    path<Level - 1, 2>(blocks, list);
    path<Level - 1, 3>(blocks, list);
    path<Level - 1, 4>(blocks, list);
  }
  asm volatile("" ::: "memory");  // no tail call
}

template <int... N>
std::size_t fill_all(const std::string& text, std::integer_sequence<int, N...>) {
  return (Shelf<N>().fill(text) + ...);
}

}  // namespace

// Each block stands alone, or is chained into `list`.
extern "C" void unit_entry(int blocks, void* list_head, const char* text) {
  auto** list = static_cast<Block**>(list_head);
  if (text != nullptr) std::cout << fill_all(text, std::make_integer_sequence<int, SHELVES>());
  path<3, 0>(blocks, list);
  path<3, 1>(blocks, list);
}
