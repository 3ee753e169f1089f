// What the standard containers keep is reachable through them, or freed by their destructors.
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

static std::map<std::string, std::vector<int>> table;
static std::unordered_map<int, std::unique_ptr<std::string>> owners;
static auto* never_destroyed = new std::list<std::string>;
static thread_local std::vector<std::shared_ptr<int>> per_thread;

int main() {
  for (int i = 0; i < 1000; ++i) {
    table["a key that is too long to be stored in place " + std::to_string(i)].assign(i, i);
    owners[i] = std::make_unique<std::string>(100, 'x');
    never_destroyed->push_back(std::string(100, 'y'));
    per_thread.push_back(std::make_shared<int>(i));
  }
}
