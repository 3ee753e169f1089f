// std::map, list, unordered_map, vector and string, growing and shrinking. Usage: containers ROUNDS
#include <list>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "pick.hpp"

namespace {

std::string word(Pick& pick) {
  return std::string(1 + pick.below(60), static_cast<char>('a' + pick.below(26)));
}

std::size_t round(Pick& pick, std::map<std::size_t, std::string>& index, std::list<std::string>& recent,
                  std::unordered_map<std::string, std::size_t>& counted) {
  for (int i = 0; i < 2000; ++i) {
    const std::size_t key = pick.below(20000);
    index[key] = word(pick);
    const auto found = index.lower_bound(pick.below(20000));
    if (found != index.end() && index.size() > 8000) index.erase(found);
    recent.push_back(std::to_string(key) + " is the key of a line that was read");
    if (recent.size() > 5000) recent.pop_front();
    ++counted[word(pick)];
  }
  if (counted.size() > 1500) counted.clear();
  std::vector<std::string> lines;
  for (const auto& [key, text] : index) {
    if (key % 8 == 0) lines.push_back(text + ": " + std::to_string(key));
  }
  std::string page;
  for (const std::string& line : lines) page += line;
  return page.size();
}

}  // namespace

int main(int argc, char** argv) {
  Pick pick(3);
  std::map<std::size_t, std::string> index;
  std::list<std::string> recent;
  std::unordered_map<std::string, std::size_t> counted;
  std::size_t sum = 0;
  for (long i = argument(argc, argv, 1); i > 0; --i) sum += round(pick, index, recent, counted);
  std::printf("%zu\n", sum);
}
