// From a key to its echo: types one letter, waits until it comes back, and so on.
//
//     keystrokes pty COUNT PROGRAM [ARGUMENT…]      through a bare PTY
//     keystrokes raw COUNT WHERE PATH               through roost's raw WebSocket
//     keystrokes json COUNT WHERE PATH              through terminado's protocol
//
// Prints the p50, p99 and the worst in nanoseconds.
#include "wire.h"

enum { warming = 200 };

static int64_t *times;
static int count;

static void pty(char **argv) {
  char slave[64], buffer[4096];
  int master = open_terminal(slave, sizeof slave), held = open(slave, O_RDWR | O_NOCTTY | O_CLOEXEC);
  pid_t child = start_in_terminal(slave, argv);
  for (int i = -warming; i < count; i++) {
    char key = key_of_turn(i + warming);
    int64_t began = now_ns();
    write_all(master, &key, 1);
    for (int seen = 0; !seen;) {
      ssize_t got = read(master, buffer, sizeof buffer);
      if (got <= 0) die("read");
      seen = memchr(buffer, key, got) != NULL;
    }
    if (i >= 0) times[i] = now_ns() - began;
  }
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  close(held);
}

static void websocket(const char *where, const char *path, int is_json) {
  static struct frames in;
  in.fd = open_websocket(where, path);
  time_echoes(&in, is_json, warming, count, times);
  close(in.fd);
}

int main(int arguments, char **argv) {
  if (arguments < 4) die("usage: keystrokes pty|raw|json COUNT …");
  count = atoi(argv[2]);
  times = calloc(count, sizeof *times);
  if (strcmp(argv[1], "pty") == 0) {
    pty(argv + 3);
  } else {
    websocket(argv[3], argv[4], strcmp(argv[1], "json") == 0);
  }
  qsort(times, count, sizeof *times, compare_times);
  printf("%lld %lld %lld\n", (long long)times[count / 2], (long long)times[count * 99 / 100], (long long)times[count - 1]);
}
