// From a line that is typed to the end of the command it was: a shell's next prompt on a bare PTY, or the answer to a run over a kept
// connection. In turns, so that both see the same noise.
//
//     line WHERE PATH COUNT COMMAND PROMPT SHELL [ARGUMENT…]      prints for the run, then for the shell: p50, p90 in nanoseconds
#include "../../Sessions/probes/wire.h"

enum { turn = 25, warming = 25 };

struct shell {
  int master;
  size_t filled;
  char buffer[1 << 16];
};

/// Reads until the shell has said the prompt, behind a line's end if there was a line: line editors paint the old one again.
static void until_prompt(struct shell *shell, const char *prompt, int is_line) {
  size_t length = strlen(prompt);
  int64_t began = now_ns();
  for (;;) {
    char *from = is_line ? memchr(shell->buffer, '\n', shell->filled) : shell->buffer;
    if (from && memmem(from, shell->buffer + shell->filled - from, prompt, length)) return;
    if (now_ns() - began > 10000000000) die("the prompt '%s' did not come; instead: %.*s", prompt, (int)shell->filled, shell->buffer);
    struct pollfd wait = {.fd = shell->master, .events = POLLIN};
    if (poll(&wait, 1, 100) != 1) continue;
    if (shell->filled == sizeof shell->buffer) die("the prompt '%s' did not come", prompt);
    ssize_t got = read(shell->master, shell->buffer + shell->filled, sizeof shell->buffer - shell->filled);
    if (got <= 0) die("the shell ended; it said: %.*s", (int)shell->filled, shell->buffer);
    shell->filled += got;
  }
}

/// Takes what else the shell paints behind its prompt.
static void until_quiet(struct shell *shell, int milliseconds) {
  struct pollfd wait = {.fd = shell->master, .events = POLLIN};
  while (poll(&wait, 1, milliseconds) == 1) {
    if (read(shell->master, shell->buffer, sizeof shell->buffer) <= 0) die("the shell ended");
  }
  shell->filled = 0;
}

static void show(int64_t *times, int count) {
  qsort(times, count, sizeof *times, compare_times);
  printf("%lld %lld\n", (long long)times[count / 2], (long long)times[count * 9 / 10]);
}

int main(int arguments, char **argv) {
  if (arguments < 7) die("usage: line WHERE PATH COUNT COMMAND PROMPT SHELL [ARGUMENT…]");
  int count = atoi(argv[3]), fd = connect_to(argv[1]);
  const char *command = argv[4], *prompt = argv[5];
  static struct shell shell;
  char slave[64], request[2048], body[1024], line[1024];
  shell.master = open_terminal(slave, sizeof slave);
  pid_t child = start_in_terminal(slave, argv + 6);
  until_prompt(&shell, prompt, 0);
  until_quiet(&shell, 300);
  int length = snprintf(body, sizeof body, "{\"command\":\"%s\"}", command);
  int size = snprintf(
      request, sizeof request, "POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
      argv[2], authorization(), length, body);
  int line_length = snprintf(line, sizeof line, "%s\r", command);
  int64_t *runs = calloc(count, sizeof *runs), *lines = calloc(count, sizeof *lines);
  for (int done = -warming; done < count; done += turn) {
    for (int i = done; i < done + turn && i < count; i++) {
      int64_t began = now_ns();
      ask(fd, request, size);
      if (i >= 0) runs[i] = now_ns() - began;
    }
    for (int i = done; i < done + turn && i < count; i++) {
      int64_t began = now_ns();
      write_all(shell.master, line, line_length);
      until_prompt(&shell, prompt, 1);
      if (i >= 0) lines[i] = now_ns() - began;
      until_quiet(&shell, 0);
    }
  }
  show(runs, count);
  show(lines, count);
  kill(child, SIGHUP);
  close(shell.master);
  waitpid(child, NULL, 0);
}
