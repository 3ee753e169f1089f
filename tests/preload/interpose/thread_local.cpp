// Thread-local objects allocate when made and free when their thread ends, also blocks of other threads.
//: modes native leak pass
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "../check.h"

struct Chatty {
  std::string text = std::string(300, 'x');
  std::unique_ptr<Chatty> next;
  ~Chatty() { text += std::string(1000, 'y'); }
};
static thread_local Chatty mine;

int main() {
  const int last = times_to_repeat(15, 50);
  for (int round = 0; round < last; ++round) {
    std::vector<std::thread> threads;
    std::unique_ptr<std::string> handed[8];
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&handed, i] {
        mine.next = std::make_unique<Chatty>();
        handed[i] = std::make_unique<std::string>(500, 'z');
      });
    for (auto& thread : threads) thread.join();
    for (auto& text : handed) CHECK(text->size() == 500);
  }
  return check_result();
}
