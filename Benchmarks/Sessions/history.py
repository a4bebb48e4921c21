#!/usr/bin/python3
"""Memory of 10,000 lines of history: roost right after the flood and once it has been packed, and tmux."""
import statistics

import bench

SESSIONS = 4 if bench.QUICK else 20
RUNS = 1 if bench.QUICK else min(bench.RUNS, 5)
LINES = 10_100
KINDS = [("ascii", "ASCII lines"), ("color", "coloured lines"), ("unicode", "CJK, emoji, combining")]


def program(file):
    """Waits for a line, floods, says so in words that are not in its command line, stays."""
    return f"stty -echo; read go; cat {file}; echo FLOOD''ED; {{}} exec sleep 100000"


def ours(file):
    with bench.Roost() as roost:
        names = [roost.create(["sh", "-c", program(file).format("")]) for _ in range(SESSIONS)]
        for name in names:
            roost.call("POST", f"/sessions/{name}/wait", {"for": "input"})
        empty = bench.settled(lambda: bench.private_bytes(roost.pid))
        began = bench.time.monotonic()
        for name in names:
            roost.call("POST", f"/sessions/{name}/input", b"go\n")
        for name in names:
            roost.wait_match(name, "FLOODED")
        flooded = bench.private_bytes(roost.pid)
        if bench.time.monotonic() - began > 1.5:
            bench.progress("history: the flood took so long that packing may have begun in it")
        bench.time.sleep(1.5)
        packed = bench.settled(lambda: bench.private_bytes(roost.pid))
        kept = roost.call("GET", f"/sessions/{names[0]}/scrollback?limit=1")["total_lines"]
        if kept < 10_000:
            raise RuntimeError(f"only {kept} lines were kept")
        return (flooded - empty) / SESSIONS / bench.MB, (packed - empty) / SESSIONS / bench.MB


def peer(file):
    with bench.Tmux() as tmux:
        command = program(file).format("tmux -L bench wait-for -S done$TMUX_PANE;")
        panes = [
            tmux.call("new-session", "-d", "-x", "80", "-y", "24", "-P", "-F", "#{pane_id}", command).strip()
            for _ in range(SESSIONS)
        ]
        bench.time.sleep(0.3)
        empty = bench.settled(lambda: bench.private_bytes(tmux.pid))
        for pane in panes:
            tmux.call("send-keys", "-t", pane, "go", "Enter")
        for pane in panes:
            tmux.call("wait-for", "done" + pane)
        full = bench.settled(lambda: bench.private_bytes(tmux.pid))
        return (full - empty) / SESSIONS / bench.MB


table = bench.Table(
    f"10,000 lines of history, private memory of the server for each of {SESSIONS} sessions", "roost", bench.tmux_version(),
    "roost")
for kind, title in KINDS:
    file = bench.line_file(kind, LINES)
    runs = []
    for run in range(RUNS):
        runs.append((*ours(file), peer(file)))
        bench.progress(f"history {kind}: " + ", ".join(f"{value:.2f} MB" for value in runs[-1]))
    before, after, theirs = ([run[index] for run in runs] for index in range(3))
    for what, values, limit in (("right after the flood", before, 0.8), ("packed", after, 0.3)):
        table.row(
            f"{title}, {what}", bench.spread(values, "MB"), bench.spread(theirs, "MB"), statistics.median(values), ("≤", limit), "MB")
table.show()
