"""What a task is: a truth that is known beforehand, and two ways to find it out."""
import pathlib
import secrets
import tempfile
import threading


class Task:
    """One task in one run. A subclass is a task; its first line says what is to be found out.

    `roost` and `tmux` do the same work and answer the same thing, which is right if it equals `truth`. `number` and `token`
    are new in each run, so that what an earlier run left cannot pass for an answer, and what is looked for is never
    in the text that is typed.
    """

    def __init__(self, scratch):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="task-", dir=scratch))
        self.token = secrets.token_hex(4)
        self.number = 1000 + secrets.randbelow(9000)
        self.prepare()

    def prepare(self):
        """Writes the files that the task is about."""

    def truth(self):
        raise NotImplementedError

    def roost(self, session):
        raise NotImplementedError

    def tmux(self, pane):
        raise NotImplementedError

    # For the tasks

    def write(self, name, text, mode=0o644):
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def script(self, name, text, interpreter="/bin/bash"):
        """A program that the task runs as ./NAME."""
        return self.write(name, f"#!{interpreter}\n{text}", 0o755)

    def read(self, name):
        """A file that should be there by now."""
        path = self.folder / name
        return path.read_text() if path.exists() else "no such file"


def at_once(*jobs):
    """Does several things at the same time, one thread each, and answers what each answered."""
    answers, faults = [None] * len(jobs), []

    def work(index, job):
        try:
            answers[index] = job()
        except Exception as fault:  # It is told to whoever waits.
            faults.append(fault)
    threads = [threading.Thread(target=work, args=pair, daemon=True) for pair in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return answers
