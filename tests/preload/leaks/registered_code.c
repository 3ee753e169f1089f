// Stacks go on through code that the program made, where it has registered tables for it; by other tables when other
// code lies there; and where a walk ended before, it goes on once there are tables.
//: leak direct 204 2 lose < [?]+
//: leak direct 102 1 lose < [?]+ < through < by_relative < main
//: leak direct 104 1 lose < [?]+ < through < by_absolute < main
//: leak direct 105 1 lose < [?]+ < through < by_expression < main
//: leak direct 106 1 lose < [?]+ < through < many < main
//: flags -lgcc_s
#include "lose.h"
#include "made_code.h"

FRAME static void* lose(size_t bytes) {
  void* volatile block = malloc(bytes);
  block = NULL;
  return block;
}

FRAME static void through(MadeCode code, size_t bytes) {
  code(lose, bytes);
}

FRAME static void by_relative(unsigned char* page) {
  MadeCode code = make_code(page, 24);
  through(code, 101);
  unsigned char* tables = make_tables(page, 24, kRelative);
  __register_frame(tables);
  through(code, 102);
  __deregister_frame(tables);
}

FRAME static void by_absolute(unsigned char* page) {
  static char object[64];
  MadeCode code = make_code(page, 56);
  through(code, 103);
  unsigned char* tables = make_tables(page, 56, kAbsolute);
  __register_frame_info(tables, object);
  through(code, 104);
  require(__deregister_frame_info(tables) == object, "__deregister_frame_info");
}

FRAME static void by_expression(unsigned char* page) {
  MadeCode code = make_code(page, 40);
  unsigned char* tables = make_tables(page, 40, kExpression);
  __register_frame(tables);
  through(code, 105);
  __deregister_frame(tables);
}

// One among many, deregistered in the order of their making.
FRAME static void many(void) {
  enum { kMany = 300 };
  unsigned char *pages[kMany], *tables[kMany];
  for (int i = 0; i < kMany; ++i) {
    const unsigned char room = (unsigned char)(8 + 16 * (i % 3));
    pages[i] = made_page();
    make_code(pages[i], room);
    __register_frame(tables[i] = make_tables(pages[i], room, kRelative));
  }
  through((MadeCode)(uintptr_t)pages[kMany / 2], 106);
  for (int i = 0; i < kMany; ++i) __deregister_frame(tables[i]);
}

int main(void) {
  unsigned char* page = made_page();
  by_relative(page);
  by_absolute(page);
  by_expression(page);
  many();
  scrub();
  return 0;
}
