"""Programs that paint the whole screen: less, top, htop, and menus by curses."""
import re

from task import Task

MENU = """
import curses, sys, time
def menu(screen):
    curses.curs_set(0)
    at, items = 0, sys.argv[2:]
    while True:
        screen.erase()
        screen.addstr(1, 2, sys.argv[1])
        for row, item in enumerate(items):
            screen.addstr(3 + row, 4, ('> ' if row == at else '  ') + item, curses.A_REVERSE if row == at else 0)
        screen.refresh()
        key = screen.getch()
        time.sleep(0.02)  # It is slow, as things over a network are.
        if key == curses.KEY_DOWN: at = (at + 1) % len(items)
        elif key == curses.KEY_UP: at = (at - 1) % len(items)
        elif key == 10: return items[at]
"""


class less_finds(Task):
    """less: a search in a file of 5,000 lines, and the line below what was found."""

    def prepare(self):
        self.at = 200 + self.number % 4000
        lines = [f"line {i}\n" for i in range(5000)]
        lines[self.at] = f"line {self.at} needle\nbelow {self.token}\n"
        self.write("log", "".join(lines))

    def truth(self):
        return f"below {self.token}", 0

    def roost(self, session):
        session.interact("less log\r", match="line 20")
        found = session.interact("/needle\r", match="below ")["screen"]["lines"]
        session.interact("q", **{"for": "prompt"})
        return next(line for line in found if line.startswith("below")), session.run("(exit $?)")["exit_status"]

    def tmux(self, pane):
        pane.type("less log; echo status=$?")
        pane.match("^line 20")
        pane.type("/needle")
        found = pane.match("^below ").splitlines()
        pane.type("q", enter=False)
        done = pane.match(r"^status=\d+")
        return next(line for line in found if line.startswith("below")), int(done[done.rindex("status=") + 7:].split()[0])


class top_shows(Task):
    """top: it paints by itself every second; a process of ours is in the picture, and q leaves it."""

    def prepare(self):
        self.name = "job-" + self.token[:4]

    def truth(self):
        return self.name, True

    def roost(self, session):
        job = session.run(f"bash -c 'exec -a {self.name} sleep 50' & echo $!")["output"].split()[-1]
        picture = session.interact(f"top -c -d 1 -p {job}\r", pattern=rf"^ *{job} .*")["match"]
        ended = session.interact("q", **{"for": "prompt"})
        session.run("kill %1")
        return re.search(r"job-\w+", picture)[0], ended["met"]

    def tmux(self, pane):
        pane.type(f"bash -c 'exec -a {self.name} sleep 50' & echo pid=$!")
        job = re.search(r"^pid=(\d+)", pane.match(r"^pid=\d+"), re.M)[1]
        pane.type(f"top -c -d 1 -p {job}")
        text = pane.match(rf"^ *{job} .*job-")
        pane.type("q", enter=False)
        pane.prompt("ready> ")
        pane.run("kill %1")
        return re.search(rf"^ *{job} .*(job-\w+)", text, re.M)[1], True


class htop_settings(Task):
    """htop: F5 shows the tree, F10 leaves; its settings say so afterwards."""

    def truth(self):
        return "tree_view=1", 0

    def roost(self, session):
        session.interact(f"HTOPRC={self.folder}/htoprc htop\r", match="F5Tree")
        session.interact(keys=["f5"], match="F5List")
        session.interact(keys=["f10"], **{"for": "prompt"})
        return re.search(r"^tree_view=.*$", self.read("htoprc"), re.M)[0], session.run("(exit $?)")["exit_status"]

    def tmux(self, pane):
        pane.type(f"HTOPRC={self.folder}/htoprc htop; echo status=$?")
        pane.match("F5Tree")
        pane.keys("F5")
        pane.match("F5List")
        pane.keys("F10")
        done = pane.match(r"^status=\d+")
        return re.search(r"^tree_view=.*$", self.read("htoprc"), re.M)[0], int(done[done.rindex("status=") + 7:].split()[0])


class menu_choice(Task):
    """A menu by curses: the item is chosen by looking where the mark is after each key."""

    def prepare(self):
        self.script("menu", MENU + "open('choice', 'w').write(curses.wrapper(menu))\n", "/usr/bin/python3")
        self.items = [f"item-{i}-{self.token}" for i in range(8)]
        self.wanted = self.items[2 + self.number % 5]
        self.command = "./menu Choose: " + " ".join(self.items)

    def truth(self):
        return self.wanted

    def roost(self, session):
        session.interact(self.command + "\r", pattern=f"> {self.items[0]} *$")
        for item in self.items[1: self.items.index(self.wanted) + 1]:
            session.interact(keys=["down"], pattern=f"> {item}")
        session.interact(keys=["enter"], **{"for": "prompt"})
        return self.read("choice")

    def tmux(self, pane):
        pane.type(self.command + "; echo status=$?")
        pane.match(f"> {self.items[0]} *$")
        for item in self.items[1: self.items.index(self.wanted) + 1]:
            pane.keys("Down")
            pane.match(f"> {item}")
        pane.keys("Enter")
        pane.match(r"^status=\d+")
        return self.read("choice")


class menu_in_one_go(Task):
    """The same menu by an agent that knows the way: all keys at once, as fast as they go."""

    prepare, truth = menu_choice.prepare, menu_choice.truth

    def roost(self, session):
        session.interact(self.command + "\r", pattern=f"> {self.items[0]} *$")
        session.interact(keys=["down"] * self.items.index(self.wanted) + ["enter"], **{"for": "prompt"})
        return self.read("choice")

    def tmux(self, pane):
        pane.type(self.command + "; echo status=$?")
        pane.match(f"> {self.items[0]} *$")
        pane.keys(*["Down"] * self.items.index(self.wanted), "Enter")
        pane.match(r"^status=\d+")
        return self.read("choice")


class watched_value(Task):
    """A screen that is painted over and over: the picture in which a counter has reached its end, not an earlier one."""

    def prepare(self):
        self.script("monitor", (
            "printf '\\033[?1049h'\nfor i in $(seq 0 8); do\n"
            f"  printf '\\033[H\\033[Kcount %d\\n\\033[Kvalue %d\\n' $i $((i * {self.number}))\n  sleep 0.03\ndone\n"
            "read -rsn1 key; printf '\\033[?1049l'\n"))

    def truth(self):
        return f"value {self.number * 8}"

    def roost(self, session):
        # Once it reads the terminal there is nothing more to come.
        lines = session.interact("./monitor\r", **{"for": "input"})["screen"]["lines"]
        session.interact("q", **{"for": "prompt"})
        return lines[1]

    def tmux(self, pane):
        pane.type("./monitor; echo status=$?")
        pane.match("^count 8")
        text = pane.stable(0.1)
        pane.type("q", enter=False)
        pane.match(r"^status=\d+")
        return text.splitlines()[1].strip()
