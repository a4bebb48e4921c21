#!/usr/bin/python3
"""From a key to its echo: through roost's raw WebSocket, a bare PTY, and terminado. One C client does all of them."""
import subprocess

import bench

COUNT = 300 if bench.QUICK else 3000
# The terminal echoes each key; the program takes them away as they come.
PROGRAM = ["sh", "-c", "stty -icanon; exec cat >/dev/null"]


def through_roost(door):
    with bench.Roost() as roost:
        name = roost.create(PROGRAM)
        return bench.run_probe("keystrokes", "raw", COUNT, getattr(roost, door), f"/sessions/{name}/ws/raw")


def through_terminado():
    with bench.Scratch() as scratch:
        server = subprocess.Popen(
            ["/usr/bin/python3", str(bench.HERE / "terminado-server.py"), *PROGRAM], env=scratch.env,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True)
        try:
            port = int(server.stdout.readline())
            return bench.run_probe("keystrokes", "json", COUNT, f"tcp:127.0.0.1:{port}", "/websocket")
        finally:
            # Its terminal's program ends with the terminal.
            server.kill()
            server.wait()


ways = {
    "roost over TCP": lambda: through_roost("tcp"), "roost over its Unix socket": lambda: through_roost("unix"),
    "bare PTY": lambda: bench.run_probe("keystrokes", "pty", COUNT, *PROGRAM), "terminado over TCP": through_terminado,
}
runs = {way: [] for way in ways}
for run in range(bench.RUNS):
    for way, measure in ways.items():
        runs[way].append([value / 1e3 for value in measure()[:2]])
    bench.progress("echo: p50 " + ", ".join(f"{way} {values[-1][0]:.0f} µs" for way, values in runs.items()))


def column(way, index):
    return [run[index] for run in runs[way]]


def middle(way, index=0):
    return bench.statistics.median(column(way, index))


table = bench.Table(f"Keystroke to echo, {bench.RUNS} × {COUNT} keys", "roost", "peer", "difference or ratio")
for door in ("roost over TCP", "roost over its Unix socket"):
    for index, what, reach in ((0, "p50", ("≤", 100)), (1, "p99", None)):
        table.row(
            f"{door}, {what}, against a bare PTY", bench.spread(column(door, index), "µs"),
            bench.spread(column("bare PTY", index), "µs"), middle(door, index) - middle("bare PTY", index), reach, "µs", 0)
for index, what, reach in ((0, "p50", ("≥", 5)), (1, "p99", None)):
    table.row(
        f"over TCP, {what}, against terminado", bench.spread(column("roost over TCP", index), "µs"),
        bench.spread(column("terminado over TCP", index), "µs"),
        middle("terminado over TCP", index) / middle("roost over TCP", index), reach)
table.show()
