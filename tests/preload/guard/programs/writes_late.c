// A write to a freed block: writes_late HOW BYTES OFFSET COUNT WHEN
#include "blocks.h"

int fault(int argc, char** argv) {
  require(argc == 6, "writes_late HOW BYTES OFFSET COUNT WHEN");
  const char* how = argv[1];
  char* block = make(how, number(argv[2]));
  drop(how, block);
  damage(block + number(argv[3]), number(argv[4]));
  look(argv[5]);
  return 0;
}
