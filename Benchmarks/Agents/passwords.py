"""Passwords: the terminal does not show them, they are asked for twice, or once more because they were wrong."""
from task import Task


class asked_again(Task):
    """A sudo-like program that pauses, refuses a wrong password, asks again, and runs its command with the right one."""

    def prepare(self):
        self.script("fakesudo", (
            "import getpass, subprocess, sys, time\n"
            "for attempt in range(3):\n"
            f"    if getpass.getpass('[sudo] password for admin: ') == 'pw {self.token}':\n"
            "        sys.exit(subprocess.call(sys.argv[1:]))\n"
            "    time.sleep(0.15)\n"
            "    print('Sorry, try again.')\n"
            "sys.exit(1)\n"), "/usr/bin/python3")

    def truth(self):
        return 7, f"root did {self.number * 2}", False

    def command(self):
        return f"./fakesudo bash -c 'echo root did $(({self.number} * 2)); exit 7'"

    def roost(self, session):
        first = session.run(self.command())
        second = session.reply(first, "wrong")
        assert (first["reason"], second["reason"]) == ("password", "password"), (first, second)
        assert "Sorry, try again." in second["output"], second
        done = session.reply(second, "pw " + self.token)
        return done["exit_status"], done["output"].splitlines()[-1], self.token in done["output"]

    def tmux(self, pane):
        pane.type(self.command() + "; echo status=$?")
        pane.match("password for admin: *$")
        pane.type("wrong")
        pane.match(r"try again\.\n.*password for admin: *$")
        pane.type("pw " + self.token)
        text = pane.match(r"^status=\d+")
        lines = text.splitlines()
        status = next(line for line in lines if line.startswith("status="))
        return int(status[7:]), lines[lines.index(status) - 1], self.token in text


class ssh_key(Task):
    """ssh-keygen asks for a passphrase twice; the key opens with it afterwards, and not with another."""

    def truth(self):
        return ["password", "password"], 0, 0, 255

    def roost(self, session):
        first = session.run("ssh-keygen -q -t ed25519 -C me -f key")
        second = session.reply(first, "pass " + self.token)
        done = session.reply(second, "pass " + self.token)
        checks = [session.run(f"ssh-keygen -y -P '{word}' -f key >public")["exit_status"] for word in ("pass " + self.token, "other")]
        return [first["reason"], second["reason"]], done["exit_status"], *checks

    def tmux(self, pane):
        pane.type("ssh-keygen -q -t ed25519 -C me -f key; echo status=$?")
        pane.match(r"passphrase \(empty.*: *$")
        pane.type("pass " + self.token)
        pane.match(r"same passphrase again: *$")
        pane.type("pass " + self.token)
        done = pane.match(r"^status=\d+")
        checks = [pane.run(f"ssh-keygen -y -P '{word}' -f key >public")[0] for word in ("pass " + self.token, "other")]
        return ["password", "password"], int(done[done.rindex("status=") + 7:].split()[0]), *checks


class openssl_file(Task):
    """openssl encrypts a file with a password that it asks for twice, and decrypts it with one that it asks for once."""

    def prepare(self):
        self.write("plain", f"secret {self.number}\n")

    def truth(self):
        return 0, f"secret {self.number}"

    def roost(self, session):
        asked = session.run("openssl enc -aes-256-cbc -pbkdf2 -in plain -out box")
        while asked["reason"] == "password":
            asked = session.reply(asked, self.token)
        asked = session.run("openssl enc -d -aes-256-cbc -pbkdf2 -in box")
        done = session.reply(asked, self.token)
        return done["exit_status"], done["output"].splitlines()[-1]

    def tmux(self, pane):
        pane.type("openssl enc -aes-256-cbc -pbkdf2 -in plain -out box; echo status=$?")
        pane.match("^enter .* password: *$")
        pane.type(self.token)
        pane.match("^Verifying - enter .* password: *$")
        pane.type(self.token)
        pane.match(r"^status=0")
        pane.type("clear; openssl enc -d -aes-256-cbc -pbkdf2 -in box; echo again=$?")
        pane.match("^enter .* password: *$")
        pane.type(self.token)
        text = pane.match(r"^again=\d+")
        return int(text[text.rindex("again=") + 6:].split()[0]), text[: text.rindex("\nagain=")].splitlines()[-1]


class name_then_password(Task):
    """A login: a name that is shown, a password that is not, then a code; each question is of its own kind."""

    def prepare(self):
        self.script("login", (
            'read -p "login: " name; read -s -p "Password: " password; echo; sleep 0.1; read -p "Code: " code\n'
            f'[ "$password" = "pw{self.token}" ] && echo "welcome $name $((code + 1))"\n'))

    def truth(self):
        return ["input", "password", "input"], f"welcome ada {self.number + 1}"

    def roost(self, session):
        kinds, done = [], session.run("./login")
        for reply in ("ada", "pw" + self.token, str(self.number)):
            kinds.append(done["reason"])
            done = session.reply(done, reply)
        return kinds, done["output"].splitlines()[-1]

    def tmux(self, pane):
        pane.type("./login; echo status=$?")
        for question, reply in (("login:", "ada"), ("Password:", "pw" + self.token), ("Code:", str(self.number))):
            pane.match(f"^{question} *$")
            pane.type(reply)
        text = pane.match(r"^status=\d+")
        # Nothing on a screen tells a password from another question but its words.
        return ["input", "password", "input"], text[: text.rindex("\nstatus=")].splitlines()[-1]
