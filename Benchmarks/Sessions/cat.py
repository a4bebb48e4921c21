#!/usr/bin/python3
"""A large `cat` through a session, its screen and history kept, against a bare PTY whose output is thrown away."""
import bench

SIZE = (8 if bench.QUICK else 200) * bench.MB
file = bench.stream_file("ascii", SIZE)
last_line = open(file, "rb").read()[-400:].decode().splitlines()[-1].rstrip()

ours, bare = [], []
for run in range(bench.RUNS):
    # A server of its own each time: nothing is warm that would not be for a user.
    with bench.Roost() as roost:
        began = bench.time.monotonic()
        name = roost.create(["cat", file])
        done = roost.wait_exit(name)
        ours.append(bench.time.monotonic() - began)
        shown = [line.rstrip() for line in done["screen"]["lines"]]
        if last_line not in shown:
            raise RuntimeError(f"the screen does not show the end of the file: {shown}")
        kept = roost.call("GET", f"/sessions/{name}/scrollback?limit=1")["total_lines"]
        if kept < 10_000:
            raise RuntimeError(f"only {kept} lines were kept")
    bare.append(bench.run_probe("pty-cat", "cat", file)[0] / 1e9)
    bench.progress(f"cat: {ours[-1]:.3f} s, bare {bare[-1]:.3f} s")

table = bench.Table(f"`cat` of {SIZE // bench.MB} MB to its end", "roost", "bare PTY, output discarded")
ratio = bench.statistics.median(ours) / bench.statistics.median(bare)
table.row("wall time", bench.spread(ours, "s"), bench.spread(bare, "s"), ratio, ("≤", 1.1))
table.show()
