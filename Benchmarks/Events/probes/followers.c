// Followers that read whatever comes and drop it, until this program is ended.
//
//     followers WHERE COUNT      prints "ready" when all are connected
#include "../../Sessions/probes/wire.h"

#include <sys/epoll.h>

int main(int arguments, char **argv) {
  if (arguments != 3) die("usage: followers WHERE COUNT");
  int count = atoi(argv[2]), poll_fd = epoll_create1(0);
  for (int i = 0; i < count; i++) {
    int fd = open_websocket(argv[1], "/events/ws?subject=bench.>");
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
  }
  puts("ready");
  fflush(stdout);
  static char buffer[256 << 10];
  for (;;) {
    struct epoll_event ready[64];
    int found = epoll_wait(poll_fd, ready, 64, -1);
    for (int i = 0; i < found; i++) {
      if (read(ready[i].data.fd, buffer, sizeof buffer) <= 0) return 0;
    }
  }
}
