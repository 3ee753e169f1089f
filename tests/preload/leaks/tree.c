// A lost tree: one root, everything below through it.
//: leak direct 40 1 root_node < build < main
//: leak indirect 2 1 label < root_node < build < main
//: leaks indirect 336 14 grow << root_node < build < main
//: flags -DDEPTH=3
//: levels O0
#include "lose.h"

struct Node {
  struct Node *left, *right;
  long depth;
};

struct Root {
  struct Node *left, *right;
  char* label;
  long spare[2];
};

FRAME static char* label(void) {
  return strcpy(malloc(2), "x");
}

FRAME static struct Node* grow(int depth) {
  if (depth == 0) return NULL;
  struct Node* made = malloc(sizeof *made);
  made->depth = depth;
  made->left = grow(depth - 1);
  made->right = grow(depth - 1);
  return made;
}

FRAME static struct Root* root_node(void) {
  struct Root* made = calloc(1, sizeof *made);
  made->left = grow(DEPTH);
  made->right = grow(DEPTH);
  made->label = label();
  return made;
}

FRAME static void build(void) {
  root_node();
}

int main(void) {
  build();
  scrub();
  return 0;
}
