// A lost list: its head is lost, the rest is lost through it.
//: leak direct 16 1 node < build < main
//: leak indirect 64 4 node < build < main
#include "lose.h"

struct Node {
  struct Node* next;
  long value;
};

FRAME static struct Node* node(struct Node* next) {
  struct Node* made = malloc(sizeof *made);
  made->next = next;
  made->value = 1;
  return made;
}

FRAME static void build(void) {
  struct Node* head = NULL;
  for (int i = 0; i < 5; ++i) head = node(head);
}

int main(void) {
  build();
  scrub();
  return 0;
}
