import Formats
import TestKit
import Testing

@Suite("What a session is doing, and by what evidence", .bounded)
struct SessionStateTests {
  /// Waits until the record says this; what else it says in the meantime must not be among `never`.
  private func expect(
    _ state: String, _ evidence: String, of session: TestSession, never: Set<String> = []
  ) async throws {
    try await eventually("\(session.name) is \(state) by \(evidence)") {
      let record = try await session.record
      if let seen = record["state"].string, never.contains(seen) {
        throw TestFailure("it was called \(seen) (\(record["evidence"].text))")
      }
      return record["state"].string == state && record["evidence"].string == evidence
    }
  }

  @Test(
    "a program that asks for a password is seen to",
    arguments: [
      ["/bin/bash", "-c", "read -r -s -p 'Password: ' secret; echo; echo got ${#secret}"],
      ["/usr/bin/env", "python3", "-c", "import getpass; print('got', len(getpass.getpass()))"],
      ["/bin/sh", "-c", "printf 'Password: '; stty -echo; read secret; stty echo; echo; echo got ${#secret}"],
    ])
  func password(argv: [String]) async throws {
    try await withSession(["argv": .array(argv.map { .string($0) })]) { session in
      try await session.wait(match: "Password:")
      let waited = try await session.wait(["for": "input"])
      #expect(waited["evidence"] == "termios", "\(waited.text)")
      let record = try await session.record
      #expect(record["state"] == "password")
      #expect(record["evidence"] == "termios")
      let answer = try await session.interact(["text": "secret12\r", "match": "got 8", "format": "plain"])
      #expect(!answer["screen"].text.contains("secret12"))
    }
  }

  @Test("a program that is blocked reading its terminal is seen to")
  func reading() async throws {
    try await withSession(["argv": ["/bin/cat"]]) { session in
      let waited = try await session.wait(["for": "input"])
      #expect(waited["reason"] == "input")
      #expect(waited["evidence"] == "tty_read")
      #expect(try await session.record["state"] == "reading")
      #expect(try await session.record["evidence"] == "tty_read")
    }
  }

  @Test("a question in the middle of a script is seen as reading, by a program other than the session's first")
  func question() async throws {
    try await withScript("echo working; python3 -c 'x = input(\"Continue? \"); print(\"said\", x)'; echo finished") {
      session in
      try await session.wait(match: "Continue")
      #expect(try await session.wait(["for": "input"])["evidence"] == "tty_read")
      #expect(try await session.record["state"] == "reading")
      try await session.interact(["text": "yes\r", "match": "said yes"])
    }
  }

  @Test("a shell at its prompt says so itself", arguments: Shell.allCases.filter(\.isIntegrated))
  func prompt(shell: Shell) async throws {
    try await withShell(shell) { session in
      let record = try await session.record
      #expect(record["state"] == "prompt", "\(record.text)")
      #expect(record["evidence"] == "osc133")
    }
  }

  @Test("a plain shell that waits for a line is seen as reading")
  func plainShell() async throws {
    try await withSession(["shell": "/bin/dash"]) { session async throws in
      #expect(try await session.wait(["for": "input"])["evidence"] == "tty_read")
      #expect(try await session.record["state"] == "reading")
    }
  }

  @Test("a program in a shell is never taken for the shell's prompt", arguments: Shell.allCases.filter(\.isIntegrated))
  func programInShell(shell: Shell) async throws {
    try await withShell(shell) { session in
      let waited = try await session.interact(["text": "cat\r", "for": "input"])
      #expect(waited["evidence"] == "tty_read", "\(waited.text)")
      let record = try await session.record
      #expect(record["state"] == "reading", "\(record.text)")
      #expect(record["foreground"] == "cat")
      let back = try await session.interact(["keys": ["ctrl+d"], "for": "prompt"])
      #expect(back["evidence"] == "osc133")
      #expect(try await session.record["state"] == "prompt")
    }
  }

  @Test("a program that is silent and then goes on is never called done while it is silent")
  func silence() async throws {
    let gate = try await Gate(in: SharedServer.roost)
    try await withScript("echo begin; read go <\(gate.path); echo end; exit 4") { session in
      try await session.wait(match: "begin")
      // However often one asks, and by whatever wait.
      let idle = try await session.wait(["for": ["idle", "prompt", "exit", "input"], "idle_ms": 400])
      #expect(idle["reason"] == "idle", "\(idle.text)")
      #expect(idle["evidence"] == "screen_quiet")
      #expect(idle["exit_status"].isNull)
      try await expect("quiet", "screen_quiet", of: session, never: ["exited", "prompt", "reading", "password"])
      #expect(try await session.answer("wait", ["for": "exit", "timeout_ms": 50]).errorCode == "wait_timeout")
      try await gate.open()
      let end = try await session.wait(["for": "exit", "format": "plain"])
      #expect(end["reason"] == "exit")
      #expect(end["exit_status"] == 4)
      #expect(end["screen"].screenText == "begin\nend")
    }
  }

  @Test("the same in a shell: silence is no prompt", arguments: Shell.allCases.filter(\.isIntegrated))
  func silenceInShell(shell: Shell) async throws {
    let gate = try await Gate(in: SharedServer.roost)
    try await withShell(shell) { session in
      let idle = try await session.interact([
        "text": .string("/bin/sh -c 'echo begin; read go <\(gate.path); echo end'\r"), "for": ["idle", "prompt"],
        "idle_ms": 500,
      ])
      #expect(idle["reason"] == "idle", "\(idle.text)")
      try await expect("quiet", "screen_quiet", of: session, never: ["exited", "prompt", "reading", "password"])
      try await gate.open()
      let end = try await session.wait(["for": "prompt", "format": "plain"])
      #expect(end["evidence"] == "osc133")
      #expect(end["screen"].screenText.contains("end"))
    }
  }

  @Test("a program that works and prints is busy, and quiet is told from the time of the last output")
  func busy() async throws {
    try await withScript("while :; do echo working; sleep 0.02; done") { session in
      try await expect("busy", "output", of: session, never: ["exited", "prompt", "reading", "password"])
      #expect(try await session.record["last_activity_ms"].integer ?? .max < 60_000)
    }
  }

  @Test("the program in the foreground is named, and the folder it is in")
  func foreground() async throws {
    try await withShell { session in
      #expect(try await session.record["foreground"] == "bash")
      try await session.run("cd /usr/share")
      #expect(try await session.record["cwd"] == "/usr/share")
      try await session.type("sleep 1000\r")
      try await eventually("sleep has the terminal") { try await session.record["foreground"] == "sleep" }
      #expect(try await session.record["state"].string != "prompt")
    }
  }

  @Test("the title that a program sets is told")
  func title() async throws {
    try await withScript("printf '\\033]2;a title \\342\\202\\254\\007done'; exec cat") { session in
      try await session.wait(match: "done")
      #expect(try await session.record["title"] == "a title €")
      #expect(try await session.screen()["title"] == "a title €")
    }
  }
}
