#!/usr/bin/env python3
"""Two programs of roost side by side, in turns: what calls cost before and after a change.

    Benchmarks/compare.py OLD NEW [ROUNDS]

Each has a server and a hub of its own with scratch homes. Rows are medians of the rounds and, since a busy machine only adds, their least; the
ratio of the least is what a change is held to. Over Unix sockets, one kept connection.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

REQUESTS = 1500
EVENTS = 20000


class Connection:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)

    def request(self, raw):
        self.socket.sendall(raw)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.socket.recv(1 << 20)
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
        while len(body) < length:
            body += self.socket.recv(1 << 20)
        return head, body

    def json(self, method, path, value=None):
        body = b"" if value is None else json.dumps(value).encode()
        _, answer = self.request(request(method, path, body))
        return json.loads(answer) if answer else None


def request(method, path, body=b""):
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Server:
    def __init__(self, program, name):
        self.home = tempfile.mkdtemp(prefix="roost-compare-")
        os.makedirs(self.home + "/r", mode=0o700)
        self.environment = dict(os.environ, HOME=self.home, XDG_RUNTIME_DIR=self.home + "/r", SHELL="/bin/sh")
        self.environment.pop("ROOST_SOCKET", None)
        self.program = program
        self.process = subprocess.Popen(
            [program, "serve", "--hostname", name, "--bind", "127.0.0.1:0"], env=self.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.path = self.home + "/r/roost/default.sock"
        for _ in range(200):
            try:
                self.connection = Connection(self.path)
                return
            except OSError:
                time.sleep(0.05)
        sys.exit(f"compare.py: {program} does not serve")

    def end(self):
        self.connection.json("POST", "/server/shutdown", {"kill_sessions": True})
        self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def followed(path):
    """Events a second that server-sent events bring from the log."""
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(path)
    start = time.perf_counter()
    stream.sendall(request("GET", "/events/stream?after=0&subject=bench.%3E"))
    count, rest = 0, b""
    while count < EVENTS:
        rest += stream.recv(1 << 20)
        count += rest.count(b"\nevent: bench")
        rest = rest[-12:]
    stream.close()
    return EVENTS / (time.perf_counter() - start)


def main():
    programs = {"old": os.path.abspath(sys.argv[1]), "new": os.path.abspath(sys.argv[2])}
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 7
    servers = {}
    for name, program in programs.items():
        hub, web = Server(program, "hub"), Server(program, "web")
        address = web.connection.json("GET", "/server/info")["tcp_addr"]
        token = web.connection.json("POST", "/tokens", {"scopes": ["admin", "link"]})["token"]
        web.connection.json("POST", "/sessions", {"name": "a", "argv": ["/bin/cat"], "rows": 24, "cols": 80})
        hub.connection.json("POST", "/servers", {"address": "http://" + address, "role": "member", "token": token})
        while not any(x.get("health") == "healthy" and x["hostname"] == "web" for x in hub.connection.json("GET", "/servers")):
            time.sleep(0.05)
        for number in range(EVENTS // 100):
            events = [{"subject": "bench.x", "data": {"n": number, "text": "x" * 100}} for _ in range(100)]
            web.connection.json("POST", "/events", events)
        servers[name] = (hub, web)
    call = {"jsonrpc": "2.0", "id": 1, "method": "session.get", "params": {"session": "a"}}
    rows = [
        ("`GET /health`", 1, request("GET", "/health")),
        ("`GET /sessions/a/screen`", 1, request("GET", "/sessions/a/screen?format=plain")),
        ("`POST /sessions/a/input`", 1, request("POST", "/sessions/a/input")),
        ("`GET /sessions`", 1, request("GET", "/sessions")),
        ("JSON-RPC `session.get`", 1, request("POST", "/rpc", json.dumps(call).encode())),
        ("the screen through a hub", 0, request("GET", "/sessions/a/screen?format=plain&server=web")),
        ("`GET /sessions` at a hub", 0, request("GET", "/sessions")),
        ("a page of 100 events", 1, request("GET", "/events?limit=100")),
    ]
    taken, events = {}, {"old": [], "new": []}
    for number in range(rounds):
        order = ("old", "new") if number % 2 else ("new", "old")
        for title, place, raw in rows:
            for name in order:
                connection, times = servers[name][place].connection, []
                for _ in range(REQUESTS):
                    start = time.perf_counter()
                    head, _ = connection.request(raw)
                    times.append(time.perf_counter() - start)
                assert b" 200" in head[:16], head
                taken.setdefault((title, name), []).append(sorted(times)[REQUESTS // 2] * 1e6)
        for name in order:
            events[name].append(followed(servers[name][1].path))
    print("| | old | new | new : old, least of medians |\n|---|---|---|---|")
    for title, _, _ in rows:
        old, new = sorted(taken[title, "old"]), sorted(taken[title, "new"])
        middle = rounds // 2
        print(f"| {title}, p50 | {old[middle]:.1f} µs ({old[0]:.1f}) | {new[middle]:.1f} µs ({new[0]:.1f}) | {new[0] / old[0]:.3f} |")
    old, new = sorted(events["old"]), sorted(events["new"])
    print(f"| events a second by server-sent events | {old[-1]:,.0f} | {new[-1]:,.0f} | {new[-1] / old[-1]:.3f} |")
    for pair in servers.values():
        for server in pair:
            server.end()


main()
