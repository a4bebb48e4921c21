import Formats
import Glibc
import Sys
import TestKit
import Testing

@Suite("Programs that wait for their terminal, and such as only look like it", .bounded)
struct WaitingProgramsTests {
  /// What Python 3.13 does at its prompt: it polls the terminal again and again, and does nothing else.
  private static func asking(_ seconds: String) -> JSON {
    let program = """
      import os, select
      while True:
        os.write(1, b'>>> ')
        while not select.select([0], [], [], \(seconds))[0]: pass
        line = os.read(0, 100).decode().strip()
        if line: os.write(1, str(eval(line)).encode() + b'\\n')
      """
    return ["argv": ["/usr/bin/python3", "-c", .string(program)]]
  }

  @Test(
    "a program that polls its terminal with a short time limit is waited for as one that reads",
    arguments: ["0.01", "0.1", "0.5"])
  func shortPolls(seconds: String) async throws {
    try await withSession(Self.asking(seconds)) { session in
      let waited = try await session.wait(["for": "input"])
      #expect(waited["evidence"] == "tty_poll" && waited["state"] == "reading", "\(waited.text)")
      for (line, answer) in [("6*7", "42"), ("3*3", "9")] {
        let answered = try await session.interact(["text": .string("\(line)\r"), "for": "input", "format": "plain"])
        #expect(answered["evidence"] == "tty_poll", "\(answered.text)")
        #expect(answered["screen"].screenText.hasSuffix("\(answer)\n>>>"), "\(answered.text)")
      }
    }
  }

  @Test("its state is known to whoever asks, without a wait before, and is told as an event")
  func shortPollsState() async throws {
    try await withSession(Self.asking("0.1")) { session in
      try await eventually("the event says so") {
        try await SharedServer.roost.events("&type=session.state_changed").contains {
          $0["origin"]["id"].string == session.created["id"].string && $0["data"]["state"].string == "reading"
            && $0["data"]["evidence"].string == "tty_poll"
        }
      }
      let record = try await session.record
      #expect(record["state"] == "reading" && record["evidence"] == "tty_poll", "\(record.text)")
    }
  }

  @Test(
    "a program that polls its terminal between two steps of its work is never said to wait for input",
    arguments: [
      // It prints, behind what looks like a prompt.
      "while True: os.write(1, b'\\rWorking: '); select.select([0], [], [], 0.1)",
      // It computes.
      """
      os.write(1, b'Working: ')
      while True:
        end = time.process_time() + 0.05
        while time.process_time() < end: pass
        select.select([0], [], [], 0.1)
      """,
      // It waits for something else most of the time.
      "os.write(1, b'Working: ')\nwhile True: time.sleep(0.2); select.select([0], [], [], 0.05)",
    ])
  func working(program: String) async throws {
    try await withSession(["argv": ["/usr/bin/python3", "-c", .string("import os, select, time\n\(program)")]]) {
      session in
      try await session.wait(match: "Working")
      let answer = try await session.answer("wait", ["for": "input", "timeout_ms": 2500])
      #expect(answer.errorCode == "wait_timeout", "\(answer)")
    }
  }

  /// Programs that answer each line they read, and how the terminal is read by them.
  private static let readers: [(how: String, argv: JSON)] = {
    func python(_ read: String) -> JSON {
      let program = """
        import os, select, sys, tty
        tty.setraw(0)
        \(read)
        rest = b''
        while True:
          while b'\\r' not in rest:
            wait()
            rest += os.read(0, 100)
          line, rest = rest.split(b'\\r', 1)
          os.write(1, b'got-' + line + b'\\r\\n')
        """
      return ["/usr/bin/python3", "-c", .string(program)]
    }
    let answers = "while read -r line; do echo got-$line; done"
    return [
      ("read", ["/bin/sh", "-c", .string(answers)]), ("hidden", ["/bin/sh", "-c", .string("stty -echo; \(answers)")]),
      ("raw", python("wait = lambda: None")), ("select", python("wait = lambda: select.select([0], [], [])")),
      ("poll", python("p = select.poll(); p.register(0, 1); wait = p.poll")),
      ("epoll", python("e = select.epoll(); e.register(0, 1); wait = e.poll")),
    ]
  }()

  @Test("on a busy machine, too, a wait for input sees that what was typed has been taken and answered")
  func busyMachine() async throws {
    // So many that whoever is woken, the kernel's own workers too, waits for a processor; each session has its share of that.
    var busy: [TestSession] = []
    for _ in 1...8 {
      busy.append(
        try await TestSession(on: SharedServer.roost, ["argv": ["/bin/sh", "-c", "while :; do :; done"]]))
    }
    let outcome: Result<Void, any Error>
    do {
      outcome = .success(try await Self.answerOften())
    } catch {
      outcome = .failure(error)
    }
    for session in busy { await session.remove() }
    try outcome.get()
  }

