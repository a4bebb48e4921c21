"""More than one: two agents in one session, and one that waits for what another session does."""
import re
import time

import roost as api

from task import Task, at_once


class two_queue(Task):
    """Two agents run five commands each in one shell at the same time: each gets its own output and status."""

    def truth(self):
        return [[(i, f"{who} {self.number + i}\n") for i in range(5)] for who in "ab"]

    def roost(self, session):
        def work(who, mine):
            answers = [mine.run(f"sleep 0.01; echo {who} $(({self.number} + {i})); (exit {i})", queue=True) for i in range(5)]
            return [(answer["exit_status"], answer["output"]) for answer in answers]
        return at_once(lambda: work("a", session), lambda: work("b", session.another_agent()))

    def tmux(self, pane):
        def work(who, mine):
            return [mine.run(f"sleep 0.01; echo {who} $(({self.number} + {i})); (exit {i})") for i in range(5)]
        return at_once(lambda: work("a", pane), lambda: work("b", pane.another_agent()))


class two_take_turns(Task):
    """Two agents in one shell, one after the other without a pause: what one asks is never the other's answer."""

    def truth(self):
        return [(i % 3, f"{'ab'[i % 2]}{i} {self.token}\n") for i in range(6)]

    def commands(self):
        return [f"echo {'ab'[i % 2]}{i} {self.token}; (exit {i % 3})" for i in range(6)]

    def roost(self, session):
        agents = session, session.another_agent()
        answers = [agents[i % 2].run(command) for i, command in enumerate(self.commands())]
        return [(answer["exit_status"], answer["output"]) for answer in answers]

    def tmux(self, pane):
        agents = pane, pane.another_agent()
        return [agents[i % 2].run(command) for i, command in enumerate(self.commands())]


class two_type(Task):
    """Two agents type by `interact` at the same time; each waits for its own prompt, and then reads what its own command wrote."""

    def truth(self):
        return [f"a {self.number + 1}\n", f"b {self.number + 2}\n"]

    def roost(self, session):
        def work(who, number, mine):
            mine.interact(f"sleep 0.2; echo {who} $(({self.number} + {number})) >{who}\r", **{"for": "prompt"})
            return self.read(who)
        return at_once(lambda: work("a", 1, session), lambda: work("b", 2, session.another_agent()))

    def tmux(self, pane):
        def work(who, number, mine):
            # One send-keys for line and Enter, so that the other one's line cannot come in between.
            mine.command("send-keys", f"sleep 0.2; echo {who} $(({self.number} + {number})) >{who}", "Enter")
            mine.prompt("ready> ")
            return self.read(who)
        return at_once(lambda: work("a", 1, pane), lambda: work("b", 2, pane.another_agent()))


class job_elsewhere(Task):
    """A job is started in one session; an agent that waits for it there works in another session meanwhile."""

    def truth(self):
        return [f"meanwhile {i}\n" for i in range(3)], f"built {self.number * 4}", 6

    def roost(self, session):
        builder = session.another_session(cwd=str(self.folder))

        def wait():
            done = builder.run(f"sleep 0.3; echo built $(({self.number} * 4)); (exit 6)")
            return done["output"].strip(), done["exit_status"]
        job, work = at_once(wait, lambda: [session.run(f"echo meanwhile {i}")["output"] for i in range(3)])
        return work, *job

    def tmux(self, pane):
        builder = pane.another_session(self.folder)

        def wait():
            status, output = builder.run(f"sleep 0.3; echo built $(({self.number} * 4)); (exit 6)")
            return output.strip(), status
        job, work = at_once(wait, lambda: [pane.run(f"echo meanwhile {i}")[1] for i in range(3)])
        return work, *job


class waits_for_the_other(Task):
    """A server comes up in one session; the client in another one starts only when it listens, and both ends are told."""

    def prepare(self):
        self.script("server", "sleep 0.2; mkfifo door; echo listening; read -r line <door; echo got $line; exit 2\n")

    def truth(self):
        return f"got {self.token}", 2

    def roost(self, session):
        server = session.another_session(cwd=str(self.folder))
        server.type("./server\r")
        server.wait(**{"for": "match", "pattern": "^listening"})
        session.run(f"echo {self.token} >door")
        done = server.wait(**{"for": "match", "pattern": "^got .*"})
        server.wait(**{"for": "prompt"})
        status = session.call("GET", f"/sessions/{server.name}/commands?limit=1")[-1]["exit_status"]
        return done["match"], status

    def tmux(self, pane):
        server = pane.another_session(self.folder)
        server.type("./server; echo status=$?")
        server.match("^listening")
        pane.run(f"echo {self.token} >door")
        text = server.match(r"^status=\d+")
        return re.search("^got .*", text, re.M)[0], int(re.search(r"^status=(\d+)", text, re.M)[1])


class busy_is_said(Task):
    """Another one's command has the terminal: an agent is told so at once, waits, and gets its own answer."""

    def truth(self):
        return True, f"mine {self.number + 4}\n", "other done"

    def roost(self, session):
        other = session.another_agent()

        def work():
            time.sleep(0.2)
            try:
                session.run(f"echo mine $(({self.number} + 4))")
                refused = False
            except api.Refused as fault:
                refused = fault.code == "command_running"
            return refused, session.run(f"echo mine $(({self.number} + 4))", queue=True)["output"]
        theirs, mine = at_once(lambda: other.run("sleep 0.45; echo other done")["output"].strip(), work)
        return *mine, theirs

    def tmux(self, pane):
        other = pane.another_agent()

        def work():
            time.sleep(0.2)
            # What has the terminal is seen by its name.
            busy = pane.command("display-message", "-p", "#{pane_current_command}").stdout[0] != "bash"
            pane.until(lambda _: pane.command("display-message", "-p", "#{pane_current_command}").stdout[0] == "bash")
            return busy, pane.run(f"echo mine $(({self.number} + 4))")[1]
        theirs, mine = at_once(lambda: other.run("sleep 0.45; echo other done")[1].strip(), work)
        return *mine, theirs
