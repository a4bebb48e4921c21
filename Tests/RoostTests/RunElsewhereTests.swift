import Formats
import TestKit
import Testing

/// A shell behind another terminal, as at the other end of ssh: the kernel tells nothing of it, its marks tell all. `script` stands for ssh.
@Suite("A shell out of sight", .bounded)
struct RunElsewhereTests {
  typealias Place = RunBindingTests.Place

  private static func hidden(_ shell: String) -> String { "script -qc '\(shell)' /dev/null" }

  /// What to start so that no file of the user's or the system's is read.
  private static func bare(_ place: Place) -> String {
    switch place {
    case .bash: "bash --norc"
    case .zsh: "zsh -f"
    case .fish: "fish --no-config"
    case .ash: "busybox ash"
    default: place.rawValue
    }
  }

  private static func status(_ number: Int) -> JSON { .string("echo \"it's\" '$HOME'; sh -c 'exit \(number)'") }

  /// A shell of the session's, in which another is typed that cannot be seen.
  private func behind(_ line: String, in outer: Place = .bash, _ body: (TestSession) async throws -> Void) async throws
  {
    try await withSession(outer.fields) { session in
      #expect(try await session.run("echo ready", ["timeout_ms": 60_000])["output"] == "ready\n")
      try await session.interact(["text": .string(line + "\r"), "for": "looks_like_prompt", "idle_ms": 500])
      try await body(session)
    }
  }

  private func expectMarks(_ session: TestSession, _ place: Place, evidence: JSON) async throws {
    #expect(try await session.wait(["for": "prompt"])["reason"] == "prompt")
    #expect(try await session.record["state"] == "prompt")
    for number in 1...2 {
      let answer = try await session.post("run", ["command": Self.status(number), "timeout_ms": 60_000])
      #expect(answer["output"] == "it's $HOME\n" && answer["exit_status"] == .integer(number), "\(answer.text)")
      #expect(answer["evidence"] == evidence, "\(answer.text)")
    }
    let typed = try await session.interact(["text": "echo typed\r", "for": "prompt"])
    #expect(typed["reason"] == "prompt" && typed["state"] == "prompt", "\(typed.text)")
    #expect(try await session.record["evidence"] == "osc133")
  }

  @Test(
    "once it has the integration its prompt is certain, and its line editor is given the runs",
    arguments: [Place.bash, .zsh, .fish])
  func integrated(place: Place) async throws {
    let name = JSON.string(place.rawValue)
    try await behind(Self.hidden(Self.bare(place))) { session in
      for _ in 1...2 {
        #expect(try await session.answer("integrate", ["shell": name]).status == 200)
        #expect(try await session.record["state"] == "prompt")
        try await expectMarks(session, place, evidence: "osc133")
      }
      let slow = try await session.answer("run", ["command": "cat", "timeout_ms": 700])
      let id = try #require(slow.json["error"]["details"]["command_id"].integer)
      try await session.type("line\r\u{4}")
      let end = try await session.post("commands/\(id)/wait", ["timeout_ms": 60_000])
      #expect(end["output"] == "line\nline\n" && end["exit_status"] == 0, "\(end.text)")
      try await session.run("exit 3", ["timeout_ms": 60_000])
      #expect(try await session.run("echo outer", ["timeout_ms": 60_000])["output"] == "outer\n")
    }
    try await withSession(["argv": .array(["script", "-qc", .string(Self.bare(place)), "/dev/null"])]) { session in
      try await session.wait(["for": "looks_like_prompt", "idle_ms": 500])
      #expect(try await session.answer("integrate", ["shell": name]).status == 200)
      try await expectMarks(session, place, evidence: "osc133")
    }
  }

