"""What the pairs share: a scratch server of each kind, measuring, and the table.

Every pair is a program of its own that runs ours and the peer in turns, so that both see the same noise, and compares medians.
"""
import contextlib
import http.client
import json
import os
import pathlib
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / ".build" / "bench"
ROOST = os.environ.get("ROOST", str(ROOT / ".build" / "release" / "roost"))
#: A smoke: everything once and small, to see that it works. Its figures mean nothing.
QUICK = os.environ.get("QUICK", "") not in ("", "0")
RUNS = int(os.environ.get("RUNS", "1" if QUICK else "5"))
#: More options for `roost serve`, to compare settings.
SERVE = os.environ.get("SERVE", "").split()
MB = 1_000_000


# A time-out from outside ends the pair by an exception, so that the servers that it started are ended too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))


# Building blocks

def probe(name):
    return str(BUILD / "probes" / name)


def run_probe(name, *arguments, env=None):
    """Runs a C probe and answers the numbers that it printed."""
    command = [probe(name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=env)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return [int(word) for word in done.stdout.split()]


def stream_file(kind, size):
    """A file of `size` bytes made of one of the streams, with a file's line ends (the terminal adds the returns)."""
    made = BUILD / "streams" / f"{kind}-{size}"
    if not made.exists():
        source = BUILD / "streams" / kind
        if not source.exists():
            subprocess.run([str(ROOT / "Benchmarks" / "streams.py"), str(source.parent)], check=True, stdout=sys.stderr)
        once = source.read_bytes().replace(b"\r\n", b"\n")
        # Whole lines: `cat` of it begins and ends like a real file.
        once = once[: once.rindex(b"\n") + 1]
        with open(made, "wb") as out:
            left = size
            while left > 0:
                piece = once if left >= len(once) else once[: once.rfind(b"\n", 0, left) + 1]
                out.write(piece)
                left -= len(piece) if piece is once else left
    return str(made)


def line_file(kind, lines):
    """A file of that many lines of one of the streams."""
    made = BUILD / "streams" / f"{kind}-{lines}-lines"
    if not made.exists():
        whole = pathlib.Path(stream_file(kind, 8 * MB)).read_bytes().split(b"\n")
        made.write_bytes(b"\n".join(whole[:lines]) + b"\n")
    return str(made)


def cpu_seconds(pid):
    """User and system time of a process so far, threads that have ended included, to a hundredth of a second."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def private_bytes(pid):
    """Memory that would come free if the process ended (USS)."""
    total = 0
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_"):
            total += int(line.split()[1]) * 1024
    return total


def resident_bytes(pid, field="VmRSS"):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def settled(read, tolerance=64 << 10, patience=10):
    """A figure once it has stopped moving for half a second."""
    deadline, last, since = time.monotonic() + patience, read(), time.monotonic()
    while time.monotonic() < deadline:
        time.sleep(0.1)
        value = read()
        if abs(value - last) > tolerance:
            last, since = value, time.monotonic()
        elif time.monotonic() - since >= 0.5:
            return value
    return read()


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def end_process(pid, patience=5):
    """Ends a process of ours and waits until it is gone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not is_alive(pid):
                return
            time.sleep(0.02)


class Scratch:
    """A home of its own for the programs measured: nothing of the user's is read or written."""

    def __init__(self):
        # In /tmp, for a socket's path may have 107 bytes at most.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="roost-bench-", dir="/tmp"))
        home = self.folder / "home"
        for folder in (home, self.folder / "run"):
            folder.mkdir(mode=0o700)
        for name in (".bashrc", ".bash_profile"):
            (home / name).write_text("PS1='ready> '\n")
        self.env = {
            "HOME": str(home), "XDG_RUNTIME_DIR": str(self.folder / "run"), "XDG_STATE_HOME": str(home / "state"),
            "XDG_CONFIG_HOME": str(home / "config"), "TMUX_TMPDIR": str(self.folder / "run"), "SHELL": "/bin/bash",
            "PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TERM": "xterm-256color",
        }

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)


# Ours

