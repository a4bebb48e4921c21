// Many viewers of one session.
//
//     viewers WHERE PATH READING SILENT [SUBPROTOCOL]
//
// Opens READING + SILENT raw WebSockets; the silent ones never read. Says "ready", reads until the session has ended for
// every reading one, and prints the bytes that they got, together and by the one that got least.
#include "wire.h"

#include <sys/epoll.h>

int main(int arguments, char **argv) {
  if (arguments != 5 && arguments != 6) die("usage: viewers WHERE PATH READING SILENT [SUBPROTOCOL]");
  const char *subprotocol = arguments == 6 ? argv[5] : 0;
  int reading = atoi(argv[3]), silent = atoi(argv[4]);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  int64_t *got = calloc(reading + 1, sizeof *got), total = 0;
  int *fds = calloc(reading + 1, sizeof *fds);
  for (int i = 0; i < silent; i++) open_websocket_of(argv[1], argv[2], subprotocol);
  for (int i = 0; i < reading; i++) {
    fds[i] = open_websocket_of(argv[1], argv[2], subprotocol);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event);
  }
  puts("ready");
  fflush(stdout);
  static char buffer[256 << 10];
  for (int open = reading; open > 0;) {
    struct epoll_event events[64];
    int count = epoll_wait(epoll, events, 64, 60000);
    if (count == 0) die("a minute of silence");
    for (int i = 0; i < count; i++) {
      int viewer = events[i].data.u32;
      ssize_t bytes = read(fds[viewer], buffer, sizeof buffer);
      if (bytes <= 0) {
        close(fds[viewer]);
        open--;
        continue;
      }
      got[viewer] += bytes;
      // The reason in the server's closing frame. It waits for ours before it hangs up.
      if (memmem(buffer, bytes, "session ended", 13)) send_frame(fds[viewer], 8, "\x03\xe8", 2);
    }
  }
  int64_t least = reading ? got[0] : 0;
  for (int i = 0; i < reading; i++) {
    total += got[i];
    if (got[i] < least) least = got[i];
  }
  printf("%lld %lld\n", (long long)total, (long long)least);
}
