#!/usr/bin/python3
"""A flood that ten viewers of ten sizes watch, against the same flood with ten viewers of the session's own size."""
import statistics
import subprocess

import bench

SIZE = (8 if bench.QUICK else 150) * bench.MB
OWN = [(24, 80)] * 10
TEN = [(8 + 4 * index, 40 + 20 * index) for index in range(10)]
file = bench.stream_file("ascii", SIZE)


def flood(sizes):
    with bench.Roost() as roost:
        name = roost.create(
            ["sh", "-c", f"stty -echo; read go; exec cat {file}"], rows=24, cols=80, size_policy="fixed")
        roost.call("POST", f"/sessions/{name}/wait", {"for": "input"})
        viewers = []
        try:
            for rows, columns in sizes:
                path = f"/sessions/{name}/ws/raw?rows={rows}&cols={columns}"
                viewers.append(subprocess.Popen(
                    [bench.probe("viewers"), roost.tcp, path, "1", "0", "roost.attach.v1"], stdout=subprocess.PIPE, text=True))
                if viewers[-1].stdout.readline().strip() != "ready":
                    raise RuntimeError("a viewer did not come")
            used = bench.cpu_seconds(roost.pid)
            began = bench.time.monotonic()
            roost.call("POST", f"/sessions/{name}/input", b"go\n")
            roost.wait_exit(name)
            took = bench.time.monotonic() - began
            shown = sum(int(viewer.communicate(timeout=60)[0].split()[0]) for viewer in viewers)
            return took, bench.cpu_seconds(roost.pid) - used, shown / 1e6
        finally:
            for viewer in viewers:
                if viewer.poll() is None:
                    viewer.kill()
                    viewer.wait()


ten, own = [], []
for run in range(bench.RUNS):
    own.append(flood(OWN))
    ten.append(flood(TEN))
    bench.progress(f"sizes: own {own[-1][0]:.2f} s, ten {ten[-1][0]:.2f} s, {ten[-1][2]:.1f} MB seen")


def column(runs, index):
    return [run[index] for run in runs]


table = bench.Table(f"A flood of {SIZE // bench.MB} MB with ten viewers", "ten sizes", "its own size", "figure")
speed = statistics.median(column(own, 0)) / statistics.median(column(ten, 0)) * 100
table.row("wall time of the child; its speed", bench.spread(column(ten, 0), "s"), bench.spread(column(own, 0), "s"), speed, ("≥", 90), "%", 0)
table.row("CPU time of the server", bench.spread(column(ten, 1), "s"), bench.spread(column(own, 1), "s"))
table.row("bytes shown to all", bench.spread(column(ten, 2), "MB"), bench.spread(column(own, 2), "MB"))
table.show()