  @Test(
    "one that cannot read our files is given lines between its marks", .enabled(if: OtherUser.isPossible),
    arguments: [Place.bash, .zsh])
  func otherUser(place: Place) async throws {
    let user = OtherUser()
    let become = "cd /; HOME=/nonexistent setpriv --reuid=\(user.id) --clear-groups "
    try await behind(become + Self.hidden(Self.bare(place))) { session in
      #expect(try await session.answer("integrate", ["shell": .string(place.rawValue)]).status == 200)
      try await expectMarks(session, place, evidence: "marker")
    }
  }

  @Test("one that does not find the file any more is given lines", arguments: [Place.bash, .zsh, .fish])
  func fileLost(place: Place) async throws {
    try await behind(Self.hidden(Self.bare(place))) { session in
      #expect(try await session.answer("integrate", ["shell": .string(place.rawValue)]).status == 200)
      let lose =
        switch place {
        case .bash: "__roost_file=/nonexistent"
        case .zsh: "_roost_file=/nonexistent"
        default: "set -g __roost_file /nonexistent"
        }
      #expect(try await session.run(lose, ["timeout_ms": 60_000])["evidence"] == "osc133")
      try await expectMarks(session, place, evidence: "marker")
    }
  }

  @Test("the integration is said not to have come where it has not")
  func notTaken() async throws {
    try await withSession(["argv": ["cat"]]) { session in
      let answer = try await session.answer("integrate", ["shell": "bash", "timeout_ms": 1000])
      #expect(answer.errorCode == "run_timeout", "\(answer)")
    }
  }

  @Test("the caller's word is enough for every shell", arguments: Place.allCases)
  func word(place: Place) async throws {
    try await behind(Self.hidden(Self.bare(place))) { session in
      for number in 5...6 {
        let answer = try await session.post(
          "run", ["command": Self.status(number), "in": "shell", "timeout_ms": 60_000])
        #expect(answer["output"] == "it's $HOME\n" && answer["exit_status"] == .integer(number), "\(answer.text)")
      }
      let lines = try await session.run("echo '\"one!\"`'\necho two", ["in": "shell", "timeout_ms": 60_000])
      #expect(lines["output"] == "\"one!\"`\ntwo\n", "\(lines.text)")
    }
  }

  @Test(
    "the next command finds the status of the one before, and the shell survives it under set -e",
    arguments: Place.allCases.filter { $0 != .fish })
  func statusBefore(place: Place) async throws {
    try await behind(Self.hidden(Self.bare(place))) { session in
      func run(_ command: String) async throws -> JSON {
        try await session.run(command, ["in": "shell", "timeout_ms": 60_000])
      }
      #expect(try await run("sh -c 'exit 7'")["exit_status"] == 7)
      #expect(try await run("# nothing")["exit_status"] == 0)
      #expect(try await run("sh -c 'exit 7'")["exit_status"] == 7)
      #expect(try await run("echo $?")["output"] == "7\n")
      #expect(try await run("sh -c 'exit 6'")["exit_status"] == 6)
      try await session.interact(["text": "echo typed=$?\r", "for": "match", "pattern": "(?m)^typed=6"])
      #expect(try await run("set -e; ! true || :")["exit_status"] == 0)
      #expect(try await run("if sh -c 'exit 3'; then :; else echo $?; fi")["output"] == "3\n")
    }
  }

  @Test("fish in the shell takes runs by the caller's word, typed or started by a run", arguments: [true, false])
  func fish(isTyped: Bool) async throws {
    try await withSession(Place.bash.fields) { session in
      #expect(try await session.run("echo ready", ["timeout_ms": 60_000])["output"] == "ready\n")
      let command = Self.bare(.fish)
      if isTyped {
        try await session.interact(["text": .string("\(command)\r"), "for": "looks_like_prompt", "idle_ms": 500])
      } else {
        #expect(try await session.run(command, ["timeout_ms": 60_000])["reason"] == "input")
      }
      for number in 1...2 {
        let answer = try await session.run(
          "echo (math 6 x 7); sh -c 'exit \(number)'", ["in": "shell", "timeout_ms": 60_000])
        #expect(answer["output"] == "42\n" && answer["exit_status"] == .integer(number), "\(answer.text)")
      }
      let broken = try await session.run("if true; echo x", ["in": "shell", "timeout_ms": 60_000])
      #expect(broken["exit_status"].integer ?? 0 > 0, "\(broken.text)")
      try await session.interact(["text": "exit\r", "for": "prompt"])
      #expect(try await session.run("echo outer", ["timeout_ms": 60_000])["output"] == "outer\n")
    }
  }

