// Stands where a changed root directory has the tool, or its loader: leaves a file behind when it is executed.
#include <fcntl.h>

int main(void) {
  return open("/ran", O_WRONLY | O_CREAT, 0644) >= 0 ? 0 : 1;
}
