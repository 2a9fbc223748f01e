// pair_loop SIZE COUNT: COUNT times malloc(SIZE) and free. For counting instructions: two runs
// with different counts differ by the pairs alone.
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: pair_loop SIZE COUNT\n");
    return 2;
  }
  const size_t size = strtoul(argv[1], nullptr, 10);
  for (long left = strtol(argv[2], nullptr, 10); left > 0; --left) {
    void* volatile object = malloc(size);
    free(object);
  }
  return 0;
}
