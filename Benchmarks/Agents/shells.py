"""The shell itself: statuses, long output, several lines, here-documents, questions, and what others do meanwhile."""
from task import Task


class statuses(Task):
    """The exit statuses of six commands, one right after the other."""

    def prepare(self):
        self.code = 3 + self.number % 100
        self.commands = ["true", "false", f"(exit {self.code})", "sh -c 'kill -TERM $$'", "no-such-command-here", "test -d ."]

    def truth(self):
        return [0, 1, self.code, 143, 127, 0]

    def roost(self, session):
        return [session.run(command)["exit_status"] for command in self.commands]

    def tmux(self, pane):
        return [pane.run(command)[0] for command in self.commands]


class output_like_a_prompt(Task):
    """A command prints what looks like the shell's prompt, works on, and only then prints its answer."""

    def prepare(self):
        self.script("job", f"printf 'ready> '; sleep 0.2; echo; echo answer $(({self.number} * 3)); exit 4\n")

    def truth(self):
        return 4, f"ready> \nanswer {self.number * 3}\n"

    def roost(self, session):
        done = session.run("./job")
        return done["exit_status"], done["output"]

    def tmux(self, pane):
        status, output = pane.run("./job")
        # A terminal's screen does not know of blanks at the end of a line.
        return status, output.replace("ready>\n", "ready> \n")


class scrolled_away(Task):
    """3,000 lines on a screen of 24: the first one, the last one, and how many."""

    def prepare(self):
        self.script("job", f"seq -f 'line %g of {self.token}' 3000\n")

    def truth(self):
        return f"line 1 of {self.token}", f"line 3000 of {self.token}", 3000

    def roost(self, session):
        lines = session.run("./job")["output"].splitlines()
        return lines[0], lines[-1], len(lines)

    def tmux(self, pane):
        # The author knows that it is long, and asks for more history than that.
        lines = pane.run("./job", history=10_000)[1].splitlines()
        return lines[0], lines[-1], len(lines)


class several_lines(Task):
    """A function and a loop over several lines: the output is of all of them, and the status of the last."""

    def prepare(self):
        self.command = (
            "twice() {\n  echo \"$1: $(($2 * 2))\"\n  return 5\n}\n"
            f"for i in 1 2 3; do\n  echo \"round $i\"\ndone\ntwice 'the answer' {self.number}")

    def truth(self):
        return 5, ["round 1", "round 2", "round 3", f"the answer: {self.number * 2}"]

    def roost(self, session):
        done = session.run(self.command)
        return done["exit_status"], done["output"].splitlines()

    def tmux(self, pane):
        status, output = pane.run(self.command)
        # Between the outputs stand prompts and echoes of what was typed: they have to be told apart.
        return status, [line for line in output.splitlines() if not line.startswith(("> ", "ready> ", "for ", "twice", "  ", "done", "}"))]


class here_document(Task):
    """A file written by a here-document, with everything in it that shells like to change."""

    def truth(self):
        return 0, f"price: $HOME \\t 'a' \"b\" `c` !d {self.token}\n  two blanks before, EO too\n"

    def roost(self, session):
        done = session.run(f"cat >note.txt <<'EOF'\n{self.truth()[1]}EOF")
        return done["exit_status"], self.read("note.txt")

    def tmux(self, pane):
        status, _ = pane.run(f"cat >note.txt <<'EOF'\n{self.truth()[1]}EOF")
        return status, self.read("note.txt")


class slow_after_fast(Task):
    """A fast command and at once a slow one that says nothing for a while: each has its own output."""

    def prepare(self):
        self.script("slow", f"sleep 0.3; echo slow $(({self.number} + 7)); exit 9\n")

    def truth(self):
        return f"fast {self.number + 1}\n", 9, f"slow {self.number + 7}\n"

    def roost(self, session):
        fast = session.run(f"echo fast $(({self.number} + 1))")
        slow = session.run("./slow")
        return fast["output"], slow["exit_status"], slow["output"]

    def tmux(self, pane):
        fast = pane.run(f"echo fast $(({self.number} + 1))")
        slow = pane.run("./slow")
        return fast[1], slow[0], slow[1]


