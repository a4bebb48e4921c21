"""A pane of tmux as an agent's program uses it today: libtmux, send-keys, and capture-pane in a loop.

It does what a careful author does: text is sent literally, a shell command gets an end marker with its exit status that
cannot be mistaken for its own echo, long output is read from the history once it is there, and where there is nothing but a
prompt or silence to go by, the screen must have been the same twice.
"""
import re
import secrets
import time

import libtmux

POLL = 0.05


class TooLong(Exception):
    pass


class Pane:
    def __init__(self, server, session, counts=None):
        self.server, self.session = server, session
        # The names of libtmux before 0.31, which Debian 12 has.
        window = session.active_window if hasattr(session, "active_window") else session.attached_window
        self.pane = window.active_pane if hasattr(window, "active_pane") else window.attached_pane
        #: What it cost: calls of tmux, bytes that capture-pane gave, and of those the bytes of each wait's last look only.
        self.counts = {"calls": 0, "bytes": 0, "last": 0} if counts is None else counts
        self.opened = []

    def command(self, *words):
        self.counts["calls"] += 1
        return self.pane.cmd(*words)

    # What an agent does

    def type(self, text, enter=True):
        """Types a text. A line end in it is an Enter."""
        for index, line in enumerate(text.split("\n")):
            if index > 0:
                self.command("send-keys", "Enter")
            # tmux takes a semicolon at the end for its own.
            if line:
                self.command("send-keys", "-l", "--", line[:-1] + "\\;" if line.endswith(";") else line)
        if enter:
            self.command("send-keys", "Enter")

    def keys(self, *names):
        self.command("send-keys", *names)

    def look(self, history=0, last=True):
        """The screen as text, with so many lines of the history; lines that were wrapped are whole again."""
        start = ("-S", str(-history)) if history else ()
        text = "\n".join(self.command("capture-pane", "-p", "-J", *start).stdout)
        size = len(text.encode())
        self.counts["bytes"] += size
        self.counts["last"] += size if last else 0
        return text

    def until(self, good, seconds=20, what=""):
        """Looks every 50 ms until the screen is `good`, and answers it."""
        deadline = time.monotonic() + seconds
        while True:
            time.sleep(POLL)
            text = self.look(last=False)
            if good(text):
                self.counts["last"] += len(text.encode())
                return text
            if time.monotonic() > deadline:
                raise TooLong(f"{what or 'it'} did not come; the screen: {text.strip()[-300:]!r}")

    def match(self, pattern, seconds=20):
        """Waits until a regular expression is somewhere on the screen."""
        return self.until(lambda text: re.search(pattern, text, re.M), seconds, repr(pattern))

    def prompt(self, pattern, seconds=20):
        """Waits until the last line of the screen is a prompt, and the screen was the same twice."""
        before = [None]

        def stands(text):
            same, before[0] = text == before[0], text
            return same and re.search(f"(?:^|\n)(?:{pattern})\\s*$", text)
        return self.until(stands, seconds, repr(pattern))

    def stable(self, quiet=0.3, seconds=20):
        """Waits until the screen has been the same for a while: all that can be done where nothing tells that it is complete."""
        last = [None, time.monotonic()]

        def still(text):
            if text != last[0]:
                last[:] = text, time.monotonic()
            return time.monotonic() - last[1] >= quiet
        return self.until(still, seconds, "silence")

    def run(self, command, seconds=20, history=0):
        """Runs a command in the shell: (exit status, output). The marker is in two pieces, so that its echo is none."""
        mark = secrets.token_hex(3)
        # In the same line, so that the command cannot read it as its input; what has several lines may end in a here-document.
        joint = "\n" if "\n" in command else " " if command.endswith("&") else "; "
        self.type(f"echo BEGIN'_'{mark}; {command}{joint}echo END'_'{mark} $?")
        end = rf"END_{mark} (\d+)"
        text = self.match(end, seconds)
        begin = f"BEGIN_{mark}\n"
        if begin not in text or history:
            # It has scrolled away: the history has it, if it is not longer than that.
            text = self.look(history or 2000)
        found = re.search(end, text)
        output = text[text.index(begin) + len(begin): found.start()] if begin in text else text[: found.start()]
        # Of several lines the last one's echo stands behind the output.
        return int(found.group(1)), re.sub(rf"(?m)^.*echo END'_'{mark} \$\?\n", "", output)

    def ready(self):
        """A new shell's first prompt: what is typed before it may be echoed twice."""
        return self.prompt("ready> ")

    # More than one

    def another_agent(self):
        return Pane(self.server, self.session, self.counts)

    def another_session(self, folder):
        made = create(self.server, folder, self.counts)
        self.opened += made.opened
        return made


def connect(socket):
    return libtmux.Server(socket_path=socket)


def create(server, folder, counts=None):
    """A new session of 80×24 with the user's shell at its first prompt."""
    name = "a" + secrets.token_hex(4)
    pane = Pane(server, server.new_session(session_name=name, start_directory=str(folder), x=80, y=24), counts)
    pane.counts["calls"] += 1
    pane.opened.append(name)
    pane.ready()
    return pane
