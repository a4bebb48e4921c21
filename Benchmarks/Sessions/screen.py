#!/usr/bin/python3
"""Reading a full coloured screen against the smallest request there is, on one kept connection."""
import bench
import pictures

COUNT = 500 if bench.QUICK else 5000

runs = {}
with bench.Roost() as roost:
    paths = {"GET /health": "/health"}
    for title, picture in (("coloured words", pictures.few_colors()), ("each cell its own colours", pictures.own_colors())):
        name = pictures.show(roost, picture)
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
