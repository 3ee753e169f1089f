// Input for cc1plus: much of the standard library, and templates of it instantiated. -DPARTS=N, 1 to 8.
#include <algorithm>
#include <deque>
#include <functional>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

template <int N>
struct Part {
  struct Key {
    int number[N + 1];
    std::string name;
    bool operator<(const Key& other) const {
      return std::tie(number[0], name) < std::tie(other.number[0], other.name);
    }
  };
  std::map<Key, std::vector<std::tuple<int, std::string, double>>> rows;
  std::unordered_map<std::string, std::shared_ptr<std::variant<int, Key, std::string>>> index;
  std::deque<std::function<Key(const std::list<Key>&)>> steps;

  std::string run(const std::string& text) {
    std::regex pattern("(\\w+)=(\\d+)");
    std::ostringstream out;
    for (std::sregex_iterator i(text.begin(), text.end(), pattern), end; i != end; ++i) {
      Key key{{std::stoi((*i)[2]) + N}, (*i)[1]};
      rows[key].emplace_back(N, key.name, 0.5);
      index.try_emplace(key.name, std::make_shared<std::variant<int, Key, std::string>>(key));
    }
    steps.push_back(
        [this](const std::list<Key>& keys) { return *std::max_element(keys.begin(), keys.end()); });
    std::set<std::string> names;
    for (auto& [key, row] : rows) {
      std::sort(row.begin(), row.end());
      std::shuffle(row.begin(), row.end(), std::mt19937(N));
      names.insert(key.name);
    }
    for (auto& [name, value] : index) std::visit([&](auto&) { out << name << value.use_count(); }, *value);
    out << std::accumulate(names.begin(), names.end(), std::string());
    return out.str();
  }
};

template <int... N>
void all(const std::string& text, std::integer_sequence<int, N...>) {
  ((std::cout << Part<N>().run(text)), ...);
}

int main(int, char** argv) {
  all(argv[0], std::make_integer_sequence<int, PARTS>());
}
