#!/usr/bin/env python3
"""Makes the streams that the terminal engine is measured with: eight files of 8 MiB.

    Benchmarks/streams.py FOLDER

Seven are made of a fixed seed and come out the same everywhere. The eighth, `capture`, is what real programs write to a
terminal: those of a fixed list that are installed, recorded through a PTY of 80×24. A file that is there already stays.
"""
import fcntl
import os
import pathlib
import pty
import random
import select
import shutil
import signal
import struct
import sys
import termios
import time

SIZE = 8 << 20
ROWS, COLUMNS = 24, 80
WORDS = """alpha beta let func return daemon session screen buffer while if terminal state machine value index of the pointer
and public mutating guard else self print import struct class error result kernel socket channel encode decode frame a to in
is that for history page cell style width cursor region margin scroll repaint session-manager configuration documentation
x y node link peer tunnel message subject wire reactor lease queue backoff retry timeout deadline snapshot archive""".split()


def words_line(rng, most):
    words, length, wanted = [], 0, rng.randint(10, most)
    while length < wanted:
        words.append(rng.choice(WORDS))
        length += len(words[-1]) + 1
    return " ".join(words)[:most]


def ascii_lines(rng):
    while True:
        yield words_line(rng, 78) + "\r\n"


def colored_lines(rng):
    """ls --color, a compiler's progress and warnings, a diff."""
    while True:
        kind = rng.random()
        if kind < .4:
            columns = ("\x1b[%sm%s\x1b[0m  " % (
                rng.choice(["01;34", "01;32", "00", "01;36", "40;33;01", "01;31", "30;42"]),
                rng.choice(WORDS)[:14].ljust(14)) for _ in range(4))
            yield "".join(columns) + "\r\n"
        elif kind < .7:
            yield "\x1b[0m\x1b[1m\x1b[32m   Compiling\x1b[0m %s v0.%d.%d\r\n" % (
                rng.choice(WORDS), rng.randint(0, 30), rng.randint(0, 9))
        elif kind < .85:
            yield ("\x1b[1m\x1b[33mwarning\x1b[0m\x1b[0m\x1b[1m: unused variable: `%s`\x1b[0m\r\n"
                   "\x1b[0m  \x1b[0m\x1b[0m\x1b[1m\x1b[38;5;12m--> \x1b[0m\x1b[0msrc/%s.rs:%d:%d\x1b[0m\r\n") % (
                       rng.choice(WORDS), rng.choice(WORDS), rng.randint(1, 999), rng.randint(1, 80))
        else:
            yield "\x1b[32m+\x1b[m\x1b[32m%s\x1b[m\r\n\x1b[31m-%s\x1b[m\r\n" % (
                words_line(rng, 70), words_line(rng, 70))


def indexed_cells(_):
    """Every cell of every frame its own pair of palette colours."""
    frame = 0
    while True:
        frame += 1
        cells = ["\x1b[H"]
        for row in range(ROWS):
            for column in range(COLUMNS):
                index = (frame + row + column) % 156
                cells.append("\x1b[38;5;%d;48;5;%d;1;3;4m%c" % (
                    (index + 100) % 256, index * 2 % 256, 65 + (frame + column) % 26))
        yield "".join(cells)


def rgb_cells(_):
    """Every cell of every frame its own RGB colour."""
    frame = 0
    while True:
        frame += 1
        cells = ["\x1b[H"]
        for row in range(ROWS):
            for column in range(COLUMNS):
                cells.append("\x1b[38;2;%d;%d;%dm%c" % (
                    (frame + column * 3) % 256, row * 10 % 256, column * row % 256, 65 + (frame + column) % 26))
        yield "".join(cells)


def unicode_lines(rng):
    wide = [chr(c) for c in (*range(0x4E00, 0x5E00), *range(0x3042, 0x3090), *range(0xAC00, 0xAD00))]
    emoji = ["😀", "🚀", "👍🏽", "❤️", "👨‍👩‍👧", "✅", "⚠️", "🎉"]
    latin = ["naïve", "café", "Ångström", "e\u0301le\u0300ve", "─────", "│", "└──", "├── ", "→", "✓"]
    while True:
        kind = rng.random()
        if kind < .5:
            line = "".join(rng.choice(wide) for _ in range(rng.randint(5, 38)))
        elif kind < .7:
            line = " ".join(rng.choice(WORDS) + rng.choice(emoji) for _ in range(6))
        elif kind < .85:
            line = "".join(rng.choice("абвгдежзиклмнопрстуфхцчшщэюяАБВ ") for _ in range(rng.randint(20, 78)))
        else:
            line = " ".join(rng.choice(latin) for _ in range(9))
        yield line + "\r\n"


