// The library that finds_neighbour.c opens.
int neighbour(void) {
  return 42;
}
