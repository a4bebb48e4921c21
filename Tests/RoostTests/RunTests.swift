import Formats
import TestKit
import Testing

@Suite("Running commands in a shell", .bounded)
struct RunTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var command: String
    var status = 0
    /// Nil when the shell has a word to say itself.
    var output: String? = ""
    /// Shells whose language it is.
    var shells = Shell.allCases

    var testDescription: String { command.debugDescription }
  }

  private static let cases: [Case] = [
    Case(command: "true"),
    Case(command: "false", status: 1),
    Case(command: "sh -c 'exit 42'", status: 42),
    Case(command: "sh -c 'kill -TERM $$'", status: 143, output: nil),
    Case(command: "echo hello", output: "hello\n"),
    Case(command: "printf 'a\\nb\\n\\nc\\n'", output: "a\nb\n\nc\n"),
    Case(command: "printf abc", output: "abc"),
    Case(command: "printf '  two  blanks\\n'", output: "  two  blanks\n"),
    Case(command: #"echo "it's" 'a "b"' \\ '$HOME'"#, output: "it's a \"b\" \\ $HOME\n"),
    Case(command: "echo 'größe 日本語 🙂'", output: "größe 日本語 🙂\n"),
    Case(command: "echo '!important' '~' '*' '#no comment' '%s' '`'", output: "!important ~ * #no comment %s `\n"),
    Case(command: "printf 'x%.0s' 1 2 3 4 5 6 7 8 9; echo", output: "xxxxxxxxx\n"),
    Case(command: "seq 1 300 | paste -s -d ' '", output: (1...300).map(String.init).joined(separator: " ") + "\n"),
    Case(command: "seq 1 300 | paste -s -d , | tr -d '\\n'", output: (1...300).map(String.init).joined(separator: ",")),
    Case(command: "no-such-command-here", status: 127, output: nil),
    Case(command: "printf '\\033[31mred\\033[0m and \\033[1mbold\\033[0m\\n'", output: "red and bold\n"),
    Case(command: "printf '10%%\\r50%%\\r100%%\\n'", output: "100%\n"),
    Case(command: "printf 'over\\b\\bed\\n'", output: "oved\n"),
    Case(
      command: "for i in 1 2 3\ndo echo line $i\ndone", output: "line 1\nline 2\nline 3\n",
      shells: [.bash, .zsh, .dash]),
    Case(command: "for i in 1 2 3\n  echo line $i\nend", output: "line 1\nline 2\nline 3\n", shells: [.fish]),
    Case(
      command: "cat <<'END'\nfirst 'line'\nsecond \"line\" $HOME\nEND", output: "first 'line'\nsecond \"line\" $HOME\n",
      shells: [.bash, .zsh, .dash]),
    Case(command: "echo 'first\nsecond'", output: "first\nsecond\n"),
    Case(command: "(exit 7)", status: 7, shells: [.bash, .zsh, .dash]),
    Case(command: "echo out; echo err >&2; false", status: 1, output: "out\nerr\n"),
    Case(command: "printf '\\033[?1049hfull screen\\033[?1049l'; echo after", output: "after\n"),
    Case(command: "sleep 0.2; echo slow", output: "slow\n"),
  ]

  @Test("a command's exit status and output are answered", arguments: Shell.allCases)
  func outcome(shell: Shell) async throws {
    try await withShell(shell) { session in
      for each in RunTests.cases where each.shells.contains(shell) {
        let result = try await session.run(each.command, ["timeout_ms": 20_000])
        #expect(result["exit_status"].integer == each.status, "\(each.command.debugDescription): \(result.text)")
        if let output = each.output {
          #expect(result["output"].string == output, "\(each.command.debugDescription): \(result.text)")
        }
        #expect(result["truncated"] == false)
        #expect(result["evidence"].string == (shell.isIntegrated ? "osc133" : "marker"), "\(result.text)")
        #expect(result["duration_ms"].integer ?? -1 >= 0)
      }
    }
  }

  @Test("output after the screen was cleared is answered", arguments: Shell.allCases)
  func clear(shell: Shell) async throws {
    try await withShell(shell) { session in
      try await session.run("seq 1 50")
      for clearing in ["clear", "printf '\\033[2J\\033[H'", "printf '\\033[H\\033[2J\\033[3J'", "printf '\\033c'"] {
        let result = try await session.run("\(clearing); echo after; false")
        #expect(result["exit_status"] == 1, "\(clearing): \(result.text)")
        #expect(result["output"].string?.hasSuffix("after\n") == true, "\(clearing): \(result.text)")
      }
      let next = try await session.run("echo next")
      #expect(next["output"] == "next\n")
    }
  }

  @Test(
    "a command's output is answered whole when its lines are wrapped anew, while it runs and afterwards",
    arguments: Shell.allCases)
  func resized(shell: Shell) async throws {
    let gate = try await Gate(in: SharedServer.roost)
    let numbers = (1...60).map(String.init).joined(separator: ",")
    try await withShell(shell) { session in
      try await session.post("resize", ["rows": 10, "cols": 80])
      try await session.run("seq 1 30")
      let elsewhere = session.elsewhere
      async let result = elsewhere.run("seq 1 60 | paste -s -d ,; cat \(gate.path); seq 1 60 | paste -s -d ,")
      try await eventually("the command has printed its first line and waits") {
        try await session.record["foreground"] == "cat"
      }
      for columns in [23, 131, 41] { try await session.post("resize", ["rows": 10, "cols": .integer(columns)]) }
      try await gate.open()
      let answer = try await result
      let output = "\(numbers)\ngo\n\(numbers)\n"
      #expect(answer["output"].string == output, "\(answer.text)")
      // Behind it, lines may be wrapped anew again: the record still says where they are.
      guard shell.isIntegrated else { return }
      for columns in [200, 31, 80] {
        try await session.post("resize", ["rows": 12, "cols": .integer(columns)])
        let lines = try await session.client.get("\(session.path)/commands?limit=1").array?.first?["output_lines"]
        let first = try #require(lines?["first"].integer)
        let end = try #require(lines?["last"].integer)
        let text = try await session.history()[first..<end].joined()
        #expect(text == output.filter { $0 != "\n" }, "\(columns) columns: lines \(first) to \(end)")
      }
      #expect(try await session.run("echo next")["output"] == "next\n")
    }
  }

  @Test("the shell keeps its folder and variables from one command to the next", arguments: Shell.allCases)
  func state(shell: Shell) async throws {
    try await withShell(shell) { session async throws in
      #expect(try await session.run("cd /usr/share")["exit_status"] == 0)
      #expect(try await session.run(shell == .fish ? "set colour green" : "colour=green")["exit_status"] == 0)
      #expect(try await session.run("pwd; echo $colour")["output"] == "/usr/share\ngreen\n")
      if shell.isIntegrated { #expect(try await session.run("true")["cwd"] == "/usr/share") }
    }
  }

  @Test("one command after another: never the answer of the one before", arguments: Shell.allCases)
  func noStaleAnswer(shell: Shell) async throws {
    try await withShell(shell) { session in
      for number in 1...20 {
        let result = try await session.run("echo $((\(number) * 7))".forShell(shell, fish: "math \(number) \\* 7"))
        #expect(result["output"].string == "\(number * 7)\n", "\(result.text)")
      }
    }
  }

  @Test("a line that the shell cannot parse is answered, and the next command works", arguments: Shell.allCases)
  func syntaxError(shell: Shell) async throws {
    try await withShell(shell) { session in
      let result = try await session.run(")", ["timeout_ms": 20_000])
      #expect(result["exit_status"].integer != 0 || result["exit_status"].isNull, "\(result.text)")
      #expect(result["output"].string?.isEmpty == false, "\(result.text)")
      #expect(try await session.run("echo fine")["output"] == "fine\n")
    }
  }

  @Test(
    "a line that is not complete does not end: 408, and ctrl+c makes the shell usable again",
    arguments: [Shell.bash, .zsh])
  func incomplete(shell: Shell) async throws {
    try await withShell(shell) { session in
      let response = try await session.answer("run", ["command": "echo 'open", "timeout_ms": 500])
      #expect(response.status == 408 || response.status == 400, "\(response)")
      try await session.interact(["keys": ["ctrl+c"], "for": "prompt"])
      #expect(try await session.run("echo fine")["output"] == "fine\n")
    }
  }

  @Test("a comment or blanks are no command, and are answered", arguments: Shell.allCases)
  func nothingToRun(shell: Shell) async throws {
    try await withShell(shell) { session in
      let answer = try await session.answer("run", ["command": "   ", "timeout_ms": 20_000])
      #expect(answer.status == 200 || answer.status == 400, "\(answer)")
      #expect(try await session.run("echo fine")["output"] == "fine\n")
    }
  }

  @Test("output beyond the limit is cut at its beginning, and said to be", arguments: Shell.allCases)
  func truncation(shell: Shell) async throws {
    try await withShell(shell) { session in
      let result = try await session.run("seq 1 20000", ["max_output_bytes": 1000])
      #expect(result["truncated"] == true)
      let output = result["output"].string ?? ""
      #expect(output.utf8.count <= 1000)
      #expect(output.hasSuffix("19999\n20000\n"))
      let none = try await session.run("echo x", ["max_output_bytes": 0])
      #expect(none["output"] == "")
      #expect(none["truncated"] == true)
    }
  }

  @Test("a cut does not go through a character")
  func truncatedCharacter() async throws {
    try await withShell { session in
      for limit in 5...9 {
        let output = try await session.run("echo 日本語日本語", ["max_output_bytes": .integer(limit)])["output"].string ?? ""
        #expect(!output.contains("\u{FFFD}"), "\(limit): \(output)")
        #expect("日本語日本語\n".hasSuffix(output))
      }
    }
  }

  @Test("a large output is answered whole", arguments: Shell.allCases)
  func largeOutput(shell: Shell) async throws {
    try await withShell(shell) { session in
      let result = try await session.run("seq 1 5000")
      #expect(result["output"].string == (1...5000).map { "\($0)\n" }.joined())
      #expect(result["truncated"] == false)
    }
  }

  @Test("more output than the history keeps is said to be cut, and its end is there")
  func moreThanHistory() async throws {
    try await withShell { session in
      let result = try await session.run("seq 1 400000", ["max_output_bytes": 8_000_000, "timeout_ms": 60_000])
      let output = result["output"].string ?? ""
      #expect(output.hasSuffix("\n399999\n400000\n"))
      #expect(result["truncated"].bool == !output.hasPrefix("1\n2\n"))
      #expect(result["exit_status"] == 0)
    }
  }

  @Test("while a command runs, another is refused and not typed", arguments: Shell.allCases)
  func commandRunning(shell: Shell) async throws {
    let gate = try await Gate(in: SharedServer.roost)
    try await withShell(shell) { session in
      let elsewhere = session.elsewhere
      async let first = elsewhere.run("cat \(gate.path)")
      try await eventually("the command runs") { try await session.record["foreground"] == "cat" }
      let second = try await session.answer("run", ["command": "echo typed"])
      #expect(second.status == 409)
      #expect(second.errorCode == "command_running")
      try await gate.open()
      #expect(try await first["output"] == "go\n")
      #expect(try await !session.text().contains("typed"))
      #expect(try await session.run("echo free")["output"] == "free\n")
    }
  }

  @Test("a program that a person started is no place to run a command", arguments: Shell.allCases)
  func foreignProgram(shell: Shell) async throws {
    try await withShell(shell) { session in
      try await session.interact(["text": "cat\r", "for": "input"])
      try await eventually("cat has the terminal") { try await session.record["foreground"] == "cat" }
      let refused = try await session.answer("run", ["command": "echo typed", "timeout_ms": 500])
      #expect(refused.errorCode == "command_running", "\(refused)")
      #expect(try await !session.text().contains("typed"))
    }
  }

  @Test("a session without a shell is no place to run a command")
  func noShell() async throws {
    try await withSession(["argv": ["/bin/cat"]]) { session in
      let refused = try await session.answer("run", ["command": "echo typed", "timeout_ms": 500])
      #expect(refused.errorCode == "command_running", "\(refused)")
      #expect(try await session.text().isEmpty)
    }
  }

  @Test("when the time is over the answer is 408 and the command goes on", arguments: Shell.allCases)
  func timeout(shell: Shell) async throws {
    let gate = try await Gate(in: SharedServer.roost)
    try await withShell(shell) { session in
      let marker = gate.path + ".done"
      let response = try await session.answer(
        "run", ["command": .string("cat \(gate.path); echo made >\(marker)"), "timeout_ms": 300])
      #expect(response.status == 408, "\(response)")
      #expect(response.errorCode == "run_timeout")
      try await eventually("the command runs still") { try await session.record["foreground"] == "cat" }
      try await gate.open()
      try await eventually("the command has gone on to its end") { fileExists(marker) }
      try await session.wait(shell.readiness)
      #expect(try await session.run("echo next", ["timeout_ms": 30_000])["output"] == "next\n")
    }
  }

  @Test(
    "of commands that come at the same time each is run or refused, and none gets the answer of another",
    arguments: Shell.allCases)
  func severalAtOnce(shell: Shell) async throws {
    try await withShell(shell) { session in
      let answers = try await withThrowingTaskGroup(of: (Int, TestResponse).self) { group in
        for number in 1...8 {
          group.addTask {
            (number, try await session.elsewhere.answer("run", ["command": .string("echo number \(number)")]))
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      for (number, answer) in answers where answer.status != 409 {
        #expect(answer.status == 200, "\(answer)")
        #expect(answer.json["output"].string == "number \(number)\n", "\(answer)")
      }
      #expect(answers.contains { $0.1.status == 200 })
    }
  }

  @Test("what was half typed at the prompt does not become part of the command", arguments: Shell.allCases)
  func halfTyped(shell: Shell) async throws {
    try await withShell(shell) { session in
      try await session.type("echo half-typed")
      try await session.wait(match: "half-typed")
      #expect(try await session.run("echo whole")["output"] == "whole\n")
    }
  }

  @Test(
    "a command that leaves a job in the background is over when the shell is at its prompt", arguments: Shell.allCases)
  func backgroundJob(shell: Shell) async throws {
    try await withShell(shell) { session in
      let result = try await session.run("sleep 1000 &", ["timeout_ms": 30_000])
      #expect(result["exit_status"] == 0, "\(result.text)")
      #expect(try await session.run("echo next")["output"].string?.hasSuffix("next\n") == true)
    }
  }

  @Test("a command that ends the shell is answered with what is known", arguments: Shell.allCases)
  func endsShell(shell: Shell) async throws {
    try await withShell(shell) { session in
      let answer = try await session.answer("run", ["command": "exit 3", "timeout_ms": 30_000])
      #expect(answer.status == 200, "\(answer)")
      // fish still says how the command ended before it leaves.
      #expect(answer.json["evidence"] == "exit" || shell == .fish, "\(answer)")
      #expect(answer.json["exit_status"] == 3, "\(answer)")
      #expect(try await session.waitForExit()["exit_status"] == 3)
    }
  }

  @Test("a session that is killed during a command ends the call")
  func killed() async throws {
    try await withShell { session in
      let elsewhere = session.elsewhere
      async let answer = elsewhere.answer("run", ["command": "sleep 1000"])
      try await eventually("the command runs") { try await session.record["foreground"] == "sleep" }
      try await session.post("kill", ["signal": "KILL"])
      let ended = try await answer
      #expect(ended.json["evidence"] == "exit" || ended.errorCode == "session_ended", "\(ended)")
    }
  }

  @Test("marks that a program prints do not end the command that prints them")
  func imitatedMarks() async throws {
    let gate = try await Gate(in: SharedServer.roost)
    try await withShell { session in
      let marks = #"printf '\033]133;D;0\007\033]133;A\007$ \033]133;B\007'"#
      let elsewhere = session.elsewhere
      async let result = elsewhere.run("\(marks); cat \(gate.path); sh -c 'exit 9'")
      try await eventually("the command has printed the marks and goes on") {
        try await session.record["foreground"] == "cat"
      }
      #expect(try await session.record["state"].string != "prompt", "a program can claim to be a prompt")
      try await gate.open()
      let answer = try await result
      #expect(answer["exit_status"] == 9, "\(answer.text)")
      #expect(answer["output"].string?.hasSuffix("go\n") == true, "\(answer.text)")
    }
  }

  @Test(
    "what cannot be a command is refused",
    arguments: [
      ["command": ""], [:], ["command": "nul\u{0}"], ["command": 7], ["command": "true", "max_output_bytes": -1],
      ["command": "true", "max_output_bytes": 100_000_000], ["command": "true", "shell": "zsh"],
    ] as [JSON])
  func nonsense(fields: JSON) async throws {
    try await withSession { session in
      let response = try await session.answer("run", fields)
      #expect(response.status == 400, "\(response)")
      #expect(response.errorCode == "invalid_request")
    }
  }

  @Test(
    "the commands of a shell are on record: what, where, when, how it ended and who typed it",
    arguments: Shell.allCases.filter(\.isIntegrated))
  func records(shell: Shell) async throws {
    try await withShell(shell) { session in
      try await session.run("cd /usr/share")
      try await session.run("false")
      try await session.interact(["text": "echo by hand\r", "for": "prompt"])
      let commands = try await session.client.get("\(session.path)/commands").array ?? []
      #expect(commands.map(\.["command"].string) == ["cd /usr/share", "false", "echo by hand"])
      #expect(commands.map(\.["exit_status"].integer) == [0, 1, 0])
      #expect(commands.map(\.["evidence"].string) == ["osc133", "osc133", "osc133"])
      #expect(commands.last?["cwd"] == "/usr/share")
      #expect(commands.map(\.["id"].integer) == [1, 2, 3])
      #expect(commands.allSatisfy { $0["started_at"].string != nil && $0["ended_at"].string != nil })
      #expect(commands.first?["principal"].string?.isEmpty == false)
      #expect(try await session.client.get("\(session.path)/commands?limit=1").array?.count == 1)
      let lines = commands.last?["output_lines"]
      #expect(lines?["first"].integer != nil && lines?["last"].integer != nil)
    }
  }
}

extension String {
  fileprivate func forShell(_ shell: Shell, fish: String) -> String { shell == .fish ? fish : self }
}
