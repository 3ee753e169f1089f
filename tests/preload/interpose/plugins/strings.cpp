// Uses new through the standard library.
#include <string>
#include <vector>

extern "C" void use_strings() {
  std::vector<std::string> strings;
  for (int i = 0; i < 100; ++i) strings.push_back(std::string(100, 'x') + std::to_string(i));
}
