#!/usr/bin/python3
"""Tasks of agents, each done through Roost's HTTP API and through tmux by libtmux, in turns: what is wrong, and what it costs.

    Benchmarks/Agents/agents.py [TASK or FAMILY…]     all of them without one; RUNS=20 times, QUICK=1 once

Read the tasks as examples: one file for each family, and in it the two ways side by side. Needs libtmux of PyPI
(`pip install libtmux`, or Debian's python3-libtmux).
"""
import importlib
import os
import signal
import statistics
import sys
import time
import traceback

# Nothing is written beside the sources.
sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "Sessions"))
import bench  # noqa: E402
import roost as ours  # noqa: E402
import task  # noqa: E402
try:
    import tmux as peer  # noqa: E402
except ImportError:
    sys.exit("agents.py: libtmux is not there; install it: apt-get install python3-libtmux, or pip install libtmux")

FAMILIES = ["shells", "repls", "installers", "editors", "passwords", "progress", "screens", "nested", "together"]
RUNS = int(os.environ.get("RUNS", "1" if bench.QUICK else "20"))
#: A task that takes longer hangs: it is ended, and its answer is wrong.
BOUND = 60


class Hung(Exception):
    pass


def hung(*_):
    raise Hung(f"no answer within {BOUND} s")


def tasks_of(family):
    module = importlib.import_module(family)
    return [
        value for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, task.Task) and value.__module__ == family
        # What several tasks are made of is none itself.
        and not value.__subclasses__()]


def as_roost(roost, job):
    began = time.monotonic()
    session = ours.create(roost.socket, cwd=str(job.folder))
    try:
        return job.roost(session), time.monotonic() - began, dict(session.counts)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for name in session.opened:
            roost.call("DELETE", f"/sessions/{name}")


def as_tmux(server, job):
    began = time.monotonic()
    pane = peer.create(server, job.folder)
    try:
        return job.tmux(pane), time.monotonic() - began, dict(pane.counts)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for name in pane.opened:
            server.cmd("kill-session", "-t", name)


def attempt(way, server, made):
    """One task once: whether it is right, and what it cost."""
    signal.signal(signal.SIGALRM, hung)
    signal.setitimer(signal.ITIMER_REAL, BOUND)
    began = time.monotonic()
    try:
        answer, seconds, counts = way(server, made)
        truth = made.truth()
    except Exception as fault:
        # Waiting too long, a refusal, an answer without what was looked for: all of them are no right answer.
        where = traceback.extract_tb(fault.__traceback__)
        line = next((frame.lineno for frame in reversed(where) if os.path.basename(frame.filename)[:-3] in FAMILIES), 0)
        answer, seconds, counts = f"{type(fault).__name__} in line {line}: {fault}", time.monotonic() - began, {}
        try:
            truth = made.truth()
        except Exception as other:
            truth = f"{type(other).__name__}: {other}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return {"right": answer == truth, "got": answer, "truth": truth, "seconds": seconds, **counts}


def middle(results, kind, side, what):
    """The median over the runs whose answer was right."""
    return statistics.median([run[what] for run in results[kind][side] if run["right"]])


def total(results, kinds, side, what):
    """The sum over the tasks. One that a side never did right has no costs to compare, and is left out on both."""
    both = [kind for kind in kinds if all(any(run["right"] for run in results[kind][each]) for each in (0, 1))]
    return sum(middle(results, kind, side, what) for kind in both)


def bytes_shown(count):
    return f"{count / 1000:,.1f} kB"


def row(name, results, kinds):
    wrong = [sum(not run["right"] for kind in kinds for run in results[kind][side]) for side in (0, 1)]
    size = [total(results, kinds, side, "bytes") for side in (0, 1)]
    seconds = [total(results, kinds, side, "seconds") for side in (0, 1)]
    calls = [total(results, kinds, side, "calls") for side in (0, 1)]
    return (
        f"| {name} | {len(kinds)} | {len(results[kinds[0]][0])} | {wrong[0]} / {wrong[1]} "
        f"| {bytes_shown(size[0])} / {bytes_shown(size[1])} | {size[1] / max(size[0], 1):.1f}× "
        f"| {seconds[0]:.2f} s / {seconds[1]:.2f} s | {seconds[1] / max(seconds[0], 0.001):.1f}× | {calls[0]:.0f} / {calls[1]:.0f} |")


