// The same thing over several ways, in turns, so that all see the same noise. A way is an address and a path.
//
//     ways requests COUNT WHERE PATH [WHERE PATH]…     GET on a kept connection each
//     ways keys COUNT WHERE PATH [WHERE PATH]…         from a key to its echo, through raw WebSockets
//
// The token is in the variable TOKEN. Prints for each way: p50, p99 in nanoseconds, and the bytes of the last answer's body.
#include "../../Sessions/probes/wire.h"

enum { most = 8, turns = 10, warming = 50 };

struct way {
  const char *where, *path;
  int64_t *times;
  int measured;
  // Of requests.
  int fd;
  char request[1024];
  size_t length;
  long body;
};

static void requests(struct way *way, int count) {
  if (way->fd == 0) {
    way->fd = connect_to(way->where);
    way->length = snprintf(
        way->request, sizeof way->request, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", way->path, authorization());
    for (int i = 0; i < warming && i < count; i++) ask(way->fd, way->request, way->length);
  }
  // Its turn begins warm: what the others did in between is not its own.
  ask(way->fd, way->request, way->length);
  for (int i = 0; i < count; i++) {
    int64_t began = now_ns();
    way->body = ask(way->fd, way->request, way->length);
    way->times[way->measured++] = now_ns() - began;
  }
}

static void keys(struct way *way, int count) {
  // Opened anew each turn: another viewer of the session would have to be shown every echo too.
  static struct frames in;
  in = (struct frames){.fd = open_websocket(way->where, way->path)};
  time_echoes(&in, 0, warming, count, way->times + way->measured);
  way->measured += count;
  send_frame(in.fd, 8, "\x03\xe8", 2);
  for (int opcode = 0; opcode != 8;) {
    size_t size;
    next_frame(&in, &size, &opcode);
  }
  close(in.fd);
}

int main(int arguments, char **argv) {
  int count = arguments > 2 ? atoi(argv[2]) : 0, ways = (arguments - 3) / 2;
  if (count < turns || ways < 1 || ways > most || arguments % 2 == 0) die("usage: ways requests|keys COUNT WHERE PATH [WHERE PATH]…");
  int is_keys = strcmp(argv[1], "keys") == 0, each = count / turns;
  static struct way all[most];
  for (int i = 0; i < ways; i++) {
    all[i] = (struct way){.where = argv[3 + 2 * i], .path = argv[4 + 2 * i], .times = calloc(count, sizeof(int64_t))};
  }
  for (int turn = 0; turn < turns; turn++) {
    for (int i = 0; i < ways; i++) (is_keys ? keys : requests)(&all[i], each);
  }
  for (int i = 0; i < ways; i++) {
    int measured = all[i].measured;
    qsort(all[i].times, measured, sizeof(int64_t), compare_times);
    printf("%lld %lld %ld\n", (long long)all[i].times[measured / 2], (long long)all[i].times[measured * 99 / 100], all[i].body);
  }
}
