#!/usr/bin/python3
"""`roost attach` until its first picture is complete, with all of 10,000 lines of history before it and with none."""
import fcntl
import os
import pty
import statistics
import struct
import termios

import bench

LINES = 10_050
ROWS, COLUMNS = 24, 80
TRIES = 3 if bench.QUICK else 15
#: Last on the screen, and nowhere in the history.
MARK = b"THE LAST ROW"


def attach(roost, name, scrollback):
    """Seconds from the start of the program to the end of the picture, and the bytes until then. The terminal answers and takes what comes."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(
            bench.ROOST,
            ["roost", "attach", name, "--socket", roost.socket, "--no-status", "--scrollback", scrollback], roost.env)
    began = bench.time.perf_counter()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    seen, total, answered = b"", 0, False
    try:
        while MARK not in seen:
            piece = os.read(terminal, 1 << 20)
            total += len(piece)
            seen = seen[-4096:] + piece
            if not answered and b"\x1b[c" in seen:
                os.write(terminal, b"\x1b[1;1R\x1b[?62;22c")
                answered = True
        return bench.time.perf_counter() - began, total
    finally:
        bench.end_process(pid)
        os.close(terminal)
        os.waitpid(pid, 0)


table = bench.Table(
    f"`roost attach` until the first picture, {bench.RUNS} × {TRIES} times", "10,000 lines", "none", "later by")
for kind, title in (("ascii", "ASCII lines"), ("color", "coloured lines"), ("unicode", "CJK, emoji, combining")):
    file = bench.line_file(kind, LINES)
    with_history, without, sizes = [], [], []
    with bench.Roost() as roost:
        name = roost.create(
            ["sh", "-c", f"cat {file}; printf '\\033[H\\033[J{MARK.decode()}'; exec sleep 100000"], rows=ROWS, cols=COLUMNS)
        roost.wait_match(name, MARK.decode())
        for packed in (False, True):
            if packed:
                bench.time.sleep(3)
            for _ in range(bench.RUNS * TRIES):
                took, size = attach(roost, name, "10000")
                with_history.append(took)
                sizes.append(size)
                without.append(attach(roost, name, "none")[0])
    later = (statistics.median(with_history) - statistics.median(without)) * 1e3
    table.row(
        f"{title}, {statistics.median(sizes) / bench.MB:.2f} MB", bench.milliseconds(with_history), bench.milliseconds(without),
        later, ("≤", 50), "ms", 1)
table.show()
