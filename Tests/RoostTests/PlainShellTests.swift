import Formats
import TestKit
import Testing

/// A run in a shell without our scripts: the shell, its traps and its terminal's keys are as at its prompt, and what ended the command is told.
@Suite("Runs in plain shells", .bounded)
struct PlainShellTests {
  enum Place: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case dash, mksh, ksh, yash, ash, bash

    var testDescription: String { rawValue }

    var fields: JSON {
      switch self {
      case .ash: ["argv": ["/usr/bin/busybox", "ash"]]
      case .bash: ["shell": "/usr/bin/bash", "integration": false]
      default: ["shell": .string("/usr/bin/\(rawValue)")]
      }
    }
  }

  private func session(_ fields: JSON, _ body: (TestSession) async throws -> Void) async throws {
    try await withSession(fields) { session in
      #expect(try await session.run("echo ready", ["timeout_ms": 60_000])["output"] == "ready\n")
      try await body(session)
    }
  }

  private func expectRuns(_ session: TestSession) async throws {
    for number in 3...4 {
      let answer = try await session.run("echo mine; (exit \(number))", ["timeout_ms": 60_000])
      #expect(answer["output"] == "mine\n" && answer["exit_status"] == .integer(number), "\(answer.text)")
    }
  }

  @Test("zsh has its own name, and says its own words", arguments: [nil, "zsh -f"])
  func ownName(inner: String?) async throws {
    try await session(["shell": "/usr/bin/zsh", "integration": .bool(inner != nil)]) { session in
      if let inner { #expect(try await session.run(inner, ["timeout_ms": 60_000])["reason"] == "input") }
      #expect(
        try await session.run("echo $0; return 5", ["timeout_ms": 60_000])["output"].string?.hasSuffix("zsh\n") == true)
      for (command, status) in [("nothing here", 127), ("echo )", 1), ("${x?none}", 1), ("return 4", 4)] {
        let answer = try await session.run(command, ["timeout_ms": 60_000])
        #expect(answer["exit_status"] == .integer(status), "\(answer.text)")
        #expect(answer["output"] == "" || answer["output"].string?.hasPrefix("zsh: ") == true, "\(answer.text)")
      }
      #expect(try await session.run("cat <<END\nopen", ["timeout_ms": 60_000])["output"] == "open\n")
      let asks = try await session.run("read -q", ["timeout_ms": 60_000])
      #expect(asks["reason"] == "input", "\(asks.text)")
      try await session.type("n")
      let end = try await session.post("commands/\(asks["command_id"].integer ?? 0)/wait", ["timeout_ms": 60_000])
      #expect(end["exit_status"] == 1, "\(end.text)")
      try await expectRuns(session)
    }
  }

  // MARK: Its status

  @Test("a command that ctrl+c has ended has a status", arguments: Place.allCases)
  func interrupted(place: Place) async throws {
    try await session(place.fields) { session in
      for _ in 1...2 {
        let asks = try await session.run("cat", ["timeout_ms": 60_000])
        let id = try #require(asks["command_id"].integer, "\(asks.text)")
        try await session.press("ctrl+c")
        let end = try await session.post("commands/\(id)/wait", ["timeout_ms": 60_000])
        #expect(end["reason"] == "command" && end["exit_status"] == 130, "\(end.text)")
      }
      _ = try await session.run("cat", ["timeout_ms": 60_000])
      _ = try await session.client.request("DELETE", "\(session.path)/runs/active")
      let last = try await session.client.get("\(session.path)/commands").array?.last
      #expect(last?["exit_status"] == 130, "\(last?.text ?? "none")")
      try await expectRuns(session)
    }
  }

  @Test(
    "the status of the last command is what it is at a prompt, before a run and behind it", arguments: Place.allCases)
  func lastStatus(place: Place) async throws {
    try await session(place.fields) { session in
      func output(_ command: String) async throws -> String? {
        try await session.run(command, ["timeout_ms": 60_000])["output"].string
      }
      for status in [7, 0] {
        _ = try await session.run("sh -c 'exit \(status)'", ["timeout_ms": 60_000])
        #expect(try await output("echo $?") == "\(status)\n")
      }
      _ = try await session.run("x=1; sh -c 'exit 3'", ["timeout_ms": 60_000])
      #expect(try await output("if [ $? = 0 ]; then echo DEPLOY; fi") == "")
      _ = try await session.run("sh -c 'exit 4' && true", ["timeout_ms": 60_000])
      let nothing = try await session.run("# nothing", ["timeout_ms": 60_000])
      #expect(nothing["exit_status"] == 0, "\(nothing.text)")
      #expect(try await output("echo $?") == "4\n")
      _ = try await session.run("sh -c 'exit 5'", ["timeout_ms": 60_000])
      try await session.interact(["text": "echo typed=$?\r", "for": "match", "pattern": "(?m)^typed=5"])
      try await session.interact(["text": "sh -c 'exit 6'; echo over\r", "for": "match", "pattern": "(?m)^over"])
      #expect(try await output("echo $?") == "0\n")
      try await session.interact(["text": "(echo left; exit 6)\r", "for": "match", "pattern": "(?m)^left"])
      #expect(try await output("echo $?") == "6\n")
      // The whole of what a function returns, where the shell keeps that.
      _ = try await session.run("f() { return 300; }; f", ["timeout_ms": 60_000])
      let kept = try await output("echo $?")
      #expect(kept == ([.dash, .ksh, .yash].contains(place) ? "300\n" : "44\n"))
      #expect(try await output("set | grep -a _roost") == "")
    }
  }

  @Test("a status above those of a process is told as it is", arguments: [Place.dash, .ksh, .yash])
  func highStatus(place: Place) async throws {
    try await session(place.fields) { session in
      // In ksh93 what is above 256 is the status of a signal, as far as there are signals.
      for (status, told) in [(258, place == .ksh ? 130 : 258), (300, place == .ksh ? 172 : 300), (511, 511)] {
        let answer = try await session.run("f() { return \(status); }; f", ["timeout_ms": 60_000])
        #expect(answer["exit_status"] == .integer(told), "\(answer.text)")
      }
      let killed = try await session.run("sh -c 'kill -9 $$'", ["timeout_ms": 60_000])
      #expect(killed["exit_status"] == 137, "\(killed.text)")
    }
  }

  @Test(
    "a status that is left behind ends no shell and runs no trap", arguments: [Place.dash, .mksh, .ksh, .ash, .bash])
  func lastStatusIsHarmless(place: Place) async throws {
    try await session(place.fields) { session in
      _ = try await session.run("sh -c 'exit 7'", ["timeout_ms": 60_000])
      _ = try await session.run("set -eu; trap 'echo T' ERR 2>/dev/null || :", ["timeout_ms": 60_000])
      let answer = try await session.run("if sh -c 'exit 3'; then :; else echo $?; fi", ["timeout_ms": 60_000])
      #expect(answer["output"] == "3\n" && answer["exit_status"] == 0, "\(answer.text)")
      _ = try await session.run("set +eu", ["timeout_ms": 60_000])
      for _ in 1...2 {
        let answer = try await session.run("! true || :", ["timeout_ms": 60_000])
        #expect(answer["output"] == "" && answer["exit_status"] == 0, "\(answer.text)")
      }
    }
  }

  @Test("no command finds words of ours in the last word of the one before", arguments: Place.allCases)
  func lastWord(place: Place) async throws {
    try await session(place.fields) { session in
      for status in [0, 7] {
        _ = try await session.run("sh -c 'exit \(status)'", ["timeout_ms": 60_000])
        let answer = try await session.run("echo \"[${_-}]\"", ["timeout_ms": 60_000])
        #expect(answer["output"] == "[]\n", "\(answer.text)")
      }
    }
  }

  @Test("in bash with the integration the last word of the command before is at hand")
  func integratedLastWord() async throws {
    try await session(["shell": "/usr/bin/bash"]) { session in
      _ = try await session.run("mkdir -p 'q r'", ["timeout_ms": 60_000])
      let answer = try await session.run("rmdir \"$_\" && echo \"[$_]\"", ["timeout_ms": 60_000])
      #expect(answer["output"] == "[q r]\n", "\(answer.text)")
    }
  }

  @Test("a command that the shell could not read has the status that the shell gives it", arguments: Place.allCases)
  func unread(place: Place) async throws {
    try await session(place.fields) { session in
      let answer = try await session.run("echo )", ["timeout_ms": 60_000])
      #expect(answer["reason"] == "command" && (answer["exit_status"].integer ?? 0) > 0, "\(answer.text)")
      #expect(answer["output"].string?.contains("yntax") == true, "\(answer.text)")
      let status = try await session.run("echo $?", ["timeout_ms": 60_000])
      #expect(status["output"] == .string("\(answer["exit_status"].integer ?? 0)\n"), "\(answer.text)")
      try await expectRuns(session)
    }
  }

  // MARK: As at its prompt

  struct Trap: Sendable, CustomTestStringConvertible {
    let place: Place
    let trap: String
    let output: String

    init(_ place: Place, _ trap: String, _ output: String) {
      (self.place, self.trap, self.output) = (place, trap, output)
    }

    var testDescription: String { "\(place.rawValue): \(trap)" }
  }

  static let traps = [
    Trap(.mksh, "trap 'echo T' ERR", "mine\nT\n"), Trap(.ash, "trap 'echo T' ERR", "mine\nT\n"),
    Trap(.bash, "trap 'echo T' ERR", "mine\nT\n"), Trap(.ksh, "trap 'echo T' ERR", "mine\nT\n"),
    Trap(.bash, "trap 'echo T' DEBUG", "T\nmine\n"), Trap(.bash, "trap 'echo T' RETURN", "mine\n"),
    Trap(.ksh, "trap 'echo T' DEBUG", "T\nmine\n"),
  ]

  @Test("a trap is run for the command alone", arguments: traps)
  func trapped(trap: Trap) async throws {
    try await session(trap.place.fields) { session in
      _ = try await session.run(trap.trap, ["timeout_ms": 60_000])
      for number in 3...4 {
        let answer = try await session.run("echo mine; (exit \(number))", ["timeout_ms": 60_000])
        #expect(
          answer["output"].string == trap.output && answer["exit_status"] == .integer(number), "\(answer.text)")
      }
    }
  }

  @Test("what begins a trace shows nothing of ours", arguments: Place.allCases, ["set -x", "set -v", "set -xv"])
  func traced(place: Place, command: String) async throws {
    try await session(place.fields) { session in
      let begins = try await session.run(command, ["timeout_ms": 60_000])
      let next = try await session.run("echo mine; (exit 3)", ["timeout_ms": 60_000])
      #expect(begins["output"] == "" || begins["output"] == "\n", "\(begins.text)")
      #expect(next["output"].string?.contains("mine\n") == true && next["exit_status"] == 3, "\(next.text)")
      #expect(next["output"].string?.contains("roost") == false, "\(next.text)")
      #expect(next["output"].string?.contains("/dev/tty") == false, "\(next.text)")
    }
  }

  @Test("a line editor that is switched off is", arguments: ["set +o emacs", "set +o emacs +o vi"])
  func editorOff(command: String) async throws {
    try await session(Place.bash.fields) { session in
      _ = try await session.run(command, ["timeout_ms": 60_000])
      try await expectRuns(session)
      for keys in ["\t", "ab", "\t\u{7F}"] {
        try await session.type(keys)
        try await expectRuns(session)
        try await session.press("ctrl+u")
        try await expectRuns(session)
      }
    }
  }

  @Test(
    "a TAB that was typed before the prompt came has moved it, and is no half line",
    arguments: ["\t", "ab\t\u{15}\t"])
  func tabBeforePrompt(keys: String) async throws {
    let gate = try await Gate(in: SharedServer.roost)
    try await session(Place.bash.fields) { session in
      try await session.interact(["text": .string("read go <\(gate.path)\r"), "match": "gate\n"])
      // The terminal shows it where the prompt will be.
      try await session.interact(["text": .string(keys), "for": "change"])
      try await gate.open()
      try await expectRuns(session)
    }
  }

  @Test(
    "an Enter that does not arrive is typed otherwise", arguments: [Place.dash, .bash, .mksh, .ash],
    ["-icrnl", "igncr", "raw"])
  func carriageReturn(place: Place, mode: String) async throws {
    try await session(place.fields) { session in
      _ = try await session.run("stty \(mode)", ["timeout_ms": 60_000])
      let answer = try await session.run("echo mine; (exit 3)", ["timeout_ms": 60_000])
      #expect(answer["exit_status"] == 3, "\(answer.text)")
    }
  }

  @Test("return means what it means at the prompt", arguments: [Place.bash, .mksh, .ksh])
  func returns(place: Place) async throws {
    try await session(place.fields) { session in
      let answer = try await session.run("echo a; return 5; echo b", ["timeout_ms": 60_000])
      guard place == .bash else {
        #expect(answer["reason"] == "exit" && answer["exit_status"] == 5, "\(answer.text)")
        return
      }
      let word = "bash: return: can only `return' from a function or sourced script"
      #expect(answer["output"].string == "a\n\(word)\nb\n" && answer["exit_status"] == 0, "\(answer.text)")
      #expect(try await session.run("return 5", ["timeout_ms": 60_000])["exit_status"] == 2)
    }
  }

  @Test("a prompt that cannot be changed is in nobody's way", arguments: Place.allCases)
  func readOnlyPrompt(place: Place) async throws {
    try await session(place.fields) { session in
      _ = try await session.run("readonly PS1", ["timeout_ms": 60_000])
      try await expectRuns(session)
      #expect(try await session.run("echo $?", ["timeout_ms": 60_000])["output"] == "4\n")
    }
  }

  @Test("a shell that gives up the line of a run is said to have run nothing", arguments: [Place.dash, .ash])
  func givenUp(place: Place) async throws {
    try await session(place.fields) { session in
      _ = try await session.run("readonly _", ["timeout_ms": 60_000])
      let refused = try await session.answer("run", ["command": "echo mine", "timeout_ms": 60_000])
      #expect(refused.errorCode == "line_in_use", "\(refused)")
      #expect(refused.json["error"]["message"].string?.contains("nothing was run") == true, "\(refused)")
    }
  }

  @Test("what comes before its prompt is not in the way of the next run")
  func slowPrompt() async throws {
    try await session(Place.bash.fields) { session in
      _ = try await session.run("PROMPT_COMMAND='sleep 0.5'", ["timeout_ms": 60_000])
      try await expectRuns(session)
    }
  }

  @Test("nobody's alias is meant", arguments: Place.allCases)
  func aliased(place: Place) async throws {
    try await session(place.fields) { session in
      _ = try await session.run("alias .='echo dot' eval='echo eval'", ["timeout_ms": 60_000])
      try await expectRuns(session)
    }
  }

  /// Shells as they are without files of their own: the sample that yash reads otherwise has a prompt that hangs without `command`.
  static let bareShells: [[String]] = [
    ["dash"], ["mksh"], ["ksh"], ["yash", "--norcfile"], ["busybox", "ash"], ["bash", "--norc"], ["zsh", "-f"],
  ]

  /// Names of functions. Not every shell lets a special builtin's be one.
  static let functions: [String] = [
    "command", "printf print", "builtin", "eval", "unset", "command printf print builtin eval unset trap",
  ]

  @Test("nobody's function is meant", arguments: bareShells, functions)
  func nobodysFunction(shell: [String], functions: String) async throws {
    let words = ["/usr/bin/\(shell[0])"] + shell.dropFirst() + (shell[0] == "busybox" ? [] : ["-i"])
    try await session(["argv": .array(words.map(JSON.string))]) { session in
      for name in functions.split(separator: " ") { try await session.type("\(name)() { :; }\r") }
      // Lines that are typed ahead are answered behind a prompt that stands already.
      try await session.interact(["text": "echo de''fined\r", "for": "match", "pattern": "(?m)^(. )*defined"])
      try await expectRuns(session)
    }
  }

  @Test("nobody's function is meant by the scripts of zsh", arguments: functions)
  func nobodysFunctionInZsh(functions: String) async throws {
    try await session(["shell": "/usr/bin/zsh"]) { session in
      let definition = "for name in \(functions); do functions[$name]=:; done"
      #expect(try await session.run(definition, ["timeout_ms": 60_000])["exit_status"] == 0)
      for status in 3...4 {
        let answer = try await session.run("echo mine; (exit \(status))", ["timeout_ms": 60_000])
        #expect(answer["output"] == "mine\n" && answer["exit_status"] == .integer(status), "\(answer.text)")
        #expect(answer["evidence"] == "osc133", "\(answer.text)")
      }
      let isFunction = functions.contains("builtin")
      let kind = try await session.run("whence -w builtin", ["timeout_ms": 60_000])
      #expect(kind["output"] == (isFunction ? "builtin: function\n" : "builtin: builtin\n"), "\(kind.text)")
    }
  }

  @Test(
    "a shell that is on its way to its prompt after another that it had started is waited for",
    arguments: [Place.yash, .bash])
  func behindInnerShell(place: Place) async throws {
    try await session(place.fields) { session in
      // yash has programs and copies of itself in its own prompt.
      if place == .bash { _ = try await session.run("PROMPT_COMMAND='sleep 0.05'", ["timeout_ms": 60_000]) }
      for _ in 1...20 {
        #expect(try await session.run("sh", ["timeout_ms": 60_000])["reason"] == "input")
        #expect(try await session.run("exit 3", ["timeout_ms": 60_000])["reason"] == "exit")
        #expect(try await session.run("echo out", ["timeout_ms": 60_000])["output"] == "out\n")
      }
    }
  }

  @Test("a copy of the shell at work is not called a program that is no shell", arguments: [Place.dash, .yash])
  func copyAtWork(place: Place) async throws {
    try await session(place.fields) { session in
      try await session.interact(["text": "(echo be''gun; read x)\r", "for": "match", "pattern": "(?m)^begun"])
      let refused = try await session.answer("run", ["command": "echo mine", "timeout_ms": 60_000])
      #expect(refused.errorCode == "command_running", "\(refused)")
      let message = refused.json["error"]["message"].string ?? ""
      #expect(message.contains("is not at a prompt") && !message.contains("no shell"), "\(refused)")
      try await session.press("ctrl+c")
      try await expectRuns(session)
    }
  }

  @Test("a shell that goes by another name is one", arguments: [JSON.object([:]), ["integration": false]])
  func renamed(fields: JSON) async throws {
    try await session(fields.adding(["shell": "/usr/bin/bash"])) { session in
      _ = try await session.run("exec -a other bash --norc", ["timeout_ms": 60_000])
      try await expectRuns(session)
    }
  }

  @Test("a shell that inherits the prompt of the one that a run was given to does not end the run")
  func inherited() async throws {
    try await session(Place.dash.fields) { session in
      _ = try await session.run("export PS1='> > '", ["timeout_ms": 60_000])
      #expect(try await session.run("dash", ["timeout_ms": 60_000])["reason"] == "input")
      try await expectRuns(session)
      let end = try await session.run("exit 5", ["timeout_ms": 60_000])
      #expect(end["reason"] == "exit", "\(end.text)")
      try await expectRuns(session)
    }
  }

  // MARK: Keys in line mode

  @Test(
    "whatever was typed and taken back in line mode, the prompt is known",
    arguments: ["\t", "\t\u{7F}", "\t\u{15}", "ab\u{17}", "a\u{16}", "\u{16}\u{15}", "a\u{16}\u{03}", "\u{1}x"])
  func edited(keys: String) async throws {
    for isFirst in [true, false] {
      try await withSession(Place.dash.fields) { session in
        if !isFirst { try await expectRuns(session) }
        _ = try await session.post("wait", ["for": ["prompt", "input"]])
        try await session.type(keys)
        try await expectRuns(session)
        try await session.press("ctrl+u")
        try await expectRuns(session)
      }
    }
  }

  @Test("what was half typed in line mode is there again, the keys that edited it too")
  func halfTyped() async throws {
    try await session(Place.dash.fields) { session in
      try await session.type("echo [x\ty\u{7F}z]")
      try await expectRuns(session)
      try await session.interact(["text": "\r", "for": "match", "pattern": "(?m)^\\[x z\\]"])
    }
  }

  @Test("a letter that is a key of the terminal's is quoted", arguments: ["intr", "kill", "erase", "eof", "susp"])
  func letters(key: String) async throws {
    try await session(Place.dash.fields) { session in
      _ = try await session.run("stty \(key) r", ["timeout_ms": 60_000])
      try await expectRuns(session)
    }
  }
}
