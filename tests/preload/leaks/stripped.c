// Without symbols a frame is module+offset.
//: leak direct 40 1 stripped+ < stripped+
//: flags -s
//: stderr \(\S*stripped\+0x[0-9a-f]+\).*BuildId: [0-9a-f]{40}
#include "lose.h"

FRAME static void lose(void) {
  memset(malloc(40), 1, 40);
}

int main(void) {
  lose();
  scrub();
  return 0;
}
