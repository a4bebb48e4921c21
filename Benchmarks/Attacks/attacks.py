#!/usr/bin/python3
"""`GET /sessions` for the owner, over a kept connection of the Unix socket, while others try to take the server: against the same without them."""
import contextlib
import json
import os
import pathlib
import resource
import socket
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Sessions"))
import bench  # noqa: E402

OWNER = "a-token-of-the-benchmark-0123456789"
SECONDS = 1 if bench.QUICK else 8
MIB = 1 << 20


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def connect(roost):
    return socket.create_connection(("127.0.0.1", int(roost.tcp.rsplit(":", 1)[1])), timeout=30)


def head(method, path, token=None, *fields):
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *fields]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def token(roost, *scopes):
    return roost.call("POST", "/tokens", {"name": "attacker", "scopes": list(scopes)})["token"]


# The attacks: each is kept up until the event is set, and says what it holds.

def silent(roost, stop):
    """Connections that say nothing, as many as the server takes and as fast as it closes them."""
    held = []
    while not stop.is_set():
        with contextlib.suppress(OSError):
            held.append(connect(roost))
        if len(held) > 3000:
            held.pop(0).close()
        time.sleep(0.001)


def bodies(roost, stop):
    """Bodies of a megabyte that nobody has let in, all but their last byte."""
    request = head("POST", "/sessions", None, "Content-Length: 1048576") + b"x" * (MIB - 1)
    held = []
    while not stop.is_set():
        with contextlib.suppress(OSError):
            one = connect(roost)
            held.append(one)
            one.settimeout(0.2)
            one.sendall(request)
        if len(held) > 800:
            held.pop(0).close()


def frame(payload):
    size = len(payload)
    length = struct.pack("!BB", 0x82, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x82, 0x80 | 126, size) if size < 65536 else struct.pack("!BBQ", 0x82, 0x80 | 127, size)
    return length + b"\0\0\0\0" + payload


