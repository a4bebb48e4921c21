#!/usr/bin/python3
"""Memory and CPU time of sessions in which nothing happens: roost against tmux."""
import statistics

import bench

COUNTS = (20, 50) if bench.QUICK else (200, 1000)
#: What is counted moves by less than a percent from run to run, and a run of so many programs takes its time.
RUNS = min(bench.RUNS, 2)
WATCHED = 1 if bench.QUICK else 10
#: Cells of 8 bytes.
SCREEN = 80 * 24 * 8
IDLE = ["sleep", "100000"]
WARMING = 8


def ours(server, count):
    for _ in range(count):
        server.create(IDLE)


def peers(server, count):
    # One client for many: starting clients is not what is measured.
    file = server.folder / "sessions"
    file.write_text("new-session -d -x 80 -y 24 sleep 100000\n" * count)
    server.call("source-file", str(file))


def grow(make, create, pids):
    """Growth per session of each process's private memory at each count, and its CPU time a second when all are idle."""
    with make() as server:
        # The first sessions bring in code and tables that all share.
        create(server, WARMING)
        before = {role: bench.settled(lambda role=role: bench.private_bytes(pids(server)[role])) for role in pids(server)}
        resident = bench.resident_bytes(pids(server)["server"])
        result, have = {}, 0
        for count in COUNTS:
            create(server, count - have)
            have = count
            for role, pid in pids(server).items():
                result[role, count] = (bench.settled(lambda: bench.private_bytes(pid)) - before[role]) / count
            result["resident", count] = (bench.resident_bytes(pids(server)["server"]) - resident) / count
        used = {role: bench.cpu_seconds(pid) for role, pid in pids(server).items()}
        bench.time.sleep(WATCHED)
        for role, pid in pids(server).items():
            result[role, "cpu"] = (bench.cpu_seconds(pid) - used[role]) / WATCHED * 100
        return result


mine, theirs = [], []
for run in range(RUNS):
    mine.append(grow(
        lambda: bench.Roost("--max-sessions", "2000"), ours,
        lambda server: {"server": server.pid, "keeper": server.keeper_pid}))
    theirs.append(grow(bench.Tmux, peers, lambda server: {"server": server.pid}))
    bench.progress(f"idle: {mine[-1]['server', COUNTS[-1]] / 1024:.1f} KiB a session, tmux {theirs[-1]['server', COUNTS[-1]] / 1024:.1f} KiB")


def kib(runs, *key):
    return [run[key] / 1024 for run in runs]


table = bench.Table("Idle sessions (`sleep`), private memory of the server for each", "roost", bench.tmux_version(), "besides the screen")
for count in COUNTS:
    besides = statistics.median(kib(mine, "server", count)) - SCREEN / 1024
    table.row(
        f"{count:,} sessions", bench.spread(kib(mine, "server", count), "KiB", 1),
        bench.spread(kib(theirs, "server", count), "KiB", 1), besides, ("≤", 24), "KiB", 1)
    table.row(
        f"{count:,} sessions, resident", bench.spread(kib(mine, "resident", count), "KiB", 1),
        bench.spread(kib(theirs, "resident", count), "KiB", 1))
    table.row(f"{count:,} sessions, keeper", bench.spread(kib(mine, "keeper", count), "KiB", 1), "")
cpu = [run["server", "cpu"] for run in mine]
table.row(
    f"CPU of the server over {WATCHED} s, {COUNTS[-1]:,} sessions", bench.spread(cpu, "%", 2),
    bench.spread([run["server", "cpu"] for run in theirs], "%", 2), statistics.median(cpu), ("≤", 0.1), "%")
table.row(f"CPU of the keeper over {WATCHED} s", bench.spread([run["keeper", "cpu"] for run in mine], "%", 2), "")
table.note(f"A screen of 80×24 is {SCREEN / 1024:.0f} KiB.")
table.show()
