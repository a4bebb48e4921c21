"""Prompts that are no shell's: python3, node, sqlite3, gdb, bc."""
import re

from task import Task


def line_above(lines, prompt):
    """The line above the last prompt: what was answered to the line typed last."""
    lines = [line.rstrip() for line in lines]
    at = max(index for index, line in enumerate(lines) if line == prompt)
    return lines[at - 1]


class python_function(Task):
    """python3: a function typed line by line, and what it returns."""

    lines = ["def f(n):", "    total = 0", "    for i in range(n):", "        total += i", "    return total", ""]

    def truth(self):
        return str(sum(range(self.number)))

    def roost(self, session):
        session.run("python3 -q")
        for line in self.lines:
            session.interact(line + "\r", **{"for": "input"})
        done = session.interact(f"f({self.number})\r", **{"for": "input"})
        return line_above(done["screen"]["lines"], ">>>")

    def tmux(self, pane):
        pane.type("python3 -q")
        pane.prompt(">>> ")
        for line in self.lines:
            pane.type(line)
            pane.prompt(r">>> |\.\.\. ")
        pane.type(f"f({self.number})")
        # The prompt above may still be the last line when the first look is taken: the answer is waited for as well.
        text = pane.until(lambda now: re.search(rf"f\({self.number}\)\n(.*\n)+>>>\s*$", now))
        return line_above(text.rstrip().splitlines(), ">>>")


class python_prints_a_prompt(Task):
    """python3: a call prints `>>> ` itself, works on, and then returns its answer."""

    def prepare(self):
        self.line = f"print('>>> ', end='', flush=True) or time.sleep(0.25) or print() or {self.number} * 11"

    def truth(self):
        return str(self.number * 11)

    def roost(self, session):
        session.run("python3 -q")
        session.interact("import time\r", **{"for": "input"})
        done = session.interact(self.line + "\r", **{"for": "input"})
        return line_above(done["screen"]["lines"], ">>>")

    def tmux(self, pane):
        pane.type("python3 -q")
        pane.prompt(">>> ")
        pane.type("import time")
        pane.prompt(">>> ")
        pane.type(self.line)
        text = pane.stable(0.4)
        return line_above(text.rstrip().splitlines(), ">>>")


class python_error_and_exit(Task):
    """python3: an exception's last line, then exit with a status that the shell knows."""

    def prepare(self):
        self.code = 2 + self.number % 90

    def truth(self):
        return f"KeyError: 'k{self.number + 1}'", self.code

    def roost(self, session):
        asked = session.run("python3 -q")
        failed = session.interact(f"{{}}['k' + str({self.number} + 1)]\r", **{"for": "input"})
        done = session.reply(asked, f"exit({self.code})")
        return line_above(failed["screen"]["lines"], ">>>"), done["exit_status"]

    def tmux(self, pane):
        pane.type("python3 -q; echo status=$?")
        pane.prompt(">>> ")
        pane.type(f"{{}}['k' + str({self.number} + 1)]")
        failed = pane.until(lambda now: re.search(r"^\w*Error: .*\n>>>\s*$", now, re.M))
        pane.type(f"exit({self.code})")
        done = pane.match(r"^status=\d+")
        return line_above(failed.rstrip().splitlines(), ">>>"), int(done[done.rindex("status=") + 7:].split()[0])


class node_expression(Task):
    """node: a timer that is waited for, and what it has worked out."""

    def prepare(self):
        # What is printed is put together, so that the echo of the line is not it.
        self.line = f"let r; setTimeout(() => {{ r = {self.number} * 13; console.log('timer ' + 'done') }}, 200)"

    def truth(self):
        return str(self.number * 13)

    def roost(self, session):
        session.run("node")
        session.interact(self.line + "\r", match="timer done")
        done = session.interact("r\r", **{"for": "input"})
        return line_above(done["screen"]["lines"], ">")

    def tmux(self, pane):
        pane.type("node")
        pane.prompt("> ")
        pane.type(self.line)
        pane.match("^(> )?timer done")
        pane.type("r")
        text = pane.until(lambda now: re.search(r"\d+\n> *$", now.rstrip()))
        return line_above(text.rstrip().splitlines(), ">")


class sqlite_query(Task):
    """sqlite3: a table, a statement over three lines, and a sum of what is in it."""

    def prepare(self):
        self.lines = ["create table t(a, b);", "insert into t", f"  values (1, {self.number}), (2, {self.number * 2}),", "  (3, 7);"]

    def truth(self):
        return str(self.number * 3 + 7)

    def roost(self, session):
        session.run("sqlite3")
        for line in self.lines:
            session.interact(line + "\r", **{"for": "input"})
        done = session.interact("select sum(b) from t;\r", **{"for": "input"})
        return line_above(done["screen"]["lines"], "sqlite>")

    def tmux(self, pane):
        pane.type("sqlite3")
        pane.prompt("sqlite> ")
        for line in self.lines:
            pane.type(line)
            pane.prompt(r"sqlite> | *\.\.\.> ")
        pane.type("select sum(b) from t;")
        text = pane.until(lambda now: re.search(r"sum\(b\) from t;\n\d+\nsqlite>\s*$", now))
        return line_above(text.rstrip().splitlines(), "sqlite>")


class bc_has_no_prompt(Task):
    """bc shows no prompt at all, and one of its answers takes a while."""

    def truth(self):
        return str(self.number * 2), str(self.number ** 2)

    def roost(self, session):
        session.run("bc -q")
        first = session.interact(f"{self.number} * 2\r", **{"for": "input"})
        # Half a second of work that shows nothing, then the square.
        second = session.interact(f"for (i = 0; i < 400000; i++) x = i; {self.number} ^ 2\r", **{"for": "input"})
        return tuple([line for line in answer["screen"]["lines"] if line][-1] for answer in (first, second))

    def tmux(self, pane):
        pane.type("bc -q")
        pane.stable(0.2)
        answers = []
        for line in (f"{self.number} * 2", f"for (i = 0; i < 400000; i++) x = i; {self.number} ^ 2"):
            pane.type(line)
            # Nothing says that the answer is complete, but it must be a number.
            text = pane.until(lambda now: re.search(re.escape(line) + r"\n\d+\s*$", now))
            answers.append(text.rstrip().splitlines()[-1])
        return tuple(answers)


class gdb_expression(Task):
    """gdb: it polls the terminal beside other things; an expression, and leaving it."""

    def truth(self):
        return f"$2 = {self.number * 17}", 0

    def roost(self, session):
        asked = session.run("gdb -q -nx")
        session.interact("print 1\r", **{"for": "input"})
        done = session.interact(f"print {self.number} * 17\r", **{"for": "input"})
        ended = session.reply(asked, "quit")
        return line_above(done["screen"]["lines"], "(gdb)"), ended["exit_status"]

    def tmux(self, pane):
        pane.type("gdb -q -nx; echo status=$?")
        pane.prompt(r"\(gdb\) ")
        pane.type("print 1")
        pane.match(r"^\$1 = ")
        pane.type(f"print {self.number} * 17")
        text = pane.until(lambda now: re.search(r"^\$2 = .*\n\(gdb\)\s*$", now, re.M))
        pane.type("quit")
        done = pane.match(r"^status=\d+")
        return line_above(text.rstrip().splitlines(), "(gdb)"), int(done[done.rindex("status=") + 7:].split()[0])
