#!/usr/bin/python3
"""Reading a full coloured screen against the smallest request there is, on one kept connection."""
import bench

COUNT = 500 if bench.QUICK else 5000
WORDS = "session screen history viewer keeper socket channel prompt command window cursor region margin scroll".split()


def few_colors():
    """What `ls`, a compiler or a diff leave: each row full, a change of colour every word."""
    rows = []
    for row in range(24):
        text, column, word = "", 0, row
        while column < 80:
            piece = (WORDS[word % len(WORDS)] + " ")[: 80 - column]
            text += f"\x1b[{(0, 1)[word % 2]};{31 + word % 6}m{piece}\x1b[m"
            column += len(piece)
            word += 1
        rows.append(text)
    return "\r\n".join(rows)


def own_colors():
    """The worst there can be: every cell a pair of colours of its own."""
    return "\r\n".join(
        "".join(f"\x1b[38;2;{row * 10};{column * 3};{row};48;5;{(row + column) % 256}m{chr(65 + column % 26)}" for column in range(80))
        for row in range(24))


runs = {}
with bench.Roost() as roost:
    names = {}
    for title, picture in (("coloured words", few_colors()), ("each cell its own colours", own_colors())):
        file = roost.folder / title.replace(" ", "-")
        file.write_text(picture)
        names[title] = roost.create(["sh", "-c", f"cat {file}; exec sleep 100000"])
    paths = {"GET /health": "/health"}
    for title, name in names.items():
        # The screen is there when the program has gone on to sleep.
        roost.call("POST", f"/sessions/{name}/wait", {"for": "idle", "idle_ms": 200})
        lines = roost.call("GET", f"/sessions/{name}/screen?format=plain")["lines"]
        if len(lines) != 24 or min(map(len, lines)) < 79:
            raise RuntimeError(f"the screen is not full: {lines}")
        paths[f"screen, {title}"] = f"/sessions/{name}/screen"
        if title == "coloured words":
            paths[f"plain screen, {title}"] = f"/sessions/{name}/screen?format=plain"
    for run in range(bench.RUNS):
        for door in ("unix", "tcp"):
            numbers = bench.run_probe("requests", getattr(roost, door), COUNT, *paths.values())
            for index, what in enumerate(paths):
                runs.setdefault((door, what), []).append((numbers[2 * index] / 1e3, numbers[2 * index + 1]))

table = bench.Table(f"`GET screen` against `GET /health`, {bench.RUNS} × {COUNT} requests", "screen", "health")
for door, through in (("unix", "Unix socket"), ("tcp", "TCP")):
    health = [run[0] for run in runs[door, "GET /health"]]
    for what in paths:
        if what == "GET /health":
            continue
        times = [run[0] for run in runs[door, what]]
        size = runs[door, what][0][1]
        ratio = bench.statistics.median(times) / bench.statistics.median(health)
        reach = ("≤", 2) if what == "screen, coloured words" else None
        table.row(
            f"{what} ({size:,} B), {through}", bench.spread(times, "µs"), bench.spread(health, "µs"), ratio, reach)
table.show()
