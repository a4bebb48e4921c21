// Publishes over kept connections, each waiting for its answer before it sends the next, as fast as that goes.
//
//     publish WHERE CONNECTIONS MILLISECONDS      prints events per second
#include "../../Sessions/probes/wire.h"

#include <sys/epoll.h>

static const char body[] =
    "{\"subject\":\"bench.publish\",\"data\":{\"pad\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}}";

int main(int arguments, char **argv) {
  if (arguments != 4) die("usage: publish WHERE CONNECTIONS MILLISECONDS");
  int connections = atoi(argv[2]), poll_fd = epoll_create1(0);
  char request[1024];
  int length = snprintf(
      request, sizeof request,
      "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
      sizeof body - 1, body);
  for (int i = 0; i < connections; i++) {
    int fd = connect_to(argv[1]);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
    write_all(fd, request, length);
  }
  int64_t began = now_ns(), end = began + atoll(argv[3]) * 1000000;
  long answers = 0;
  while (now_ns() < end) {
    struct epoll_event ready[64];
    int count = epoll_wait(poll_fd, ready, 64, 1000);
    for (int i = 0; i < count; i++) {
      // An answer is small and comes whole.
      char answer[4096];
      ssize_t got = read(ready[i].data.fd, answer, sizeof answer);
      if (got < 20 || strncmp(answer, "HTTP/1.1 201", 12) != 0) die("%.*s", (int)(got > 0 ? got : 0), answer);
      answers++;
      write_all(ready[i].data.fd, request, length);
    }
  }
  printf("%lld\n", (long long)(answers * 1000000000.0 / (now_ns() - began)));
}