def main():
    wanted = sys.argv[1:]
    families = {family: tasks_of(family) for family in FAMILIES}
    known = {kind.__name__ for kinds in families.values() for kind in kinds} | set(families)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        sys.exit(f"agents.py: there is no task {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    if wanted:
        families = {
            family: [kind for kind in kinds if family in wanted or kind.__name__ in wanted] for family, kinds in families.items()}
    families = {family: kinds for family, kinds in families.items() if kinds}
    every = [kind for kinds in families.values() for kind in kinds]
    results = {kind: ([], []) for kind in every}

    with bench.Roost() as roost, bench.Tmux("set -g history-limit 50000\nset -g escape-time 10\n") as tmux:
        server = peer.connect(os.path.join(tmux.env["TMUX_TMPDIR"], f"tmux-{os.getuid()}", "bench"))
        for run in range(RUNS):
            for kind in every:
                # The one that begins changes from run to run.
                for side in ((0, 1), (1, 0))[run % 2]:
                    made = kind((roost, tmux)[side].folder)
                    done = attempt((as_roost, as_tmux)[side], (roost, server)[side], made)
                    results[kind][side].append(done)
                    if not done["right"]:
                        bench.progress(
                            f"{kind.__name__}, run {run + 1}, {('roost', 'tmux')[side]}: expected {done['truth']!r:.300}, "
                            f"got {done['got']!r:.600}")
            if RUNS < 5 or run % 5 == 4:
                wrong = [sum(not r["right"] for kind in every for r in results[kind][side]) for side in (0, 1)]
                bench.progress(f"agents: {run + 1} of {RUNS} runs, wrong answers {wrong[0]} / {wrong[1]}")
            if os.environ.get("VERBOSE"):
                for kind in every:
                    mine, theirs = (results[kind][side][-1] for side in (0, 1))
                    bench.progress(
                        f"{kind.__name__:28} {mine['seconds']:.2f} / {theirs['seconds']:.2f} s  "
                        f"{mine.get('bytes', 0):>7} / {theirs.get('bytes', 0):>7} bytes  {mine.get('calls', 0)} / {theirs.get('calls', 0)} calls")

    print(f"### Tasks of agents: roost / {bench.tmux_version()} by libtmux, {RUNS} runs each, in turns\n")
    print("| | tasks | runs | wrong answers | bytes to the agent | ratio | time | ratio | calls |")
    print("|---|---|---|---|---|---|---|---|---|")
    for family, kinds in families.items():
        print(row(family, results, kinds))
    print(row("**all**", results, every))
    last = total(results, every, 1, "last")
    mine, theirs = (total(results, every, side, "bytes") for side in (0, 1))
    solved = [kind for kind in every if all(any(run["right"] for run in results[kind][side]) for side in (0, 1))]
    fewer, faster = (
        sum(middle(results, kind, 0, what) < middle(results, kind, 1, what) for kind in solved) for what in ("bytes", "seconds"))
    print(
        f"\nFewer bytes by roost in {fewer} of {len(solved)} tasks, less time in {faster}. Bytes, time and calls are sums over these tasks of "
        "the median over the runs with a right answer. Bytes: the bodies of roost's answers; all text that capture-pane gave. "
        f"If only the last look of each wait is counted, tmux gave {bytes_shown(last)} ({last / max(mine, 1):.1f}×).\n")
    for side, name in enumerate(("roost", "tmux")):
        wrong = [(kind, number, done) for kind in every for number, done in enumerate(results[kind][side], 1) if not done["right"]]
        if wrong:
            print(f"Wrong answers of {name}:\n")
            for kind, number, done in wrong:
                print(f"- {kind.__name__}, run {number}: expected `{done['truth']!r:.200}`, got `{done['got']!r:.400}`")
            print()
    sys.exit(1 if any(not done["right"] for kind in every for done in results[kind][0]) else 0)


main()
