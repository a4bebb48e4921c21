"""Installers: they ask, they draw a bar, and sometimes they ask once more in the middle."""
import re

from task import Task

APT = r"""
echo 'Reading package lists... Done'
echo 'After this operation, 12.3 MB of additional disk space will be used.'
printf 'Do you want to continue? [Y/n] '
read -r answer
[ "$answer" = y ] || { echo Abort.; exit 1; }
for i in $(seq 5 5 100); do printf '\rProgress: [%3d%%] ' "$i"; sleep 0.01; done
printf '\r\033[K'
"""


class asks_and_draws(Task):
    """An apt-like installer: a [Y/n], a bar, and which version it set up, with its exit status."""

    def prepare(self):
        self.script("install", APT + f"echo 'Setting up tool ({self.number}.{self.number % 7}) ...'\nexit 3\n")

    def truth(self):
        return 3, f"Setting up tool ({self.number}.{self.number % 7}) ..."

    def roost(self, session):
        asked = session.run("./install")
        assert asked["reason"] == "input" and asked["output"].endswith("[Y/n] "), asked
        done = session.reply(asked, "y")
        return done["exit_status"], done["output"].splitlines()[-1]

    def tmux(self, pane):
        pane.type("./install; echo status=$?")
        pane.match(r"\[Y/n\]")
        pane.type("y")
        lines = pane.match(r"^status=\d+").splitlines()
        status = next(line for line in lines if line.startswith("status="))
        return int(status[7:]), lines[lines.index(status) - 1]


class asks_sometimes(Task):
    """A question about a changed file comes in the middle of the output, or it does not; nobody knows before."""

    def prepare(self):
        self.comes = self.number % 2 == 0
        ask = (
            "echo \"Configuration file '/etc/tool.conf' was changed.\"\n"
            "printf '*** tool.conf (Y/I/N/O/D/Z) [default=N] ? '; read -r a; echo \"kept: $a\"\n") if self.comes else ""
        unpack = "for i in $(seq 12); do echo \"Unpacking part $i ...\"; sleep 0.02; done\n"
        self.script("install", f"{unpack}{ask}sleep 0.1\necho 'done {self.token}'\n")

    def truth(self):
        return self.comes, f"done {self.token}"

    def roost(self, session):
        done, asked = session.run("./install"), False
        while done["reason"] == "input":
            asked = True
            done = session.reply(done, "N")
        return asked, done["output"].splitlines()[-1]

    def tmux(self, pane):
        pane.type("./install; echo status=$?")
        text = pane.match(r"\] \? *$|^status=\d+")
        asked = "status=0" not in text
        if asked:
            pane.type("N")
            text = pane.match(r"^status=\d+")
        return asked, text[: text.rindex("\nstatus=")].splitlines()[-1]


class four_questions(Task):
    """Four questions with defaults, a pause before each: what was asked, in this order, and what came of it."""

    def prepare(self):
        words = ["Folder [/usr/local]: ", "Port [8080]: ", "Start at boot? (y/N) ", f"Type '{self.token}' to confirm: "]
        self.words = [word.strip() for word in words]
        asks = "".join(f'sleep 0.05; printf "%s" "{word}"; read -r a{i}\n' for i, word in enumerate(words))
        self.script("setup", asks + 'echo "$a0 $a1 $a2 $a3"\n')
        self.replies = ["/opt/tool", str(self.number), "y", self.token]

    def truth(self):
        return self.words, " ".join(self.replies)

    def roost(self, session):
        asked, done = [], session.run("./setup")
        for reply in self.replies:
            asked.append(done["output"].splitlines()[-1].strip())
            done = session.reply(done, reply)
        return asked, done["output"].splitlines()[-1]

    def tmux(self, pane):
        asked = []
        pane.type("./setup; echo status=$?")
        for reply in self.replies:
            text = pane.prompt(r".*[:)] ").rstrip()
            asked.append(text.splitlines()[-1])
            pane.type(reply)
            # The old question has to leave the last line before the next one can be seen.
            pane.until(lambda now: not now.rstrip().endswith(asked[-1] + " " + reply))
        text = pane.match(r"^status=\d+")
        return asked, text[: text.index("\nstatus=")].splitlines()[-1]


class licence_in_a_pager(Task):
    """A licence in `more`, to be paged to its end, and then a question about it."""

    def prepare(self):
        self.write("LICENCE", "".join(f"{i}. You may do thing {i}.\n" for i in range(1, 60)) + f"60. The word is {self.token}.\n")
        self.script("setup", 'more -e LICENCE; printf "Do you accept? (yes/no) "; read -r a; [ "$a" = yes ] && exit 8\n')

    def truth(self):
        return f"60. The word is {self.token}.", 8

    def roost(self, session):
        done = session.run("./setup", timeout_ms=3000)
        lines = []
        while not any("accept?" in line for line in lines):
            # A page is whole when `more` waits for the terminal again.
            lines = session.interact(" ", **{"for": "input"})["screen"]["lines"]
        done = session.reply(done, "yes")
        return next(line for line in lines if line.startswith("60.")), done["exit_status"]

    def tmux(self, pane):
        pane.type("./setup; echo status=$?")
        text = pane.match(r"--More--|accept\?")
        while "accept?" not in text:
            pane.keys("Space")
            before = text
            text = pane.until(lambda now: now != before and re.search(r"--More--|accept\?", now))
        pane.type("yes")
        done = pane.match(r"^status=\d+")
        return next(line for line in text.splitlines() if line.startswith("60.")), int(done[done.index("status=") + 7:].split()[0])
