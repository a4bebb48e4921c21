// The bare limit: runs a program in a PTY, reads what it prints until it ends, throws it away.
//
//     pty-cat PROGRAM [ARGUMENT…]      prints nanoseconds, bytes, and the nanoseconds of CPU time that reading took
#include "wire.h"

#include <sys/resource.h>

int main(int count, char **argv) {
  if (count < 2) die("usage: pty-cat PROGRAM [ARGUMENT…]");
  static char buffer[64 << 10];
  char slave[64];
  int64_t began = now_ns(), bytes = 0;
  int master = open_terminal(slave, sizeof slave);
  // Kept open until the program has its own, so that the first read does not find the terminal closed.
  int held = open(slave, O_RDWR | O_NOCTTY | O_CLOEXEC);
  pid_t child = start_in_terminal(slave, argv + 1);
  char first;
  ssize_t got = read(master, &first, 1);
  close(held);
  for (bytes += got > 0; (got = read(master, buffer, sizeof buffer)) > 0;) bytes += got;
  int status;
  waitpid(child, &status, 0);
  if (status != 0) die("%s failed", argv[1]);
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  long long microseconds = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000LL + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
  printf("%lld %lld %lld\n", (long long)(now_ns() - began), (long long)bytes, microseconds * 1000);
}
