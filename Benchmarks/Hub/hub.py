#!/usr/bin/python3
"""A hub in between, against the same without it: one hop's latency, a flood, a flood beside keystrokes, many backends."""
import concurrent.futures
import contextlib
import pathlib
import socket
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "Sessions"))
import bench
import pictures

#: The same on every server, so that a client may go by any way.
TOKEN = "bench-token-of-the-hub-and-its-backends"
ENV = {"TOKEN": TOKEN, "PATH": "/usr/bin:/bin"}
COUNT = 200 if bench.QUICK else 3000
FLOOD = (8 if bench.QUICK else 200) * bench.MB
BACKENDS, SESSIONS = (2, 5) if bench.QUICK else (20, 100)
LISTS = 20 if bench.QUICK else 100
WATCHED = 1 if bench.QUICK else 20
#: A run of many starts 4,000 programs, and what it measures moves little.
MANY_RUNS = min(bench.RUNS, 3)


# The servers

def enroll(hub, backends):
    """Puts backends behind a hub, and waits until it is connected to all."""
    for backend in backends:
        hub.call("POST", "/servers", {"address": "http://" + backend.tcp[len("tcp:"):], "token": TOKEN, "role": "member"})
    patiently(lambda: all(server["health"] == "healthy" for server in hub.call("GET", "/servers")), "connect")


def heard_of(hub):
    return sum(server["sessions"] or 0 for server in hub.call("GET", "/servers"))


def patiently(is_done, what, instead=lambda: "", seconds=60):
    deadline = time.monotonic() + seconds
    while not is_done():
        if time.monotonic() > deadline:
            raise RuntimeError(f"the hub did not {what} {instead()}")
        time.sleep(0.05)


@contextlib.contextmanager
def one_hop():
    """A hub and its one backend. Names in the hub's paths: `?server=web`."""
    with bench.Roost("--hostname", "web", token=TOKEN) as backend, bench.Roost("--hostname", "hub", token=TOKEN) as hub:
        enroll(hub, [backend])
        yield hub, backend


