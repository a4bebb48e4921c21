#!/usr/bin/python3
"""A flood that 50 people watch, of whom 5 never read, against the same flood that nobody watches."""
import statistics
import subprocess

import bench

SIZE = (8 if bench.QUICK else 150) * bench.MB
READING, SILENT = 45, 5
file = bench.stream_file("ascii", SIZE)


def flood(watched):
    with bench.Roost() as roost:
        name = roost.create(["sh", "-c", f"stty -echo; read go; exec cat {file}"])
        roost.call("POST", f"/sessions/{name}/wait", {"for": "input"})
        viewers = None
        try:
            if watched:
                viewers = subprocess.Popen(
                    [bench.probe("viewers"), roost.tcp, f"/sessions/{name}/ws/raw?readonly=true", str(READING), str(SILENT)],
                    stdout=subprocess.PIPE, text=True)
                if viewers.stdout.readline().strip() != "ready":
                    raise RuntimeError("the viewers did not come")
            quiet, used = bench.resident_bytes(roost.pid), bench.cpu_seconds(roost.pid)
            began = bench.time.monotonic()
            roost.call("POST", f"/sessions/{name}/input", b"go\n")
            roost.wait_exit(name)
            took = bench.time.monotonic() - began
            total, least = map(int, viewers.communicate(timeout=60)[0].split()) if viewers else (0, 0)
            peak = bench.resident_bytes(roost.pid, "VmHWM")
            return took, (peak - quiet) / 1e6, bench.cpu_seconds(roost.pid) - used, total / 1e6, least / 1e6
        finally:
            if viewers and viewers.poll() is None:
                viewers.kill()
                viewers.wait()


alone, watched = [], []
for run in range(bench.RUNS):
    alone.append(flood(False))
    watched.append(flood(True))
    bench.progress(f"viewers: alone {alone[-1][0]:.2f} s, watched {watched[-1][0]:.2f} s, {watched[-1][3]:.0f} MB seen")


def column(runs, index):
    return [run[index] for run in runs]


table = bench.Table(
    f"A flood of {SIZE // bench.MB} MB with {READING} viewers and {SILENT} that never read", "watched", "nobody watches", "figure")
speed = statistics.median(column(alone, 0)) / statistics.median(column(watched, 0)) * 100
table.row("wall time of the child; its speed", bench.spread(column(watched, 0), "s"), bench.spread(column(alone, 0), "s"), speed, ("≥", 80), "%", 0)
peak = statistics.median(column(watched, 1))
table.row("peak memory of the server, growth", bench.spread(column(watched, 1), "MB"), bench.spread(column(alone, 1), "MB"), peak, ("≤", 32), "MB", 1)
table.row("CPU time of the server", bench.spread(column(watched, 2), "s"), bench.spread(column(alone, 2), "s"))
table.row("bytes shown to all, to the one that got least", bench.spread(column(watched, 3), "MB"), bench.spread(column(watched, 4), "MB"))
table.show()
