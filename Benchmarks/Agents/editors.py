"""Editors: vim, busybox vi, ed, and the editors that git opens. What counts is the file in the end."""
import re

from task import Task


class vim_writes(Task):
    """vim: three lines are typed into a new file and saved."""

    def prepare(self):
        self.lines = [f"first {self.token}", "  second: it's \"quoted\" [x]", f"third {self.number}"]

    def truth(self):
        return 0, "".join(line + "\n" for line in self.lines)

    def roost(self, session):
        session.interact("vim -u NONE -N new.txt\r", match='"new.txt" [New]')
        session.interact("i" + "\r".join(self.lines), match=self.lines[-1])
        # Escape alone is told from Alt by the time behind it.
        session.interact(keys=["escape"], **{"for": "idle", "idle_ms": 100})
        session.interact(":wq\r", **{"for": "prompt"})
        return session.run("(exit $?)")["exit_status"], self.read("new.txt")

    def tmux(self, pane):
        pane.type("vim -u NONE -N new.txt; echo status=$?")
        pane.match(r'"new.txt" \[New\]')
        pane.type("i" + "\n".join(self.lines), enter=False)
        pane.match(re.escape(self.lines[-1]))
        pane.keys("Escape")
        pane.stable(0.1)
        pane.type(":wq")
        done = pane.match(r"^status=\d+")
        return int(done[done.rindex("status=") + 7:].split()[0]), self.read("new.txt")


class vim_replaces(Task):
    """vim: the one wrong line among 200 is found by a search and changed, another one is deleted."""

    def prepare(self):
        self.lines = [f"key{i} = {i * self.number}" for i in range(200)]
        self.write("file.conf", "".join(line + "\n" for line in self.lines))

    def truth(self):
        lines = list(self.lines)
        lines[150] = f"key150 = {self.token}"
        del lines[20]
        return "".join(line + "\n" for line in lines)

    def roost(self, session):
        session.interact("vim -u NONE -N file.conf\r", pattern=r"200L")
        session.interact("/^key150 \r", match="key150 =")
        session.interact(f"f=llC{self.token}", match=self.token)
        session.interact(keys=["escape"], **{"for": "idle", "idle_ms": 100})
        session.interact(":21d\r", match="key21 =")
        session.interact(":wq\r", **{"for": "prompt"})
        return self.read("file.conf")

    def tmux(self, pane):
        pane.type("vim -u NONE -N file.conf; echo status=$?")
        pane.match("200L")
        pane.type("/^key150 ")
        pane.match("^key150 =")
        pane.type(f"f=llC{self.token}", enter=False)
        pane.match(f"^key150 = {self.token}")
        pane.keys("Escape")
        pane.stable(0.1)
        pane.type(":21d")
        pane.match("^key21 =")
        pane.type(":wq")
        pane.match(r"^status=\d+")
        return self.read("file.conf")


class busybox_vi(Task):
    """busybox vi: a line is added at the end of a file."""

    def prepare(self):
        self.write("hosts", "127.0.0.1 localhost\n")

    def truth(self):
        return f"127.0.0.1 localhost\n10.0.0.7 {self.token}\n"

    def roost(self, session):
        session.interact("busybox vi hosts\r", match="hosts 1/1 100%")
        session.interact(f"Go10.0.0.7 {self.token}", match=self.token)
        session.interact(keys=["escape"], **{"for": "idle", "idle_ms": 100})
        session.interact(":wq\r", **{"for": "prompt"})
        return self.read("hosts")

    def tmux(self, pane):
        pane.type("busybox vi hosts; echo status=$?")
        pane.match("hosts 1/1 100%")
        pane.type(f"Go10.0.0.7 {self.token}", enter=False)
        pane.match(self.token)
        pane.keys("Escape")
        pane.stable(0.1)
        pane.type(":wq")
        pane.match(r"^status=\d+")
        return self.read("hosts")


class ed_says_nothing(Task):
    """ed: no prompt, hardly an answer; a substitution, the line printed, and the file."""

    def prepare(self):
        self.write("name", f"hello {self.token}\n")

    def truth(self):
        return f"goodbye {self.token}", f"goodbye {self.token}\n"

    def roost(self, session):
        started = session.run("ed -s name")
        shown = session.interact("s/hello/goodbye/p\r", **{"for": "input"})
        session.interact("w\r", **{"for": "input"})
        session.reply(started, "q")
        return [line for line in shown["screen"]["lines"] if line][-1], self.read("name")

    def tmux(self, pane):
        pane.type("ed -s name; echo status=$?")
        pane.stable(0.1)
        pane.type("s/hello/goodbye/p")
        text = pane.until(lambda now: re.search(r"goodbye/p\n.+", now))
        pane.type("w")
        pane.type("q")
        pane.match(r"^status=\d+")
        return text.rstrip().splitlines()[-1], self.read("name")


class git_rebase(Task):
    """git rebase -i in vim: the third commit is squashed into the second, with the message that git offers."""

    def prepare(self):
        self.script("setup", (
            "git init -q -b main . && git config user.name A && git config user.email a@example.org && git config core.editor 'vim -u NONE -N'\n"
            f"for n in one two three; do echo $n >$n; git add $n; git commit -qm \"Add $n {self.token}\"; done\n"))

    def truth(self):
        return 0, f"Add two {self.token}\nAdd one {self.token}"

    def roost(self, session):
        session.run("./setup")
        session.interact("git rebase -i HEAD~2\r", pattern="^pick .*three")
        session.interact(":2s/^pick/squash/\r", pattern="^squash .*three")
        session.interact(":wq\r", match="This is a combination of 2 commits")
        session.interact(":wq\r", **{"for": "prompt"})
        done = session.run("git log --format=%s | cat")
        return done["exit_status"], done["output"].strip()

    def tmux(self, pane):
        pane.run("./setup")
        pane.type("git rebase -i HEAD~2; echo status=$?")
        pane.match("^pick .*three")
        pane.type(":2s/^pick/squash/")
        pane.match("^squash .*three")
        pane.type(":wq")
        pane.match("This is a combination of 2 commits")
        pane.type(":wq")
        pane.match(r"^status=\d+")
        status, output = pane.run("git log --format=%s | cat")
        return status, output.strip()