class Nginx(bench.Scratch):
    """A reverse proxy with one worker that keeps its connections."""

    def __init__(self, upstream):
        super().__init__()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.where = f"tcp:127.0.0.1:{port}"
        folder = self.folder
        settings = folder / "nginx.conf"
        kept = "".join(
            f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        settings.write_text(f"""
            daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr;
            events {{ worker_connections 64; }}
            http {{
              access_log off; keepalive_requests 10000000; {kept}
              upstream backend {{ server {upstream[len("tcp:"):]}; keepalive 8; keepalive_requests 10000000; }}
              server {{
                listen 127.0.0.1:{port};
                location / {{
                  proxy_pass http://backend; proxy_http_version 1.1;
                  proxy_set_header Connection ""; proxy_set_header Host $host;
                }}
              }}
            }}""")
        self.process = subprocess.Popen(
            ["/usr/sbin/nginx", "-p", str(folder), "-c", str(settings)], env=self.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=open(folder / "log", "w"))
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise RuntimeError("nginx did not start: " + (folder / "log").read_text())
                time.sleep(0.02)

    def __exit__(self, *_):
        bench.end_process(self.process.pid)
        self.process.wait()
        super().__exit__()


def nginx_version():
    return subprocess.run(["/usr/sbin/nginx", "-v"], capture_output=True, text=True).stderr.strip().split("/")[-1]


# Measuring

def ways(kind, count, *ways):
    """p50 and p99 in µs, and the body's length, of each way: in turns, by one client."""
    numbers = bench.run_probe("ways", kind, count, *(word for way in ways for word in way), env=ENV)
    return [(numbers[i] / 1e3, numbers[i + 1] / 1e3, numbers[i + 2]) for i in range(0, len(numbers), 3)]


def echoing(server):
    """A session whose terminal echoes each key, and whose program takes them away as they come."""
    return server.create(["sh", "-c", "stty -icanon; exec cat >/dev/null"])


def mean(values):
    return sum(values) / len(values)


# The pairs

def hop():
    """Two sessions each, which are on different loops. What counts is the mean of both."""
    screens, keys = [], []
    for run in range(bench.RUNS):
        with one_hop() as (hub, backend), Nginx(backend.tcp) as nginx:
            of_screen, of_keys = [], []
            for _ in range(2):
                path = f"/sessions/{pictures.show(backend, pictures.few_colors())}/screen"
                of_screen.append(ways(
                    "requests", COUNT, (backend.tcp, path), (hub.tcp, path + "?server=web"), (nginx.where, path)))
                path = f"/sessions/{echoing(backend)}/ws/raw"
                of_keys.append(ways("keys", COUNT, (backend.tcp, path), (hub.tcp, path + "?server=web")))
            size = of_screen[0][0][2]
            # Runs × ways × (p50, p99).
            screens.append([[mean([session[way][i] for session in of_screen]) for i in (0, 1)] for way in range(3)])
            keys.append([[mean([session[way][i] for session in of_keys]) for i in (0, 1)] for way in range(2)])
            for what, sessions in (("screen", of_screen), ("key", of_keys)):
                bench.progress(f"hop, {what}: p50 direct, hub, nginx " + "; ".join(
                    ", ".join(f"{way[0]:.0f}" for way in session) + " µs" for session in sessions))

    def column(runs, way, index):
        return [run[way][index] for run in runs]

    def middle(*where):
        return statistics.median(column(*where))

    def shown(*where):
        return bench.spread(column(*where), "µs")

    table = bench.Table(
        f"One hop, TCP, {bench.RUNS} × 2 sessions × {COUNT}", "through the hub", "peer", "difference or ratio")
    for index, what, more, times in ((0, "p50", ("≤", 80), ("≤", 1.2)), (1, "p99", None, None)):
        table.row(
            f"`GET screen` ({size:,} B), {what}, against direct", shown(screens, 1, index), shown(screens, 0, index),
            middle(screens, 1, index) - middle(screens, 0, index), more, "µs", 0)
        table.row(
            f"the same, against nginx {nginx_version()} in the hub's place", shown(screens, 1, index),
            shown(screens, 2, index), middle(screens, 1, index) / middle(screens, 2, index), times)
    for index, what, more in ((0, "p50", ("≤", 60)), (1, "p99", None)):
        table.row(
            f"key to echo, {what}, against direct", shown(keys, 1, index), shown(keys, 0, index),
            middle(keys, 1, index) - middle(keys, 0, index), more, "µs", 0)
    table.show()


def watched_flood(backend, file, where, server):
    """Seconds to the end at the source and at the viewer, and MB that the viewer got."""
    done, end = backend.folder / "done", "THE" + "-END-OF-IT"
    name = backend.create(
        ["sh", "-c", f"stty -echo; echo ready; read go; cat {file}; date +%s%N >{done}; echo {end}; exec sleep 100000"])
    backend.wait_match(name, "ready")
    began, seen, got = bench.run_probe("flooded", where, f"/sessions/{name}/ws/raw{server}", "go", end, env=ENV)
    source = int(done.read_text())
    backend.remove(name)
    return (source - began) / 1e9, (seen - began) / 1e9, got / 1e6


def flood():
    file = bench.stream_file("ascii", FLOOD)
    direct, hopped = [], []
    for run in range(bench.RUNS):
        with one_hop() as (hub, backend):
            # Which comes first takes turns: a server is warmer the second time.
            for is_hop in ((False, True) if run % 2 == 0 else (True, False)):
                where, server, runs = (hub.tcp, "?server=web", hopped) if is_hop else (backend.tcp, "", direct)
                runs.append(watched_flood(backend, file, where, server))
        bench.progress("flood: source, viewer, bytes: " + "; ".join(
            f"{way} {runs[-1][0]:.2f} s, {runs[-1][1]:.2f} s, {runs[-1][2]:.0f} MB" for way, runs in
            (("direct", direct), ("hub", hopped))))

    def column(runs, index):
        return [run[index] for run in runs]

    table = bench.Table(
        f"A flood of {FLOOD // bench.MB} MB with one viewer", "viewer behind the hub", "viewer at the server", "of direct")
    for index, what, reach in (
        (1, "wall time until the viewer has seen the end", ("≥", 90)), (0, "wall time of the program", ("≥", 90))):
        figure = statistics.median(column(direct, index)) / statistics.median(column(hopped, index)) * 100
        table.row(what, bench.spread(column(hopped, index), "s"), bench.spread(column(direct, index), "s"), figure, reach, "%", 0)
    figure = statistics.median(column(hopped, 2)) / statistics.median(column(direct, 2)) * 100
    table.row(
        "bytes that the viewer got", bench.spread(column(hopped, 2), "MB"), bench.spread(column(direct, 2), "MB"), figure, None, "%", 0)
    table.note("A viewer that cannot follow is shown a picture and goes on from there: the bytes tell how much of it all was shown.")
    table.show()


@contextlib.contextmanager
def flooding(backend, file, where, server):
    """A flood without an end, in a session of its own, and its viewer."""
    name = backend.create(
        ["sh", "-c", f"stty -echo; echo ready; read go; while :; do cat {file}; done"])
    backend.wait_match(name, "ready")
    viewer = subprocess.Popen(
        [bench.probe("flooded"), where, f"/sessions/{name}/ws/raw{server}", "go", ""], env=ENV, stdout=subprocess.PIPE, text=True)
    try:
        if viewer.stdout.readline().strip() != "ready":
            raise RuntimeError("the viewer did not come")
        yield
    finally:
        viewer.kill()
        viewer.wait()
        backend.remove(name)


def shared():
    file = bench.stream_file("ascii", 8 * bench.MB)
    names = ["hub", "hub, flooded", "direct", "direct, flooded"]
    runs = {name: [] for name in names}
    for run in range(bench.RUNS):
        with one_hop() as (hub, backend):
            measured = {name: [] for name in names}
            # Two sessions of which one is on the flood's loop, whichever that is.
            for session in [echoing(backend), echoing(backend)]:
                path = f"/sessions/{session}/ws/raw"
                for way, where, server in (("hub", hub.tcp, "?server=web"), ("direct", backend.tcp, "")):
                    measured[way] += ways("keys", COUNT, (where, path + server))
                    with flooding(backend, file, where, server):
                        measured[way + ", flooded"] += ways("keys", COUNT, (where, path + server))
            for name in names:
                runs[name].append([mean([each[i] for each in measured[name]]) for i in (0, 1)])
        bench.progress("shared: p50, p99 " + "; ".join(f"{name} {of[-1][0]:.0f}, {of[-1][1]:.0f} µs" for name, of in runs.items()))
    table = bench.Table(
        f"Key to echo beside a flood in another session, {bench.RUNS} × 2 sessions × {COUNT}", "with the flood", "without it")
    for way, title, reach in (("hub", "both through the hub, on one link", ("≤", 3)), ("direct", "both direct", None)):
        for index, what, bound in ((1, "p99", reach), (0, "p50", None)):
            beside, alone = ([run[index] for run in runs[name]] for name in (way + ", flooded", way))
            table.row(
                f"{title}, {what}", bench.spread(beside, "µs"), bench.spread(alone, "µs"),
                statistics.median(beside) / statistics.median(alone), bound)
    table.show()


def idle_sessions(server, count):
    """The answers of creating are read one at a time, on a connection of the caller's own."""
    connection = bench.UnixHTTP(server.socket)
    for _ in range(count):
        server.call("POST", "/sessions", {"argv": ["sleep", "100000"]}, connection)
    connection.close()


def many():
    total = BACKENDS * SESSIONS
    hubs, singles, memory, cpu, alone = [], [], [], [], []
    for run in range(MANY_RUNS):
        with contextlib.ExitStack() as stack:
            hub = stack.enter_context(bench.Roost("--hostname", "hub", token=TOKEN))
            # The first requests bring in code and tables.
            ways("requests", LISTS, (hub.tcp, "/sessions"))
            quiet = bench.settled(lambda: bench.resident_bytes(hub.pid))
            used = bench.cpu_seconds(hub.pid)
            time.sleep(WATCHED)
            alone.append((bench.cpu_seconds(hub.pid) - used) / WATCHED * 100)
            backends = [
                stack.enter_context(bench.Roost("--hostname", f"web{i}", token=TOKEN)) for i in range(BACKENDS)]
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda backend: idle_sessions(backend, SESSIONS), backends))
            enroll(hub, backends)
            # What there is of the hub's copies is asked of the copies, and not by listing, which takes memory itself.
            patiently(lambda: heard_of(hub) >= total, f"hear of {total} sessions", lambda: f"only of {heard_of(hub)}")
            grown = bench.settled(lambda: bench.resident_bytes(hub.pid)) - quiet
            used = bench.cpu_seconds(hub.pid)
            time.sleep(WATCHED)
            cpu.append((bench.cpu_seconds(hub.pid) - used) / WATCHED * 100)
            memory.append(grown / bench.MB)
            listed = len(hub.call("GET", "/sessions"))
            if listed != total:
                raise RuntimeError(f"the hub lists {listed} sessions")
            hubs.append(ways("requests", LISTS, (hub.tcp, "/sessions"))[0])
        with bench.Roost("--hostname", "single", "--max-sessions", str(total + 10), token=TOKEN) as single:
            idle_sessions(single, total)
            singles.append(ways("requests", LISTS, (single.tcp, "/sessions"))[0])
        bench.progress(
            f"many: list {hubs[-1][0] / 1e3:.1f} ms, one server {singles[-1][0] / 1e3:.1f} ms; "
            f"+{memory[-1]:.1f} MB, {cpu[-1]:.2f} % CPU")
    table = bench.Table(f"{BACKENDS} backends with {SESSIONS} idle sessions each", "hub", "peer", "figure")
    mine, theirs = ([of[0] / 1e3 for of in runs] for runs in (hubs, singles))
    table.row(
        f"`GET /sessions` ({hubs[0][2]:,} B), p50, against one server that has all {total:,} ({singles[0][2]:,} B)",
        bench.spread(mine, "ms"), bench.spread(theirs, "ms"), statistics.median(mine) / statistics.median(theirs), ("≤", 1.5))
    table.row(
        f"CPU time over {WATCHED} s in which nothing happens, against a hub with no backends", bench.spread(cpu, "%"),
        bench.spread(alone, "%"), statistics.median(cpu), ("≤", 1), "%")
    table.row("resident memory above a hub with no backends", bench.spread(memory, "MB"), "", statistics.median(memory), ("≤", 10), "MB")
    table.show()


parts = {"hop": hop, "flood": flood, "shared": shared, "many": many}
for name in sys.argv[1:] or parts:
    if name not in parts:
        sys.exit(f"hub.py: unknown part '{name}'; there are {', '.join(parts)}")
    parts[name]()
