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

  @Test("of a pipeline whose first program has ended the one that runs has the foreground")
  func pipeline() async throws {
    try await withShell(.dash) { session in
      try await session.type("true | sleep 1000\r")
      try await eventually("sleep has the terminal") { try await session.record["foreground"] == "sleep" }
    }
  }

  @Test("a program that polls its terminal and itself is waited for as one that reads, and told apart")
  func polling() async throws {
    let program = "import os, select; a, b = os.pipe(); os.write(1, b'name? '); select.select([0, a], [], [])"
    try await withSession(["argv": ["/usr/bin/python3", "-c", .string(program)]]) { session in
      let waited = try await session.wait(["for": "input"])
      #expect(waited["evidence"] == "tty_poll" && waited["state"] == "reading", "\(waited.text)")
      #expect(waited["state_evidence"] == "tty_poll")
      #expect(try await session.record["state"] == "reading")
    }
  }

  @Test("what looks like a prompt is said to look like one, and is never taken for input")
  func looksLikePrompt() async throws {
    let gate = try await Gate(in: SharedServer.roost)
    try await withScript("printf 'Continue? [y/N] '; read go <\(gate.path); exec cat") { session in
      let looks = try await session.wait(["for": ["input", "looks_like_prompt"], "idle_ms": 100])
      #expect(looks["reason"] == "looks_like_prompt" && looks["evidence"] == "looks_like_prompt", "\(looks.text)")
      #expect(looks["met"] == true && looks["state"] == "quiet" && looks["state_evidence"] == "looks_like_prompt")
      try await expect("quiet", "looks_like_prompt", of: session, never: ["exited", "prompt", "reading", "password"])
      let input = try await session.answer("wait", ["for": "input", "timeout_ms": 300])
      #expect(input.errorCode == "wait_timeout", "\(input)")
      try await gate.open()
    }
    try await withScript("echo working; exec sleep 1000") { session in
      try await session.wait(match: "working")
      let answer = try await session.answer("wait", ["for": "looks_like_prompt", "idle_ms": 50, "timeout_ms": 400])
      #expect(answer.errorCode == "wait_timeout", "\(answer)")
    }
  }

  @Test("the state in an answer follows from what was met")
  func stateOfOutcome() async throws {
    try await withScript("echo begin; exec sleep 1000") { session in
      try await session.wait(match: "begin")
      let idle = try await session.wait(["for": "idle", "idle_ms": 50])
      #expect(
        idle["reason"] == "idle" && idle["state"] == "quiet" && idle["state_evidence"] == "screen_quiet", "\(idle.text)"
      )
      let plain = try await session.client.get("\(session.path)/idle?timeout_ms=50&fresh=true&format=plain")
      #expect(plain["state"] == "quiet", "\(plain.text)")
    }
    try await withShell { session in
      for _ in 0..<5 {
        let met = try await session.interact(["keys": ["enter"], "for": "prompt"])
        #expect(met["state"] == "prompt" && met["state_evidence"] == "osc133", "\(met.text)")
      }
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