  @Test("the caller's word changes nothing at a prompt with marks", arguments: [Place.bash, .zsh, .fish])
  func needless(place: Place) async throws {
    try await withSession(place.fields) { session in
      #expect(try await session.run("echo ready", ["timeout_ms": 60_000])["output"] == "ready\n")
      let answer = try await session.run("echo x", ["in": "shell", "timeout_ms": 60_000])
      #expect(answer["output"] == "x\n" && answer["evidence"] == "osc133", "\(answer.text)")
    }
  }
}

/// A run that was given to what swallows it is not in progress for ever.
@Suite("A run that does not begin", .bounded)
struct RunNeverBegunTests {
  typealias Place = RunBindingTests.Place

  /// What takes the terminal, shows and runs nothing of what is typed, and ends when the gate is opened.
  private func hang(_ session: TestSession, until gate: Gate) async throws {
    try await session.type("script -qc 'stty -echo; echo hanging; cat \(gate.path)' /dev/null\r")
    try await session.wait(match: "(?m)^hanging")
  }

  @Test("it is over when a shell has its prompt again", arguments: [Place.bash, .zsh, .fish, .dash, .mksh])
  func leftBehind(place: Place) async throws {
    try await withSession(place.fields) { session in
      #expect(try await session.run("echo ready", ["timeout_ms": 60_000])["output"] == "ready\n")
      let gates = try [Gate(in: session.roost), Gate(in: session.roost)]
      // Its caller has gone on.
      try await hang(session, until: gates[0])
      let late = try await session.answer("run", ["command": "echo in", "in": "shell", "timeout_ms": 500])
      #expect(late.errorCode == "run_timeout", "\(late)")
      #expect(try await session.client.get("\(session.path)/runs").array?.count == 1)
      try await gates[0].open()
      let next = try await session.run("echo next", ["queue": true, "timeout_ms": 60_000])
      #expect(next["output"] == "next\n", "\(next.text)")
      #expect(try await session.client.get("\(session.path)/runs").array?.isEmpty == true)
      // Its caller waits.
      try await hang(session, until: gates[1])
      async let waiting = session.elsewhere.answer("run", ["command": "echo in", "in": "shell", "timeout_ms": 60_000])
      try await eventually("it is given") {
        try await session.client.get("\(session.path)/runs").array?.isEmpty == false
      }
      try await gates[1].open()
      #expect(try await waiting.errorCode == "run_cancelled")
      #expect(try await session.run("echo next", ["queue": true, "timeout_ms": 60_000])["output"] == "next\n")
    }
  }

  @Test("it is over when the prompt of a shell out of sight has come, and nothing behind it")
  func passedOver() async throws {
    try await withSession(["argv": ["script", "-qc", "bash --norc", "/dev/null"]]) { session in
      try await session.wait(["for": "looks_like_prompt", "idle_ms": 500])
      #expect(try await session.answer("integrate", ["shell": "bash"]).status == 200)
      try await session.type("stty -echo; cat >/dev/null; stty echo\r")
      let late = try await session.answer("run", ["command": "echo in", "in": "shell", "timeout_ms": 1500])
      #expect(late.errorCode == "run_timeout", "\(late)")
      try await session.type("\u{4}")
      let next = try await session.run("echo next", ["queue": true, "timeout_ms": 60_000])
      #expect(next["output"] == "next\n", "\(next.text)")
    }
  }
}
