// Tables that a program registers reach the unwinder that it would reach without weir: that of a plug-in which has its
// libgcc_s for itself, while the program has none.
//: plugin makes_code.so plugins/makes_code.c -lgcc_s
//: modes native leak guard pass
#include "check.h"

__attribute__((noipa)) static int ask(int (*reaches)(const void*), const void* me) {
  return reaches(me) + 0;
}

int main(void) {
  CHECK(dlsym(RTLD_DEFAULT, "_Unwind_Backtrace") == NULL);
  void* plugin = open_plugin("makes_code.so", RTLD_NOW | RTLD_LOCAL);
  int (*reaches)(const void*) = (int (*)(const void*))dlsym(plugin, "reaches");
  for (int i = 0; i < 3; ++i) CHECK(ask(reaches, (const void*)main) == 1);
  return check_result();
}
