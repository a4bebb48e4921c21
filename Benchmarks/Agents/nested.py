"""Shells in shells: another bash, dash, zsh, another user's, one behind a terminal of its own, one that Python starts."""
import re

from task import Task


class inner(Task):
    """What the tasks below share: a shell is started, asked for two things, and left with a status that the outer one knows."""

    command = "bash"
    prompt = "ready> "

    def prepare(self):
        self.code = 1 + self.number % 100

    def truth(self):
        return self.code, f"in {self.number * 2}\n", f"V={self.token}\n", "back\n"

    def roost(self, session):
        session.interact(self.command + "\r", **{"for": ["input"]})
        failed = session.run(f"V={self.token}; echo in $(({self.number} * 2)); (exit {self.code})")
        kept = session.run("echo V=$V")
        session.interact("exit\r", **{"for": "prompt"})
        back = session.run("echo ${V:-back}")
        return failed["exit_status"], failed["output"], kept["output"], back["output"]

    def tmux(self, pane):
        pane.type("clear; " + self.command)
        pane.prompt(self.prompt)
        failed = pane.run(f"V={self.token}; echo in $(({self.number} * 2)); (exit {self.code})")
        kept = pane.run("echo V=$V")
        pane.type("exit")
        pane.stable(0.1)
        back = pane.run("echo ${V:-back}")
        return *failed, kept[1], back[1]


class bash_in_bash(inner):
    """bash in bash."""


class dash_in_bash(inner):
    """dash in bash: a plain POSIX shell that tells nothing."""
    command, prompt = "dash", "[$#] "


class zsh_in_bash(inner):
    """zsh without settings in bash."""
    command, prompt = "zsh -f", ".*[%#] "


class ash_in_bash(inner):
    """busybox's ash in bash."""
    command, prompt = "busybox ash", ".*[$#] "


class another_user(inner):
    """`su`: a login shell of another user, or of the same one."""
    command, prompt = "su -s /bin/sh - nobody", "[$#] "


class own_terminal(inner):
    """ssh-like: a shell in a terminal of its own behind `script`, where the kernel does not tell what it does."""
    command = "script -qc 'bash --norc' /dev/null"
    prompt = "bash-.*[$#] "

    def roost(self, session):
        session.interact(self.command + "\r", pattern="^bash-.*[$#] ")
        # It is out of sight, as over ssh: the agent says that there is a shell.
        where = {"in": "shell"}
        failed = session.run(f"V={self.token}; echo in $(({self.number} * 2)); (exit {self.code})", **where)
        kept = session.run("echo V=$V", **where)
        session.interact("exit\r", **{"for": "prompt"})
        back = session.run("echo ${V:-back}")
        return failed["exit_status"], failed["output"], kept["output"], back["output"]


class exit_with_status(Task):
    """A shell in the shell is left with a status: the outer one knows it, and is the outer one."""

    def truth(self):
        return 1 + self.number % 200, "1 0"

    def roost(self, session):
        session.run("L=0")
        started = session.run("L=1 bash")
        inside = session.run("echo $L")["output"].strip()
        done = session.reply(started, f"exit {1 + self.number % 200}")
        return done["exit_status"], inside + " " + session.run("echo $L")["output"].strip()

    def tmux(self, pane):
        pane.run("L=0")
        pane.type("clear; L=1 bash; echo status=$?")
        pane.prompt("ready> ")
        inside = pane.run("echo $L")[1].strip()
        pane.type(f"exit {1 + self.number % 200}")
        text = pane.match(r"^status=\d+")
        status = int(re.search(r"^status=(\d+)", text, re.M)[1])
        return status, inside + " " + pane.run("echo $L")[1].strip()


class python_starts_a_shell(Task):
    """python3 starts a shell, the shell runs a command, and python is still there afterwards."""

    def truth(self):
        return 3, f"deep {self.number + 9}", str(self.number + 1)

    def roost(self, session):
        session.interact("python3 -q\r", **{"for": "input"})
        session.interact(f"import subprocess; x = {self.number}\r", **{"for": "input"})
        session.interact("subprocess.call(['dash'])\r", **{"for": "input"})
        done = session.run(f"echo deep $(({self.number} + 9)); (exit 3)")
        session.interact("exit\r", pattern=">>> $")
        answer = session.interact("x + 1\r", pattern=r"^\d+$")
        return done["exit_status"], done["output"].strip(), answer["match"]

    def tmux(self, pane):
        pane.type("python3 -q")
        pane.prompt(">>> ")
        pane.type(f"import subprocess; x = {self.number}")
        pane.prompt(">>> ")
        pane.type("subprocess.call(['dash'])")
        pane.prompt("[$#] ")
        status, output = pane.run(f"echo deep $(({self.number} + 9)); (exit 3)")
        pane.type("exit")
        pane.prompt(">>> ")
        pane.type("x + 1")
        text = pane.until(lambda now: re.search(r"x \+ 1\n\d+\n>>>", now))
        return status, output.strip(), re.search(r"x \+ 1\n(\d+)", text)[1]


