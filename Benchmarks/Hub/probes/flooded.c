// One viewer of a flood.
//
//     flooded WHERE PATH INPUT END      types INPUT and a return, reads until END has come
//
// The token is in the variable TOKEN. Prints when it typed and when it had seen the end, in nanoseconds of the clock on the wall, and how
// many bytes of terminal output came in between. With an empty END it says "ready", and reads until it is killed.
#include "../../Sessions/probes/wire.h"

static int64_t wall_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int arguments, char **argv) {
  if (arguments != 5) die("usage: flooded WHERE PATH INPUT END");
  static struct frames in;
  static char tail[128];
  const char *end = argv[4];
  size_t kept = 0, wanted = strlen(end), size;
  int64_t bytes = 0;
  int opcode;
  if (wanted > sizeof tail / 2) die("that end is too long");
  in.fd = open_websocket(argv[1], argv[2]);
  next_frame(&in, &size, &opcode);  // the picture of the screen
  int64_t began = wall_ns();
  char line[120];
  int length = snprintf(line, sizeof line, "%s\n", argv[3]);
  send_frame(in.fd, 2, line, length);
  if (wanted == 0) {
    puts("ready");
    fflush(stdout);
  }
  while (1) {
    char *payload = next_frame(&in, &size, &opcode);
    if (opcode == 8) die("the server closed");
    bytes += size;
    if (wanted == 0) continue;
    // The end may lie across messages: what could be its beginning is kept.
    size_t most = wanted - 1, head = size < most ? size : most;
    memcpy(tail + kept, payload, head);
    if (memmem(tail, kept + head, end, wanted) || memmem(payload, size, end, wanted)) break;
    if (size >= most) {
      memcpy(tail, payload + size - most, kept = most);
    } else if ((kept += size) > most) {
      memmove(tail, tail + kept - most, most);
      kept = most;
    }
  }
  printf("%lld %lld %lld\n", (long long)began, (long long)wall_ns(), (long long)bytes);
}