  private static func answerOften() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for reader in readers + readers {
        group.addTask {
          try await withSession(["argv": reader.argv]) { session in
            try await session.wait(["for": "input"])
            for number in 1...40 {
              // Several lines at once, too.
              let lines = (0...number % 3).map { "\(number).\($0)" }
              let text = lines.map { "\($0)\r" }.joined()
              let answer = try await session.interact(["text": .string(text), "for": "input", "format": "plain"])
              #expect(
                answer["screen"].screenText.hasSuffix("got-\(lines.last ?? "")"),
                "\(reader.how) \(number): \(answer.text)")
            }
          }
        }
      }
      try await group.waitForAll()
    }
  }

  @Test("an end of input that was typed is on its way until the program has it")
  func endOfInput() async throws {
    try await withScript("while :; do cat; echo ended; done") { session in
      try await session.wait(["for": "input"])
      for _ in 1...5 {
        let before = try await session.text()
        let answer = try await session.interact(["keys": ["ctrl+d"], "for": "input", "format": "plain"])
        #expect(answer["screen"].screenText == (before.isEmpty ? "" : before + "\n") + "ended", "\(answer.text)")
      }
    }
  }

  @Test("typing that is hidden while nobody reads is no question for a password", arguments: ["prints", "is silent"])
  func hiddenAndUnread(how: String) async throws {
    let gate = try await Gate(in: SharedServer.roost)
    let work =
      how == "prints"
      ? "while :; do printf '\\rinstalling'; sleep 0.05; [ -e \(gate.path)2 ] && break; done" : "read go <\(gate.path)"
    try await withScript(
      "stty -echo; printf installing; \(work); printf '\\nPassword: '; read x; stty echo; echo got $x"
    ) { session in
      try await session.wait(match: "installing")
      let answer = try await session.answer("wait", ["for": "input", "timeout_ms": 1500])
      #expect(answer.errorCode == "wait_timeout", "\(answer)")
      #expect(["busy", "quiet"].contains(try await session.record["state"].string ?? ""))
      if how == "prints" { _ = open("\(gate.path)2", O_CREAT | O_WRONLY, 0o600) } else { try await gate.open() }
      try await session.wait(match: "Password")
      let asked = try await session.wait(["for": "input"])
      #expect(asked["evidence"] == "termios" && asked["state"] == "password", "\(asked.text)")
      try await session.interact(["text": "secret\r", "match": "got secret"])
    }
  }

  @Test(
    "a program of other rights, of which the kernel tells nothing, asks for a password when it has fallen silent",
    .enabled(if: OtherUser.isPossible))
  func otherRights() async throws {
    let user = OtherUser()
    try await user.withHome { roost, environment in
      let sudo = "\(roost.home.path)/sudo"
      _ = try await runProcess("/bin/cp", ["/usr/bin/setpriv", sudo], environment: [:])
      chmod(sudo, 0o4755)
      let script = "stty -echo; printf 'Password: '; read x; stty echo; echo got $x; exec sleep 1000"
      let words = [sudo, "--reuid=0", "--regid=0", "--clear-groups", "/bin/sh", "-c", script]
      let made = try await user.run(["new", "v", "-d", "--"] + words, environment)
      #expect(made.exitCode == 0, "\(made)")
      let asked = try await user.run(["wait", "v", "--reading", "--json"], environment)
      #expect(try JSON(parsing: asked.output)["evidence"] == "termios", "\(asked)")
      let answered = try await user.run(["send", "v", "secret", "--enter"], environment)
      #expect(answered.exitCode == 0, "\(answered)")
      let got = try await user.run(["wait", "v", "--match", "got secret"], environment)
      #expect(got.exitCode == 0, "\(got)")
      // Its own user's hand does not reach it.
      let record = try await user.run(["ls", "--json"], environment)
      let pid = try #require(try JSON(parsing: record.output)[0]["pid"].integer)
      #expect(kill(-pid_t(pid), SIGKILL) == 0)
    }
  }

  @Test(
    "the prompt for the rest of a command is not the shell's prompt, for states and waits alike",
    arguments: [Shell.bash, .zsh])
  func continuation(shell: Shell) async throws {
    try await withShell(shell) { session in
      let generation = try await session.type("echo \"abc\r")
      let never = try await session.answer("wait", ["for": "prompt", "timeout_ms": 1000])
      #expect(never.errorCode == "wait_timeout", "\(never)")
      #expect(try await session.record["state"] != "prompt")
      let back = try await session.interact(["text": "def\"\r", "for": "prompt", "format": "plain"])
      #expect(back["state"] == "prompt" && back["screen"].screenText.contains("\ndef"), "\(back.text)")
      // Given up, it is the prompt again.
      try await session.type("echo 'abc\r")
      let given = try await session.interact(["keys": ["ctrl+c"], "for": "prompt"])
      #expect(given["state"] == "prompt" && (given["generation"].integer ?? 0) > generation, "\(given.text)")
    }
  }
}
