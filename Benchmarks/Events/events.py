#!/usr/bin/python3
"""The event log against SQLite, NATS and grep: appends that are on the disk, following, many followers, finding."""
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "Sessions"))
import bench

SECONDS = 0.3 if bench.QUICK else 2
COUNT = 100 if bench.QUICK else 3000
LOG_BYTES = (16 << 20) if bench.QUICK else (1 << 30)
#: On the disk of the build folder: /tmp may be memory.
DISK = bench.BUILD / "events"


def events_bench(*words):
    done = subprocess.run(
        [str(bench.BUILD / "release" / "events-bench"), *map(str, words)], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise RuntimeError(f"events-bench {words}: {done.stderr}")
    return done.stdout.strip()


def fresh(name):
    folder = DISK / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


class Nats(bench.Scratch):
    """A nats-server with JetStream in a folder on the disk."""

    def __enter__(self):
        self.process = subprocess.Popen(
            ["/usr/sbin/nats-server", "-a", "127.0.0.1", "-p", "42229", "-js", "-sd", str(fresh("nats"))], env=self.env,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url = "nats://127.0.0.1:42229"
        deadline = time.monotonic() + 10
        while True:
            try:
                bench.run_probe("nats", self.url, "follow", 1)
                return self
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def __exit__(self, *_):
        bench.end_process(self.process.pid)
        self.process.wait()
        super().__exit__()


class DiskRoost(bench.Roost):
    """A server whose state is on the disk that the peers write to."""

    def __init__(self, *arguments):
        self.state = fresh("roost")
        self.state.chmod(0o700)
        bench.Scratch.__init__(self)
        scratch = self.env
        scratch["XDG_STATE_HOME"] = str(self.state)
        make = bench.Scratch.__init__
        bench.Scratch.__init__ = lambda self: None
        try:
            super().__init__(*arguments)
        finally:
            bench.Scratch.__init__ = make


def rate(values):
    return bench.spread(values, "/s", 0)


def appends():
    runs = {}
    for run in range(bench.RUNS):
        for writers in (1, 64):
            for kind in ("log", "sqlite"):
                bench.progress(f"appends: run {run + 1}, {kind}, {writers} writers")
                folder = fresh("append")
                runs.setdefault((kind, writers), []).append(int(events_bench("append", folder, kind, writers, SECONDS)))
    table = bench.Table(
        "Durable appends of 400-byte events against SQLite (WAL, synchronous=FULL, one event a transaction)", "log", "SQLite")
    median = bench.statistics.median
    for writers, reach in ((1, 1), (64, 10)):
        ours, peer = runs["log", writers], runs["sqlite", writers]
        table.row(f"{writers} writer{'s' * (writers > 1)}", rate(ours), rate(peer), median(ours) / median(peer), ("≥", reach))
    table.show()
    return runs["log", 64]


def jetstream(log):
    ours, peer = [], []
    for run in range(bench.RUNS):
        bench.progress(f"JetStream: run {run + 1}")
        with Nats() as nats:
            peer += bench.run_probe("nats", nats.url, "publish", 64, int(SECONDS * 1000))
        with DiskRoost() as roost:
            ours += bench.run_probe("publish", roost.unix, 64, int(SECONDS * 1000))
    table = bench.Table(
        "Acknowledged appends of 64 writers against JetStream's file store, which does not sync", "ours, synced", "JetStream")
    median = bench.statistics.median
    table.row("the log itself", rate(log), rate(peer), median(log) / median(peer), ("≥", 1))
    table.row("over HTTP, 64 connections", rate(ours), rate(peer), median(ours) / median(peer))
    table.show()


def following():
    ours, peer = [], []
    for run in range(bench.RUNS):
        bench.progress(f"following: run {run + 1}")
        with DiskRoost() as roost:
            ours.append(bench.run_probe("follow", roost.tcp, COUNT)[0] / 1e3)
        with Nats() as nats:
            peer.append(bench.run_probe("nats", nats.url, "follow", COUNT)[0] / 1e3)
    table = bench.Table("From a publisher's write to a follower's read, p50", "ours, synced", "NATS core")
    table.row(
        "publish to WebSocket reader", bench.spread(ours, "µs"), bench.spread(peer, "µs"),
        bench.statistics.median(ours) / bench.statistics.median(peer), ("≤", 3))
    table.show()


def many_followers():
    few, many, memory = [], [], []
    for run in range(bench.RUNS):
        for count, runs in ((1, few), (1000, many)):
            bench.progress(f"followers: run {run + 1}, {count}")
            with DiskRoost() as roost:
                crowd = subprocess.Popen(
                    [bench.probe("followers"), roost.unix, str(count)], stdout=subprocess.PIPE, text=True)
                assert crowd.stdout.readline() == "ready\n"
                before = bench.resident_bytes(roost.pid)
                runs += bench.run_probe("publish", roost.unix, 1, int(SECONDS * 1000))
                if count > 1:
                    memory.append((bench.resident_bytes(roost.pid, "VmHWM") - before) / 1e6)
                bench.end_process(crowd.pid)
                crowd.wait()
    table = bench.Table("One publisher with 1,000 followers against one", "1,000", "1")
    median = bench.statistics.median
    table.row("events published", rate(many), rate(few), 100 * median(many) / median(few), ("≥", 70), unit="%", digits=0)
    table.row("memory that it takes meanwhile", bench.spread(memory, "MB"), "")
    table.show()


def finding():
    with bench.Scratch() as scratch:
        state = fresh("find")
        folder = state / "roost" / "bench" / "events"
        folder.mkdir(parents=True, mode=0o700)
        for part in (state, state / "roost", state / "roost" / "bench"):
            part.chmod(0o700)
        bench.progress("finding: writing the log")
        wanted = events_bench("fill", folder, LOG_BYTES)
        files = sorted(map(str, folder.glob("*/*.jsonl")))
        size = sum(pathlib.Path(file).stat().st_size for file in files)

        class Found(bench.Roost):
            def __init__(self):
                bench.Scratch.__init__(self)
                self.env["XDG_STATE_HOME"] = str(state)
                make = bench.Scratch.__init__
                bench.Scratch.__init__ = lambda self: None
                try:
                    super().__init__("--events-max-bytes", str(8 << 30))
                finally:
                    bench.Scratch.__init__ = make

        ours, peer = [], []
        with Found() as roost:
            for run in range(bench.RUNS):
                bench.progress(f"finding: run {run + 1}")
                began = time.monotonic()
                hits = subprocess.run(["grep", "-F", "-h", wanted, *files], capture_output=True, env={"LC_ALL": "C"}).stdout
                peer.append(time.monotonic() - began)
                began = time.monotonic()
                events = roost.call("GET", f"/events?correlation_id={wanted}")["events"]
                ours.append(time.monotonic() - began)
                lines = [line for line in hits.splitlines() if b'"correlation_id":"' + wanted.encode() in line]
                if len(events) != len(lines) or not events:
                    raise RuntimeError(f"{len(events)} found, grep has {len(lines)}")
        shutil.rmtree(state, ignore_errors=True)
    table = bench.Table(f"One correlation id in {size / 1e9:.2f} GB of log", "GET /events", "grep -F")
    table.row("time", bench.milliseconds(ours), bench.milliseconds(peer),
              bench.statistics.median(ours) / bench.statistics.median(peer), ("≤", 1.5))
    table.show()


which = sys.argv[1:] or ["appends", "following", "followers", "finding"]
if "appends" in which:
    jetstream(appends())
if "following" in which:
    following()
if "followers" in which:
    many_followers()
if "finding" in which:
    finding()
