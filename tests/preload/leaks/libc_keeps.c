// What libc, ld.so and the standard streams keep for themselves is no leak.
//: flags -D_FORTIFY_SOURCE=0
#include <dirent.h>
#include <grp.h>
#include <iconv.h>
#include <locale.h>
#include <netdb.h>
#include <pwd.h>
#include <time.h>

#include "lose.h"

FRAME static void ask(void) {
  setlocale(LC_ALL, "C.UTF-8");
  setenv("A_NAME", "a value", 1);
  setenv("A_NAME", "another, longer value", 1);
  tzset();
  const time_t now = time(NULL);
  (void)localtime(&now);
  (void)dlopen("/no/such/library.so", RTLD_NOW);
  (void)dlsym(RTLD_DEFAULT, "no_such_symbol");
  (void)getpwnam("root");
  (void)getgrnam("root");
  (void)gethostbyname("localhost");
  (void)strerror(12345);
  (void)strsignal(12345);
  closedir(opendir("/"));
  FILE* left_open = fopen("/proc/self/status", "r");
  char line[100];
  require(left_open != NULL && fgets(line, sizeof line, left_open) != NULL, "fgets");
  iconv_close(iconv_open("UTF-16", "UTF-8"));
  void* math = dlopen("libm.so.6", RTLD_NOW);
  require(math != NULL && dlclose(math) == 0, "dlopen libm");
}

static void* in_thread(void* unused) {
  ask();
  return unused;
}

int main(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, in_thread, NULL);
  pthread_join(thread, NULL);
  setvbuf(stdin, NULL, _IOLBF, 100);
  return 0;
}
