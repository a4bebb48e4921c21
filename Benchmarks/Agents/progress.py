"""Work that takes a while: bars, builds with long output, time limits, and ctrl+c."""
import re

import roost as api

from task import Task


class bar(Task):
    """A download whose bar is drawn over itself 60 times, and what it says when it is complete."""

    def prepare(self):
        self.script("download", (
            "for i in $(seq 60); do\n"
            "  printf '\\r%3d%% [%-40s] %s kB/s' $((i * 100 / 60)) \"$(printf '%*s' $((i * 2 / 3)) '' | tr ' ' '#')\" $((i * 7))\n"
            "done\n"
            f"printf '\\r100%% [%-40s] %s kB/s\\n' '{'#' * 40}' {self.number}\necho saved as {self.token}\n"))

    def truth(self):
        return [f"100% [{'#' * 40}] {self.number} kB/s", f"saved as {self.token}"]

    def roost(self, session):
        return session.run("./download")["output"].splitlines()

    def tmux(self, pane):
        return pane.run("./download")[1].splitlines()


class error_in_the_middle(Task):
    """A build of 30,000 lines: its exit status, and the error somewhere in it."""

    def prepare(self):
        at = 10_000 + self.number
        self.script("build", (
            f"seq -f 'cc -O2 -c file%g.c' 1 {at}\necho 'file{at}.c:{self.number}:7: error: no member {self.token}'\n"
            f"seq -f 'cc -O2 -c file%g.c' {at + 1} 30000\nexit 2\n"))

    def truth(self):
        return 2, f"file{10_000 + self.number}.c:{self.number}:7: error: no member {self.token}"

    def roost(self, session):
        # The end is enough to see that it failed; the rest is read in pages, and only because it has.
        done = session.run("./build", tail=1000)
        page = {"next_offset": 0}
        while "next_offset" in page:
            page = session.call("GET", f"/sessions/{session.name}/commands/{done['command_id']}/output?offset={page['next_offset']}")
            found = re.search(r"^.*error:.*$", page["text"], re.M)
            if found:
                return done["exit_status"], found[0]

    def tmux(self, pane):
        status, output = pane.run("./build", history=40_000)
        return status, re.search(r"^.*error:.*$", output, re.M)[0]


class log_in_a_file(Task):
    """The same build, by an agent that wants few bytes: into a file, then grep."""

    prepare, truth = error_in_the_middle.prepare, error_in_the_middle.truth

    def roost(self, session):
        status = session.run("./build >log 2>&1")["exit_status"]
        return status, session.run("grep error: log")["output"].strip()

    def tmux(self, pane):
        status = pane.run("./build >log 2>&1")[0]
        return status, pane.run("grep error: log")[1].strip()


class longer_than_the_limit(Task):
    """A command that outlasts its time limit twice: what it said so far, and its own end later."""

    def prepare(self):
        self.script("job", f"echo began; sleep 0.45; echo ended $(({self.number} + 2)); exit 5\n")

    def truth(self):
        return "began", 5, f"ended {self.number + 2}"

    def roost(self, session):
        so_far = None
        try:
            done = session.run("./job", timeout_ms=200)
        except api.Refused as fault:
            done = fault.details
            so_far = done["output"].strip()
        while "exit_status" not in done:
            try:
                done = session.go_on(done, timeout_ms=200)
            except api.Refused as fault:
                assert fault.code == "run_timeout", fault
        return so_far, done["exit_status"], done["output"].splitlines()[-1]

    def tmux(self, pane):
        pane.type("./job; echo status=$?")
        so_far = pane.match("^began").rstrip().splitlines()[-1]
        done = pane.match(r"^status=\d+")
        return so_far, int(done[done.index("\nstatus=") + 8:].split()[0]), done[: done.index("\nstatus=")].splitlines()[-1]


class interrupted(Task):
    """A command is stopped with ctrl+c once it said that it is ready: its status, and the next command's own."""

    def prepare(self):
        self.script("server", f"echo listening on {self.number}; exec sleep 30\n")

    def truth(self):
        return 130, 0, f"after {self.number + 1}\n"

    def roost(self, session):
        session.interact("./server\r", match=f"listening on {self.number}")
        session.interact(keys=["ctrl+c"], **{"for": "prompt"})
        status = session.call("GET", f"/sessions/{session.name}/commands?limit=1")[-1]["exit_status"]
        done = session.run(f"echo after $(({self.number} + 1))")
        return status, done["exit_status"], done["output"]

    def tmux(self, pane):
        pane.type("./server")
        pane.match(f"listening on {self.number}")
        pane.keys("C-c")
        pane.prompt("ready> ")
        # Every other command would take the status away, the marker's too.
        pane.type("echo status=$?")
        text = pane.match(r"^status=\d+")
        return int(text[text.rindex("status=") + 7:].split()[0]), *pane.run(f"echo after $(({self.number} + 1))")


class interrupted_run(Task):
    """A run that outlasts its limit is stopped with ctrl+c; it is the same run whose end is told."""

    def prepare(self):
        self.script("job", "trap 'echo cleaning up; exit 9' INT\necho began\nwhile :; do sleep 0.05; done\n")

    def truth(self):
        return 9, "cleaning up"

    def roost(self, session):
        try:
            session.run("./job", timeout_ms=200)
        except api.Refused as fault:
            session.keys("ctrl+c")
            done = session.go_on(fault.details)
        # The terminal's echo of ctrl+c stands in the same line.
        return done["exit_status"], done["output"].splitlines()[-1].removeprefix("^C")

    def tmux(self, pane):
        pane.type("./job; echo status=$?")
        pane.match("^began")
        pane.keys("C-c")
        text = pane.match(r"^status=\d+|^(\^C)?cleaning up\n.*ready> *$")
        lines = [line.removeprefix("^C") for line in text.rstrip().splitlines()]
        # bash leaves out what follows in the line where its command was interrupted, unless the command ended by itself.
        found = re.search(r"^status=(\d+)", text, re.M)
        status = int(found[1]) if found else int(pane.run("echo $?")[1])
        return status, lines[lines.index("cleaning up")]


class clears_the_screen(Task):
    """A watch-like command that clears the screen and paints five times; the last picture, and the status."""

    def prepare(self):
        self.script("watcher", (
            "for i in 1 2 3 4 5; do printf '\\033[H\\033[2Jjobs left: %d\\n' $((5 - i)); sleep 0.03; done\n"
            f"echo finished {self.token}\n"))

    def truth(self):
        return 0, ["jobs left: 0", f"finished {self.token}"]

    def roost(self, session):
        done = session.run("./watcher")
        return done["exit_status"], done["output"].splitlines()[-2:]

    def tmux(self, pane):
        status, output = pane.run("./watcher")
        return status, output.splitlines()[-2:]
