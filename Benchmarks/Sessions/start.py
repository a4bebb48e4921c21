#!/usr/bin/python3
"""From nothing to the first prompt: `roost` against `tmux new`, no server running, the same shell and settings."""
import statistics
import subprocess

import bench

RUNS = 3 if bench.QUICK else 4 * bench.RUNS
PROMPT = "ready> "


def ours(*words):
    with bench.Scratch() as scratch:
        try:
            return bench.run_probe("prompt", PROMPT, bench.ROOST, *words, env=scratch.env)[0] / 1e6
        finally:
            info = subprocess.run([bench.ROOST, "status", "--json"], env=scratch.env, capture_output=True, text=True)
            subprocess.run([bench.ROOST, "stop", "--kill-sessions"], env=scratch.env, capture_output=True)
            status = bench.json.loads(info.stdout) if info.returncode == 0 else {}
            for field in ("pid", "keeper_pid"):
                if field in status:
                    bench.end_process(status[field])


def peer():
    with bench.Scratch() as scratch:
        command = ["tmux", "-L", "bench", "-f", "/dev/null"]
        try:
            return bench.run_probe("prompt", PROMPT, *command, "new", env=scratch.env)[0] / 1e6
        finally:
            pid = subprocess.run([*command, "display-message", "-p", "#{pid}"], env=scratch.env, capture_output=True, text=True)
            subprocess.run([*command, "kill-server"], env=scratch.env, capture_output=True)
            if pid.stdout.strip().isdigit():
                bench.end_process(int(pid.stdout))


def bare():
    with bench.Scratch() as scratch:
        return bench.run_probe("prompt", PROMPT, "/bin/bash", env=scratch.env)[0] / 1e6


mine, theirs, shells = [], [], []
for run in range(RUNS):
    mine.append(ours())
    theirs.append(peer())
    shells.append(bare())
bench.progress(f"start: roost {statistics.median(mine):.1f} ms, tmux {statistics.median(theirs):.1f} ms")
table = bench.Table(f"No server running, to the first prompt of bash ({RUNS} runs)", "`roost`", "`tmux new`")
table.row(
    "wall time", bench.spread(mine, "ms"), bench.spread(theirs, "ms"),
    statistics.median(mine) / statistics.median(theirs), ("≤", 1.5))
table.row("the shell alone in a PTY", bench.spread(shells, "ms"), "")
table.show()
