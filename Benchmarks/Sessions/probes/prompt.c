// From the start of a program in a PTY to a text on it.
//
//     prompt TEXT PROGRAM [ARGUMENT…]      prints nanoseconds
#include "wire.h"

int main(int arguments, char **argv) {
  if (arguments < 3) die("usage: prompt TEXT PROGRAM [ARGUMENT…]");
  static char buffer[1 << 20];
  char slave[64];
  size_t filled = 0;
  int master = open_terminal(slave, sizeof slave), held = open(slave, O_RDWR | O_NOCTTY | O_CLOEXEC);
  int64_t began = now_ns();
  pid_t child = start_in_terminal(slave, argv + 2);
  while (!memmem(buffer, filled, argv[1], strlen(argv[1]))) {
    struct pollfd wait = {.fd = master, .events = POLLIN};
    if (poll(&wait, 1, 10000) != 1) die("'%s' did not come; instead: %.*s", argv[1], (int)filled, buffer);
    ssize_t got = read(master, buffer + filled, sizeof buffer - filled);
    if (got <= 0) die("the program ended; it said: %.*s", (int)filled, buffer);
    filled += got;
  }
  printf("%lld\n", (long long)(now_ns() - began));
  kill(child, SIGHUP);
  close(held);
  close(master);
  waitpid(child, NULL, 0);
}
