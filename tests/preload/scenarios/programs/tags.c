// Subsystems put their names on what they allocate: tags MODE, where MODE is leaks, nests, threads, forks, many, handler
// or overruns.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "weir.h"

static void* volatile kept[8];

__attribute__((noinline)) static void* make(size_t bytes) {
  return memset(malloc(bytes), 1, bytes);
}
__attribute__((noinline)) static void lose(size_t bytes) {
  make(bytes);
}

static void leaks(void) {
  lose(10);
  weir_tag_push("physics");
  lose(20);
  kept[0] = make(1000);
  kept[1] = make(30);
  weir_tag_pop();
  kept[2] = realloc(kept[1], 50000);  // has no tag from now on
  kept[1] = NULL;
  weir_tag_push("sound");
  lose(40);
  kept[3] = realloc(make(5), 60);
  kept[4] = malloc(70);
  weir_tag_pop();
  free(kept[4]);
}

static void nests(void) {
  char longest[100];
  memset(longest, 'x', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  if (weir_tag_pop() != 0) puts("a pop of nothing");
  for (int i = 0; i < 40; ++i) weir_tag_push(i % 2 ? "odd" : "even");
  lose(11);
  for (int i = 0; i < 40; ++i) weir_tag_pop();
  lose(12);
  weir_tag_push("outer");
  weir_tag_push(NULL);
  lose(13);
  weir_tag_pop();
  lose(14);
  weir_tag_push(longest);
  lose(15);
  weir_tag_push("bell\007");
  lose(16);
  weir_tag_pop(), weir_tag_pop(), weir_tag_pop();
  if (weir_tag_pop() != 0) puts("one pop too many");
}

static void* in_thread(void* name) {
  weir_tag_push(name);
  for (int i = 0; i < 1000; ++i) free(make(20));
  lose(21);
  return NULL;
}
static void* without_tag(void* unused) {
  lose(22);
  return unused;
}
static void threads(void) {
  pthread_t thread[4];
  const char* const names[4] = {"one", "two", "one", "three"};
  weir_tag_push("main");
  for (int i = 0; i < 4; ++i) pthread_create(&thread[i], NULL, in_thread, (void*)names[i]);
  for (int i = 0; i < 4; ++i) pthread_join(thread[i], NULL);
  pthread_create(&thread[0], NULL, without_tag, NULL);
  pthread_join(thread[0], NULL);
  lose(23);
}

static void forks(void) {
  weir_tag_push("parent");
  const pid_t child = fork();
  if (child == 0) {
    lose(31);
    weir_tag_push("child");
    lose(32);
    exit(0);
  }
  waitpid(child, NULL, 0);
}

static void many(void) {
  for (int i = 0; i < 1100; ++i) {
    char name[20];
    snprintf(name, sizeof name, "tag %d", i);
    const int on = weir_tag_push(name);
    if (on != (i < 1023)) printf("%s: %d\n", name, on);
    if (i == 0 || i == 1022 || i == 1023) lose(50);
    weir_tag_pop();
  }
}

static void handle(int number) {
  (void)number;
  weir_tag_push("handler");
  free(malloc(30));
  weir_tag_pop();
}
static void handler(void) {
  signal(SIGALRM, handle);
  ualarm(1000, 1000);
  for (int i = 0; i < 300000; ++i) {
    weir_tag_push(i % 2 ? "odd" : "even");
    free(make(40));
    weir_tag_pop();
  }
  ualarm(0, 0);
  weir_tag_push("after");
  lose(41);
}

static void overruns(void) {
  weir_tag_push("sound");
  char* volatile block = make(24);
  weir_tag_pop();
  block[24] = 5;
  free(block);
}

int main(int count, char** arguments) {
  const struct {
    const char* name;
    void (*run)(void);
  } modes[] = {{"leaks", leaks}, {"nests", nests},     {"threads", threads},  {"forks", forks},
               {"many", many},   {"handler", handler}, {"overruns", overruns}};
  for (size_t i = 0; count > 1 && i < sizeof modes / sizeof *modes; ++i) {
    if (strcmp(arguments[1], modes[i].name) == 0) modes[i].run();
  }
  return 0;
}
