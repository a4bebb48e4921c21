#!/usr/bin/python3
"""Floods of three kinds through a session with nobody attached: roost against tmux."""
import bench

PAIRS = [("ascii", "ASCII lines", 1.6), ("color", "coloured lines", 2.5), ("unicode", "CJK, emoji, combining", 4.5)]
SIZE = (8 if bench.QUICK else 50) * bench.MB


def ours(file):
    with bench.Roost() as roost:
        used, began = bench.cpu_seconds(roost.pid), bench.time.monotonic()
        roost.wait_exit(roost.create(["cat", file]))
        return bench.time.monotonic() - began, bench.cpu_seconds(roost.pid) - used


def peer(file):
    with bench.Tmux() as tmux:
        used, began = bench.cpu_seconds(tmux.pid), bench.time.monotonic()
        tmux.call("new-window", "-d", f"cat {file}; tmux -L bench wait-for -S done", ";", "wait-for", "done")
        return bench.time.monotonic() - began, bench.cpu_seconds(tmux.pid) - used


def limit(file):
    """The same read with nothing done to it: what the kernel alone costs a reader."""
    wall, _, cpu = bench.run_probe("pty-cat", "cat", file)
    return wall / 1e9, cpu / 1e9


table = bench.Table(f"`cat` of {SIZE // bench.MB} MB, nobody attached", "roost", bench.tmux_version())
bare = {}
for kind, title, reach in PAIRS:
    file = bench.stream_file(kind, SIZE)
    runs = []
    for run in range(bench.RUNS):
        runs.append((ours(file), peer(file), limit(file)))
        bench.progress(f"flood {kind}: wall and CPU " + ", ".join(f"{w:.2f} s {c:.2f} s" for w, c in runs[-1]))
    for index, what, bound in ((0, "wall time", reach), (1, "server's CPU time", 10)):
        mine, theirs = [run[0][index] for run in runs], [run[1][index] for run in runs]
        ratio = bench.statistics.median(theirs) / max(bench.statistics.median(mine), 1e-9)
        table.row(f"{title}: {what}", bench.spread(mine, "s"), bench.spread(theirs, "s"), ratio, ("≥", bound))
        bare.setdefault(what, []).append(f"{title} {bench.spread([run[2][index] for run in runs], 's')}")
for what, texts in bare.items():
    table.note(f"A bare PTY reader, {what}: {'; '.join(texts)}.")
table.show()