class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=300)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Roost(Scratch):
    """A roost server with a home of its own. With a token its TCP clients need that one."""

    def __init__(self, *arguments, token=None):
        super().__init__()
        door = ["--no-auth"] if token is None else []
        if token is not None:
            self.env["ROOST_TOKEN"] = token
        log = open(self.folder / "log", "w")
        self.process = subprocess.Popen(
            [ROOST, "serve", "--server-name", "bench", "--bind", "127.0.0.1:0", *door, *SERVE, *arguments],
            env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.socket = str(self.folder / "run" / "roost" / "bench.sock")
        deadline = time.monotonic() + 10
        while True:
            try:
                self.http = UnixHTTP(self.socket)
                info = self.call("GET", "/server/info")
                break
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise RuntimeError("roost did not start: " + (self.folder / "log").read_text())
                time.sleep(0.02)
        self.pid, self.keeper_pid = info["pid"], info["keeper_pid"]
        self.unix, self.tcp = "unix:" + self.socket, "tcp:" + info["tcp_addr"]

    def call(self, method, path, body=None, connection=None):
        connection = connection or self.http
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]!r}")
        return json.loads(content) if content else None

    def create(self, argv, **fields):
        return self.call("POST", "/sessions", {"argv": argv, **fields})["name"]

    def wait_exit(self, name, seconds=200):
        done = self.call("POST", f"/sessions/{name}/wait", {"for": "exit", "timeout_ms": seconds * 1000, "format": "plain"})
        if done.get("exit_status") != 0:
            raise RuntimeError(f"the session ended with {done.get('exit_status')}")
        return done

    def wait_match(self, name, text, seconds=60):
        return self.call("POST", f"/sessions/{name}/wait", {"for": "match", "text": text, "timeout_ms": seconds * 1000})

    def remove(self, name):
        self.call("DELETE", f"/sessions/{name}")

    def __exit__(self, *_):
        with contextlib.suppress(Exception):
            self.call("POST", "/server/shutdown", {"kill_sessions": True})
            self.process.wait(timeout=10)
        for pid in (self.pid, self.keeper_pid):
            end_process(pid)
        self.process.wait()
        super().__exit__()


# The peers

class Tmux(Scratch):
    """A tmux server with a home of its own and no client attached."""

    def __init__(self, settings="set -g history-limit 10000\n"):
        super().__init__()
        self.settings = self.folder / "tmux.conf"
        self.settings.write_text(settings + "set -g remain-on-exit on\n")
        self.command = ["tmux", "-L", "bench", "-f", str(self.settings)]
        self.call("new-session", "-d", "-s", "first", "-x", "80", "-y", "24", "sleep", "100000")
        self.pid = int(self.call("display-message", "-p", "#{pid}"))

    def call(self, *words, **more):
        done = subprocess.run(
            [*self.command, *words], env=self.env, capture_output=True, text=True, timeout=300, **more)
        if done.returncode != 0:
            raise RuntimeError(f"tmux {' '.join(words)[:200]}: {done.stderr.strip()}")
        return done.stdout

    def __exit__(self, *_):
        with contextlib.suppress(Exception):
            self.call("kill-server")
        end_process(self.pid)
        super().__exit__()


def tmux_version():
    return subprocess.run(["tmux", "-V"], capture_output=True, text=True).stdout.strip()


# The report

def milliseconds(values):
    return spread([value * 1e3 for value in values], "ms")


def spread(values, unit, digits=None):
    """The median, and how far the runs lie apart."""
    middle = statistics.median(values)
    if digits is None:
        digits = 0 if middle >= 100 else 1 if middle >= 10 else 2
    text = f"{middle:,.{digits}f} {unit}"
    if len(values) > 1:
        text += f" ({min(values):,.{digits}f}–{max(values):,.{digits}f})"
    return text


class Table:
    """The rows of one pair. A reach is a bound on a figure: `("≤", 1.1)`."""

    def __init__(self, title, ours, peer, figure="ratio"):
        self.lines = [f"### {title}", "", f"| | {ours} | {peer} | {figure} | reach | |", "|---|---|---|---|---|---|"]

    def row(self, what, ours, peer, figure=None, reach=None, unit="×", digits=2):
        shown = "" if figure is None else f"{figure:,.{digits}f} {unit}".replace(" ×", "×")
        bound = verdict = ""
        if reach is not None:
            sign, limit = reach
            bound = f"{sign} {limit:g} {unit}".replace(" ×", "×")
            verdict = "PASS" if (figure <= limit if sign == "≤" else figure >= limit) else "**MISS**"
        self.lines.append(f"| {what} | {ours} | {peer} | {shown} | {bound} | {verdict} |")

    def note(self, text):
        self.lines += ["", text]

    def show(self):
        print("\n".join(self.lines), end="\n\n", flush=True)


def progress(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def machine():
    """The machine and the programs, as one line of Markdown."""
    model = next(
        (line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown CPU")
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal")) / (1 << 20)
    load = " ".join(open("/proc/loadavg").read().split()[:3])

    def output(*command):
        try:
            return subprocess.run(command, capture_output=True, text=True).stdout.strip().splitlines()[0]
        except (OSError, IndexError):
            return "none"

    commit = output("git", "-C", str(ROOT), "log", "-1", "--format=%h %cs")
    terminado = output("dpkg-query", "-W", "-f=${Version}", "python3-terminado")
    return "\n".join([
        f"- machine: {model}, {os.cpu_count()} cores, {memory:.0f} GiB; Linux {platform.release()}; "
        f"load when it began: {load}",
        f"- roost at {commit}, Swift {output('swift', '--version').split('version ')[-1].split(' ')[0]}; {tmux_version()}; "
        f"terminado {terminado}, Python {platform.python_version()}; {output('gcc', '--version')}",
        f"- medians of {RUNS} runs, ours and the peer in turns, (fastest–slowest)",
    ])


if __name__ == "__main__":
    print(machine())
