// What the probes share: a clock, connecting, and just enough of WebSocket (RFC 6455) to be a client.
#pragma once
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

__attribute__((noreturn, format(printf, 1, 2))) static inline void die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fprintf(stderr, errno ? ": %s\n" : "\n", strerror(errno));
  exit(1);
}

static inline int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static inline int compare_times(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/// Connects to `unix:PATH` or `tcp:ADDRESS:PORT` (IPv4 loopback).
static inline int connect_to(const char *where) {
  if (strncmp(where, "unix:", 5) == 0) {
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", where + 5);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) die("connect %s", where);
    return fd;
  }
  char host[64];
  int port;
  if (sscanf(where, "tcp:%63[^:]:%d", host, &port) != 2) die("'%s' is no address", where);
  int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) die("'%s' is no address", host);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) die("connect %s", where);
  return fd;
}

static inline void write_all(int fd, const void *bytes, size_t count) {
  for (const char *at = bytes; count > 0;) {
    ssize_t written = write(fd, at, count);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) die("write");
    at += written;
    count -= written;
  }
}

static inline void read_exactly(int fd, void *into, size_t count) {
  for (char *at = into; count > 0;) {
    ssize_t got = read(fd, at, count);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) die("the connection ended");
    at += got;
    count -= got;
  }
}

/// The field that a request needs where the server wants a token, which is in the variable TOKEN; empty without one.
static inline const char *authorization(void) {
  static char field[256];
  const char *token = getenv("TOKEN");
  if (token && *token && !*field) snprintf(field, sizeof field, "Authorization: Bearer %s\r\n", token);
  return field;
}

/// Sends a request over a connection that is kept, and takes the whole answer; returns the length of its body.
static inline long ask(int fd, const char *request, size_t length) {
  static char *buffer;
  static size_t size;
  if (!buffer) buffer = malloc(size = 64 << 10);
  size_t filled = 0, wanted = 0;
  long body = 0;
  write_all(fd, request, length);
  while (wanted == 0 || filled < wanted) {
    if (filled == size - 1 && !(buffer = realloc(buffer, size *= 2))) die("no memory");
    ssize_t got = read(fd, buffer + filled, size - 1 - filled);
    if (got <= 0) die("the connection ended");
    filled += got;
    buffer[filled] = 0;
    if (wanted > 0) continue;
    char *end = strstr(buffer, "\r\n\r\n");
    if (!end) continue;
    char *field = strcasestr(buffer, "\r\ncontent-length:");
    if (!field || field > end) die("an answer without content-length");
    body = atol(field + 17);
    wanted = end + 4 - buffer + body;
  }
  if (strncmp(buffer, "HTTP/1.1 200", 12) != 0) die("%.*s: %.400s", (int)strcspn(request, "\r"), request, buffer);
  return body;
}

/// Asks for a WebSocket and returns when it is open.
static inline int open_websocket_of(const char *where, const char *path, const char *subprotocol) {
  char offered[128] = "";
  if (subprotocol) snprintf(offered, sizeof offered, "Sec-WebSocket-Protocol: %s\r\n", subprotocol);
  int fd = connect_to(where);
  char request[1024];
  int length = snprintf(
      request, sizeof request,
      "GET %s HTTP/1.1\r\nHost: localhost\r\n%s%sConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path, authorization(), offered);
  write_all(fd, request, length);
  char head[4096];
  size_t filled = 0;
  // A byte at a time: what follows the head belongs to the frames.
  while (filled < 4 || memcmp(head + filled - 4, "\r\n\r\n", 4) != 0) {
    if (filled == sizeof head) die("the answer's head is too long");
    read_exactly(fd, head + filled++, 1);
  }
  if (strncmp(head, "HTTP/1.1 101", 12) != 0) die("no WebSocket at %s: %.*s", path, 60, head);
  return fd;
}

static inline int open_websocket(const char *where, const char *path) { return open_websocket_of(where, path, 0); }

/// Sends one short masked frame.
static inline void send_frame(int fd, int opcode, const char *payload, int length) {
  if (length > 125) die("a probe's frame is too long");
  unsigned char frame[6 + 125] = {0x80 | opcode, 0x80 | length, 0x12, 0x34, 0x56, 0x78};
  for (int i = 0; i < length; i++) frame[6 + i] = payload[i] ^ frame[2 + i % 4];
  write_all(fd, frame, 6 + length);
}

/// Buffered reading of a server's frames: a message that has come costs one system call, as in any client.
struct frames {
  int fd;
  size_t start, end;
  char buffer[256 << 10];
};

static inline char *need(struct frames *in, size_t count) {
  if (count > sizeof in->buffer) die("a frame is too long");
  if (in->end - in->start < count && in->start > 0) {
    memmove(in->buffer, in->buffer + in->start, in->end - in->start);
    in->end -= in->start;
    in->start = 0;
  }
  while (in->end - in->start < count) {
    ssize_t got = read(in->fd, in->buffer + in->end, sizeof in->buffer - in->end);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) die("the WebSocket ended");
    in->end += got;
  }
  return in->buffer + in->start;
}

/// The next frame's payload, valid until the next call.
static inline char *next_frame(struct frames *in, size_t *length, int *opcode) {
  unsigned char *head = (unsigned char *)need(in, 2);
  size_t extra = (head[1] & 127) == 126 ? 2 : (head[1] & 127) == 127 ? 8 : 0, count = head[1] & 127;
  head = (unsigned char *)need(in, 2 + extra);
  *opcode = head[0] & 15;
  if (extra) {
    count = 0;
    for (size_t i = 0; i < extra; i++) count = count << 8 | head[2 + i];
  }
  char *payload = need(in, 2 + extra + count) + 2 + extra;
  in->start += 2 + extra + count;
  *length = count;
  return payload;
}

/// The key that a probe types at its turn: a capital, which stands in no name of a message around it.
static inline char key_of_turn(int turn) { return 'A' + turn % 26; }

/// Types a key, waits until it comes back, and so on. `times` gets the nanoseconds of each; those that only warm are not kept.
/// A key goes as a binary message, or as JSON in terminado's form.
static inline void time_echoes(struct frames *in, int is_json, int warming, int count, int64_t *times) {
  for (int i = -warming; i < count; i++) {
    char key = key_of_turn(i + warming), message[32];
    int length = is_json ? snprintf(message, sizeof message, "[\"stdin\", \"%c\"]", key) : 1;
    int64_t began = now_ns();
    send_frame(in->fd, is_json ? 1 : 2, is_json ? message : &key, length);
    for (int seen = 0; !seen;) {
      size_t size;
      int opcode;
      char *payload = next_frame(in, &size, &opcode);
      if (opcode == 8) die("the server closed");
      seen = memchr(payload, key, size) != NULL;
    }
    if (i >= 0) times[i] = now_ns() - began;
  }
}

/// A PTY of 80×24; `*slave` gets its other side's name.
static inline int open_terminal(char *slave, size_t size) {
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) die("posix_openpt");
  if (ptsname_r(master, slave, size) != 0) die("ptsname");
  struct winsize window = {.ws_row = 24, .ws_col = 80};
  ioctl(master, TIOCSWINSZ, &window);
  return master;
}

/// Starts a program with that terminal as its own.
static inline pid_t start_in_terminal(const char *slave, char **argv) {
  pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    setsid();
    int fd = open(slave, O_RDWR);
    for (int i = 0; i < 3; i++) dup2(fd, i);
    if (fd > 2) close(fd);
    execvp(argv[0], argv);
    _exit(127);
  }
  return child;
}
