// From a publisher's write to a follower's read: an event is published over one kept connection and read from a WebSocket.
//
//     follow WHERE COUNT      prints nanoseconds: median, 99th percentile
#include "../../Sessions/probes/wire.h"

int main(int arguments, char **argv) {
  if (arguments != 3) die("usage: follow WHERE COUNT");
  int count = atoi(argv[2]), warming = 100;
  static struct frames in;
  in.fd = open_websocket(argv[1], "/events/ws?subject=bench.follow");
  size_t length;
  int opcode;
  next_frame(&in, &length, &opcode);
  int publisher = connect_to(argv[1]);
  const char *body = "{\"subject\":\"bench.follow\",\"data\":{\"pad\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}}";
  char request[1024], answer[4096];
  int size = snprintf(
      request, sizeof request,
      "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
      strlen(body), body);
  int64_t *times = calloc(count, sizeof *times);
  for (int i = -warming; i < count; i++) {
    int64_t began = now_ns();
    write_all(publisher, request, size);
    next_frame(&in, &length, &opcode);
    if (i >= 0) times[i] = now_ns() - began;
    if (read(publisher, answer, sizeof answer) < 20 || strncmp(answer, "HTTP/1.1 201", 12) != 0) die("no answer");
  }
  qsort(times, count, sizeof *times, compare_times);
  printf("%lld %lld\n", (long long)times[count / 2], (long long)times[count * 99 / 100]);
}
