// For libcs other than glibc.
#include <stdio.h>

int main(void) {
  puts("hello");
  return 3;
}
