// Exceptions through frames that allocate: what the handlers free is no leak, what they lose is.
//: leak direct 40 1 lose < catching < main
#include <stdexcept>
#include <string>

#include "lose.h"

FRAME static void lose() {
  memset(malloc(40), 1, 40);
}

FRAME static int throwing(int depth) {
  std::string held(200, 'x');
  if (depth == 0) throw std::runtime_error(held);
  return throwing(depth - 1) + static_cast<int>(held.size());
}

FRAME static void catching() {
  for (int i = 0; i < 1000; ++i) {
    try {
      throwing(10);
    } catch (const std::exception& error) {
      if (i == 500) lose();
    }
  }
}

int main() {
  catching();
  scrub();
}
