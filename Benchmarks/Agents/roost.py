"""A session of Roost as an agent's program uses it: HTTP over the Unix socket, one connection that is kept.

This is all the client that is needed. What the calls mean is in docs/agents.md.
"""
import http.client
import json
import socket


class Refused(Exception):
    """An answer that is an error. Its code is stable; `details` has what is known so far, such as the command's id."""

    def __init__(self, status, error):
        super().__init__(f"{status} {error.get('code')}: {error.get('message')}")
        self.status, self.code, self.details = status, error.get("code"), error.get("details", {})


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Session:
    """One session, and what has been asked and answered about it."""

    def __init__(self, path, name, counts=None):
        self.connection, self.path, self.name = Connection(path), path, name
        #: What it cost: calls, and bytes of the answers' bodies. Shared with the session's other clients.
        self.counts = {"calls": 0, "bytes": 0, "last": 0} if counts is None else counts
        self.opened = []

    def call(self, method, path, body=None):
        data = json.dumps(body) if isinstance(body, dict) else body
        self.connection.request(method, path, data, {"Content-Type": "application/json"} if data is not None else {})
        answer = self.connection.getresponse()
        content = answer.read()
        self.counts["calls"] += 1
        self.counts["bytes"] += len(content)
        self.counts["last"] += len(content)
        value = json.loads(content) if content else {}
        if answer.status >= 300:
            raise Refused(answer.status, value["error"])
        return value

    def post(self, what, **fields):
        return self.call("POST", f"/sessions/{self.name}/{what}", fields)

    # What an agent does

    def run(self, command, **more):
        """Runs a command in the shell: its own status and output, or that it asks for something (`reason`)."""
        return self.post("run", command=command, **{"timeout_ms": 20_000, **more})

    def go_on(self, answer, **more):
        """Goes on waiting for the command of that answer, after its question was answered or its time was over."""
        return self.post(f"commands/{answer['command_id']}/wait", **{"timeout_ms": 20_000, **more})

    def reply(self, answer, text, **more):
        """Answers a command's question, and waits for its end or its next question."""
        self.type(text + "\r")
        return self.go_on(answer, **more)

    def interact(self, text=None, **more):
        """Types and waits for what that brings about, in one call."""
        if text is not None:
            more["text"] = text
        return self.post("interact", **{"format": "plain", "timeout_ms": 20_000, **more})

    def wait(self, **more):
        return self.post("wait", **{"timeout_ms": 20_000, "format": "plain", **more})

    def type(self, text):
        return self.call("POST", f"/sessions/{self.name}/input", text.encode())

    def keys(self, *keys):
        return self.post("keys", keys=list(keys))

    def screen(self):
        return self.call("GET", f"/sessions/{self.name}/screen?format=plain")["lines"]

    # More than one

    def another_agent(self):
        """A second client of the same session, with a connection of its own."""
        return Session(self.path, self.name, self.counts)

    def another_session(self, **fields):
        name = self.call("POST", "/sessions", fields)["name"]
        self.opened.append(name)
        return Session(self.path, name, self.counts)


def create(path, **fields):
    """A new session; the program in it may not have begun when this returns, and nobody need wait for it."""
    session = Session(path, "")
    session.name = session.call("POST", "/sessions", fields)["name"]
    session.opened.append(session.name)
    return session
