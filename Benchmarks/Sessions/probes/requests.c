// Time per request of several paths on one kept connection, in turns, so that they see the same noise.
//
//     requests WHERE COUNT PATH…      prints for each path: median nanoseconds, bytes of the body
#include "wire.h"

enum { turn = 50, warming = 200 };

int main(int arguments, char **argv) {
  if (arguments < 4) die("usage: requests WHERE COUNT PATH…");
  int count = atoi(argv[2]), paths = arguments - 3;
  int fd = connect_to(argv[1]);
  int64_t *times = calloc((size_t)paths * count, sizeof *times);
  char requests[8][512];
  long bodies[8];
  if (paths > 8) die("too many paths");
  for (int i = 0; i < paths; i++) {
    snprintf(requests[i], sizeof requests[i], "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", argv[3 + i]);
    for (int j = 0; j < warming; j++) bodies[i] = ask(fd, requests[i], strlen(requests[i]));
  }
  for (int done = 0; done < count; done += turn) {
    for (int i = 0; i < paths; i++) {
      size_t length = strlen(requests[i]);
      for (int j = done; j < done + turn && j < count; j++) {
        int64_t began = now_ns();
        ask(fd, requests[i], length);
        times[(size_t)i * count + j] = now_ns() - began;
      }
    }
  }
  for (int i = 0; i < paths; i++) {
    qsort(times + (size_t)i * count, count, sizeof *times, compare_times);
    printf("%lld %ld\n", (long long)times[(size_t)i * count + count / 2], bodies[i]);
  }
}
