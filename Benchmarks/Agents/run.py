#!/usr/bin/python3
"""`session.run true` over a kept connection, against the same shell's own time from the line to its next prompt on a bare PTY."""
import os
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Sessions"))
import bench  # noqa: E402

COUNT = 50 if bench.QUICK else 500
PROMPT = "ready> "
SHELLS = ["bash", "zsh", "fish"]


def settings(home):
    """The same prompt for each shell, and nothing else: what Roost adds is on its side alone."""
    (home / ".zshrc").write_text(f"PROMPT='{PROMPT}'\n")
    folder = home / "config" / "fish"
    folder.mkdir(parents=True)
    (folder / "config.fish").write_text(f"set -g fish_greeting\nfunction fish_prompt; echo -n '{PROMPT}'; end\n")


def measure(shell, probe):
    """p50 and p90 of the run and of the bare shell, in milliseconds: blocks of 25 in turns, by one C client."""
    with bench.Roost() as roost:
        settings(pathlib.Path(roost.env["HOME"]))
        name = roost.call("POST", "/sessions", {"shell": f"/usr/bin/{shell}"})["name"]
        roost.call("POST", f"/sessions/{name}/wait", {"for": "prompt"})
        command = [probe, roost.unix, f"/sessions/{name}/run", str(COUNT), "true", PROMPT, shell]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=roost.env)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return [int(word) / 1e6 for word in done.stdout.split()]


def main():
    runs = {shell: [] for shell in SHELLS}
    with tempfile.TemporaryDirectory() as folder:
        probe = bench.probe("line")
        if not os.path.exists(probe):
            # Without run.sh, which has built it.
            probe = folder + "/line"
            subprocess.run(["gcc", "-O2", "-o", probe, str(HERE / "probes" / "line.c")], check=True)
        for _ in range(bench.RUNS):
            for shell in SHELLS:
                runs[shell].append(measure(shell, probe))
            bench.progress("run: p50 " + ", ".join(f"{shell} {values[-1][0]:.2f} / {values[-1][2]:.2f} ms" for shell, values in runs.items()))

    def column(shell, index):
        return [values[index] for values in runs[shell]]

    table = bench.Table(f"`session.run true`, {bench.RUNS} × {COUNT} runs", "roost", "the line on a bare PTY", "difference")
    for shell in SHELLS:
        for index, what, reach in ((0, "p50", ("≤", 0.3)), (1, "p90", None)):
            mine, bare = column(shell, index), column(shell, index + 2)
            difference = bench.statistics.median(mine) - bench.statistics.median(bare)
            table.row(f"{shell}, {what}", bench.spread(mine, "ms"), bench.spread(bare, "ms"), difference, reach, "ms")
    table.show()


main()