def region_traffic(rng):
    """Scrolling inside margins both ways, inserted and deleted lines."""
    while True:
        out = ["\x1b[5;20r\x1b[20;1H"]
        out += ["\n\r" + words_line(rng, 78) for _ in range(60)]
        out.append("\x1b[5;1H")
        out += ["\x1bM" + words_line(rng, 60) + "\r" for _ in range(30)]
        out.append("\x1b[10;1H\x1b[3L" + words_line(rng, 70) + "\r\x1b[2M\x1b[5S\x1b[2T\x1b[r")
        yield "".join(out)


def alternate_screen(rng):
    """An editor's redraws."""
    while True:
        out = ["\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J"]
        for frame in range(40):
            for row in range(22):
                out.append("\x1b[%d;1H\x1b[38;5;130m%4d \x1b[m" % (row + 1, frame + row))
                for index, word in enumerate(words_line(rng, 70).split(" ")):
                    if index % 4 == 1:
                        out.append("\x1b[38;5;%dm%s\x1b[m " % (rng.choice([81, 121, 130, 224]), word))
                    else:
                        out.append(word + " ")
                out.append("\x1b[K")
            out.append("\x1b[23;1H\x1b[1m\x1b[7m%-78s\x1b[m\x1b[24;1H\x1b[K%d,%d  %d%%\x1b[%d;%dH\x1b[?25h\x1b[?25l" % (
                "main.swift [+]", frame, frame, frame, 5, 10))
        out.append("\x1b[?1049l")
        yield "".join(out)


def record(command, keys=(), most=400 << 10, seconds=6.0):
    """What a command writes to a terminal while keys are typed into it."""
    child, master = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", LANG="C.UTF-8", LESS="", MANPAGER="less", PAGER="less")
        try:
            os.execvp(command[0], command)
        finally:
            os._exit(127)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    out, start, typed = bytearray(), time.monotonic(), 0
    next_key = start + .5
    while time.monotonic() - start < seconds and len(out) < most:
        if select.select([master], [], [], .02)[0]:
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            if not data:
                break
            out += data
        if typed < len(keys) and time.monotonic() > next_key:
            os.write(master, keys[typed].encode())
            typed += 1
            next_key = time.monotonic() + .02
    try:
        os.kill(child, signal.SIGKILL)
    except ProcessLookupError:
        pass
    os.close(master)
    os.waitpid(child, 0)
    return bytes(out)


def capture():
    here = str(pathlib.Path(__file__).resolve())
    progress = ("import sys\nfor i in range(800):\n"
                " sys.stdout.write('\\r\\x1b[2K[%s%s] %d%%'%('#'*(i//20),'.'*(40-i//20),i//8))\n")
    programs = [
        (["ls", "--color=always", "-la", "/usr/bin", "/etc", "/usr/lib"], ()),
        (["dpkg", "-l"], ["q"]),
        (["grep", "-rn", "--color=always", "-m", "20", "e", "/etc"], ()),
        ([sys.executable, "-c", progress], ()),
        (["less", here], [" "] * 8 + ["b"] * 8 + ["/def\r"] + ["n"] * 8 + ["q"]),
        (["man", "bash"], [" "] * 60 + ["b"] * 20 + ["q"]),
        (["top", "-d", "0.2"], ["c", "1", "q"]),
        (["vim", "-u", "DEFAULTS", here],
         [":syntax on\r", ":set nu hls\r"] + ["\x06"] * 8 + ["j"] * 60 + ["/def\r"] + ["n"] * 30
         + ["ihello world\x1b"] + ["dd"] * 10 + ["u"] * 10 + ["\x02"] * 8 + [":q!\r"]),
        (["htop", "-d", "2"], ["t", "H", "t"] + ["\x1b[B"] * 40 + ["q"]),
        (["git", "-C", str(pathlib.Path(here).parent), "-c", "color.ui=always", "--no-pager", "log", "-p", "--graph",
          "-20", "--", ":/*.swift"], ()),
    ]
    pieces = []
    for command, keys in programs:
        if shutil.which(command[0]):
            piece = record(command, keys)
            print(f"  {command[0]}: {len(piece)} bytes")
            pieces.append(piece)
    once = b"".join(pieces)
    while True:
        yield once


STREAMS = {
    "ascii": ascii_lines, "color": colored_lines, "indexed": indexed_cells, "rgb": rgb_cells, "unicode": unicode_lines,
    "region": region_traffic, "alternate": alternate_screen, "capture": lambda _: capture(),
}


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in STREAMS.items():
        path = folder / name
        if path.exists() and path.stat().st_size >= SIZE:
            continue
        out = bytearray()
        for piece in make(random.Random(7)):
            out += piece if isinstance(piece, bytes) else piece.encode()
            if len(out) >= SIZE:
                break
        path.write_bytes(out)
        print(f"{name}: {len(out)} bytes")


if __name__ == "__main__":
    main()