class question(Task):
    """A command that asks for a name, thinks, and asks for a colour."""

    def prepare(self):
        self.script("ask", 'read -p "Name: " name; sleep 0.2; read -p "Colour: " colour; echo "$name likes $colour"; exit 6\n')

    def truth(self):
        return ["Name:", "Colour:"], 6, f"a{self.token} likes b{self.token}"

    def roost(self, session):
        first = session.run("./ask")
        second = session.reply(first, "a" + self.token)
        done = session.reply(second, "b" + self.token)
        asked = [answer["output"].splitlines()[-1].strip() for answer in (first, second)]
        return asked, done["exit_status"], done["output"].splitlines()[-1]

    def tmux(self, pane):
        pane.type("./ask; echo status=$?")
        asked = [pane.prompt(".*: ").strip().splitlines()[-1]]
        pane.type("a" + self.token)
        # The question before still stands on the screen: the next one is waited for by its words.
        asked.append(pane.match("^Colour:").strip().splitlines()[-1])
        pane.type("b" + self.token)
        lines = pane.match(r"^status=\d+").splitlines()
        status = next(line for line in lines if line.startswith("status="))
        return asked, int(status[7:]), lines[lines.index(status) - 1]


class noise_over_the_prompt(Task):
    """A background job prints over the prompt and into the next command's time; the next command is told apart from it."""

    def prepare(self):
        self.script("noise", "for i in 1 2 3 4; do sleep 0.1; echo; echo noise; done\n")

    def truth(self):
        return 3, f"answer {self.number + 5}"

    def roost(self, session):
        session.run("./noise &")
        done = session.run(f"sleep 0.25; echo answer $(({self.number} + 5)); (exit 3)")
        # The job's lines are in the output too: whoever prints while a command runs prints in between.
        return done["exit_status"], next(line for line in done["output"].splitlines() if line.startswith("answer"))

    def tmux(self, pane):
        pane.run("./noise &")
        status, output = pane.run(f"sleep 0.25; echo answer $(({self.number} + 5)); (exit 3)")
        return status, next(line for line in output.splitlines() if line.startswith("answer"))


class what_is_kept(Task):
    """Folder, variables, functions and options are those of one shell, from call to call."""

    def truth(self):
        return f"{self.folder}/deep/er {self.token}-exported {self.number * 2} {self.token} on"

    def commands(self):
        return [
            "mkdir -p deep/er && cd deep/er", f"export V={self.token}-exported", "double() { echo $(($1 * 2)); }",
            f"local_one={self.token}", "set -f",
            f'echo "$(pwd) $(printenv V) $(double {self.number}) $local_one $(set -o | grep noglob | cut -f2)"']

    def roost(self, session):
        return [session.run(command) for command in self.commands()][-1]["output"].strip()

    def tmux(self, pane):
        return [pane.run(command) for command in self.commands()][-1][1].strip()


class typed_just_before(Task):
    """Somebody types a failing line and an empty one; what is asked right after that is not their answer."""

    def truth(self):
        return 0, f"mine {self.number * 5}\n"

    def roost(self, session):
        session.type("false\r")
        session.type("\r")
        done = session.run(f"echo mine $(({self.number} * 5))")
        return done["exit_status"], done["output"]

    def tmux(self, pane):
        pane.type("false")
        pane.type("")
        return pane.run(f"echo mine $(({self.number} * 5))")


class columns_with_tabs(Task):
    """The third column of a table whose second one is empty: tabs have to stay tabs."""

    def prepare(self):
        self.write("table.tsv", f"first\t\t{self.token}\n")

    def truth(self):
        return self.token

    def roost(self, session):
        return session.run("cat table.tsv")["output"].rstrip("\n").split("\t")[2]

    def tmux(self, pane):
        # A screen has no tabs, so the author has them made visible.
        return pane.run("tr '\\t' '|' <table.tsv")[1].rstrip("\n").split("|")[2]


class forty_lines(Task):
    """A script of forty lines, given as one command."""

    def prepare(self):
        self.command = f"sum={self.number}\n" + "".join(f"sum=$((sum + {i}))\n" for i in range(1, 39)) + 'echo "sum is $sum!"'

    def truth(self):
        return 0, f"sum is {self.number + sum(range(1, 39))}!"

    def roost(self, session):
        done = session.run(self.command)
        return done["exit_status"], done["output"].strip()

    def tmux(self, pane):
        status, output = pane.run(self.command)
        return status, output.strip().splitlines()[-1]
