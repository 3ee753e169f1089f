// A write to a freed block: writes_late HOW BYTES OFFSET COUNT WHEN [moved]
// moved: it was not freed, but realloc moved it.
#include "blocks.h"

int fault(int argc, char** argv) {
  require(argc == 6 || argc == 7, "writes_late HOW BYTES OFFSET COUNT WHEN [moved]");
  const char* how = argv[1];
  char* block = make(how, number(argv[2]));
  if (argc == 7) {
    drop(how, regrow(block, 200));
  } else {
    drop(how, block);
  }
  damage(block + number(argv[3]), number(argv[4]));
  look(argv[5]);
  return 0;
}