def links(roost, stop):
    """Links with hundreds of streams, each with half a message."""
    secret = token(roost, "link", "sessions:read")
    held = []
    for number in range(3):
        link = connect(roost)
        link.sendall(head(
            "GET", "/link", secret, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: roost-link.1"))
        hub = f"00000000-0000-4000-8000-{number:012}"
        hello = json.dumps({"hello": {
            "protocol": 1, "oldest_protocol": 1, "hub_id": hub, "hostname": "evil", "version": "9", "via": [hub], "flags": [],
            "required_flags": [], "ping_ms": 60000, "deadline_ms": 60000}}).encode()
        link.sendall(bytes([0x81]) + frame(hello)[1:])
        held.append(link)
    context = {"correlation_id": hub, "principal": "user:0", "via": [hub], "limits": {"scopes": ["admin"], "role": "member"}}
    call = json.dumps({
        "kind": "call", "operation": "session.list", "path": [], "query": [], "body": "json", "method": "GET", "route": "/x",
        "context": context}).encode()
    part = b" " * 60000
    for stream in range(1, 1800, 2):
        for link in held:
            if stop.is_set():
                return
            with contextlib.suppress(OSError):
                link.settimeout(1)
                link.sendall(frame(b"\1" + struct.pack("<IBBI", len(call), 0, 0, stream) + call))
                for _ in range(8):
                    link.sendall(frame(b"\1" + struct.pack("<IBBI", len(part), 1, 3, stream) + part))
                link.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    while link.recv(1 << 16):
                        pass
    stop.wait()


def patterns(roost, stop):
    """Waits for a pattern that backtracks, on a session that goes on printing."""
    secret = token(roost, "sessions:read")
    body = json.dumps({"for": "match", "pattern": "(?:0|00|000)+[xyz]", "timeout_ms": 60000}).encode()
    held = []
    while not stop.is_set():
        with contextlib.suppress(OSError):
            one = connect(roost)
            one.sendall(head("POST", "/sessions/busy/wait", secret, f"Content-Length: {len(body)}") + body)
            held.append(one)
        if len(held) > 200:
            held.pop(0).close()
        time.sleep(0.01)


def batches(roost, stop):
    """Batches of the longest answers that there are."""
    secret = token(roost, "sessions:read")
    one = {"jsonrpc": "2.0", "id": 1, "method": "session.scrollback", "params": {"session": "long", "limit": 10000}}
    body = json.dumps([one] * 64).encode()

    def ask():
        while not stop.is_set():
            with contextlib.suppress(OSError), connect(roost) as client:
                client.sendall(head("POST", "/rpc", secret, f"Content-Length: {len(body)}", "Connection: close") + body)
                while client.recv(1 << 20) and not stop.is_set():
                    pass

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def pipelines(roost, stop):
    """Connections of one token with fifty requests for a long output each, none of which is read."""
    secret = token(roost, "sessions:read")
    requests = head("GET", "/sessions/long/scrollback?limit=5000", secret) * 50
    held = []
    for _ in range(1000):
        with contextlib.suppress(OSError):
            one = connect(roost)
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.send(requests)
            held.append(one)
    stop.wait()


def viewers(roost, stop):
    """Viewers of a screen of a million cells, each of which is another's neighbour's colour, that do not read and come again."""
    secret = token(roost, "sessions:read")
    held = []
    while not stop.is_set():
        with contextlib.suppress(OSError):
            one = connect(roost)
            one.sendall(head(
                "GET", "/sessions/large/ws/raw?readonly=true", secret, "Upgrade: websocket", "Connection: Upgrade",
                "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="))
            held.append(one)
        if len(held) > 32:
            held.pop(0).close()
        time.sleep(0.02)


ATTACKS = [
    ("3,000 silent connections", silent), ("bodies of strangers", bodies), ("hostile links", links),
    ("200 costly patterns", patterns), ("4 callers with batches of scrollbacks", batches),
    ("50,000 pipelined requests", pipelines), ("32 viewers of a large screen", viewers)]


def ask(roost):
    """The p99 of `GET /sessions` in seconds, and the most that the server held meanwhile."""
    times, most = [], 0
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        began = time.perf_counter()
        roost.call("GET", "/sessions")
        times.append(time.perf_counter() - began)
        if len(times) % 50 == 0:
            most = max(most, bench.resident_bytes(roost.pid))
        time.sleep(0.002)
    return percentile(times, 0.99), max(most, bench.resident_bytes(roost.pid))


def prepare(roost):
    roost.create(["/bin/bash", "-c", "stty -echo; while :; do printf '%070d a\\r' 0; sleep 0.05; done"], name="busy")
    roost.create(["/bin/bash", "-c", "for i in $(seq 12000); do printf '%0190d\\n' $i; done; sleep 1000"], name="long", cols=200)
    # Each column filled (DECFRA) in a colour of its own.
    roost.create(
        ["/bin/bash", "-c", "for i in $(seq 1000); do printf '\\e[38;2;%d;200;1m\\e[120;1;%d;1000;%d$x' $((i % 256)) $i $i; done; sleep 1000"],
        name="large", cols=1000, rows=1000)


def during(attack, target, asked):
    """What `ask` says of one server while the attack is on another, or on the same."""
    stop = threading.Event()
    child = os.fork()
    if child == 0:
        # In a process of its own: its threads would hold up the measuring one.
        threading.Timer(SECONDS * 1.5 + 1, stop.set).start()
        with contextlib.suppress(Exception):
            attack(target, stop)
        os._exit(0)
    time.sleep(SECONDS / 2)
    answer = ask(asked)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return answer


def measure(attack):
    with bench.Roost(token=OWNER) as asked:
        prepare(asked)
        with bench.Roost(token=OWNER) as other:
            prepare(other)
            time.sleep(3)
            beside, _ = during(attack, other, asked)
        quiet, base = ask(asked)
        busy, most = during(attack, asked, asked)
        return quiet, beside, busy, most - base


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    table = bench.Table(f"`GET /sessions` over the Unix socket during attacks, p99 of {SECONDS} s", "during", "against")
    for name, attack in ATTACKS:
        quiet, beside, busy, held = measure(attack)
        bench.progress(
            f"attacks: {name}: {busy * 1e3:.2f} ms, {quiet * 1e3:.2f} ms without, {beside * 1e3:.2f} on another server; {held / MIB:+.0f} MiB")
        table.row(name + ", without", bench.milliseconds([busy]), bench.milliseconds([quiet]), busy / quiet, ("≤", 3))
        # What the attacker's own work and its server's take of the machine's processors is no fault of the one that is asked.
        table.row("the same attack on another server of the machine", bench.milliseconds([busy]), bench.milliseconds([beside]), busy / beside)
        table.row("more held", f"{held / MIB:,.0f} MiB", "–", held / MIB, ("≤", 64), unit="MiB", digits=0)
    table.show()


main()
