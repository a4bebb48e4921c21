import Formats
import Sys
import TestKit
import Testing

/// A run's answer is that of its own command, whatever is typed before it or meanwhile, and by whomever.
@Suite("A run and its own command", .bounded)
struct RunBindingTests {
  /// Every shell that `run` is promised for.
  enum Place: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case bash, zsh, fish, dash, mksh, ksh, yash, ash

    var testDescription: String { rawValue }

    var fields: JSON {
      self == .ash ? ["argv": ["/usr/bin/busybox", "ash"]] : ["shell": .string("/usr/bin/\(rawValue)")]
    }
  }

  private func session(_ place: Place, _ body: (TestSession) async throws -> Void) async throws {
    try await withSession(place.fields) { session in
      #expect(try await session.run("echo ready", ["timeout_ms": 60_000])["output"] == "ready\n")
      try await body(session)
    }
  }

  @Test("what was typed a moment before is not its answer", arguments: Place.allCases)
  func typedBefore(place: Place) async throws {
    try await session(place) { session in
      for (number, typed) in ["false\r", "\r", "\u{3}", "true\r", "false\r"].enumerated() {
        try await session.type(typed)
        let answer = try await session.run("echo mine \(number)", ["timeout_ms": 30_000, "queue": true])
        #expect(answer["output"].string == "mine \(number)\n", "\(typed.debugDescription): \(answer.text)")
        #expect(answer["exit_status"] == 0)
        #expect(answer["reason"] == "command")
      }
    }
  }

  @Test(
    "what somebody else types meanwhile, line by line, is run in its order beside it, and none becomes part of it",
    arguments: [Place.bash, .zsh, .fish])
  func typedBeside(place: Place) async throws {
    let file = try await SharedServer.roost.home.path + "/typed-beside-\(place)"
    try await session(place) { session in
      let (typist, lines) = (session.elsewhere, 150)
      async let typed: Void = {
        for number in 1...lines {
          // Each comes a moment after the prompt of the one before, or of a run.
          try await typist.interact(["text": .string("echo \(number) >>\(file)\r"), "for": "prompt"])
        }
      }()
      var number = 0
      while (try? readFile(file)).map({ $0.count { $0 == 0x0A } }) ?? 0 < lines {
        number += 1
        let answer = try await session.answer(
          "run", ["command": .string("echo mine \(number)"), "timeout_ms": 60_000, "queue": true])
        #expect(answer.status == 200, "\(answer)")
        #expect(answer.json["output"].string?.contains("mine \(number)\n") == true, "\(answer)")
      }
      try await typed
      #expect(String(decoding: try readFile(file), as: UTF8.self) == (1...lines).map { "\($0)\n" }.joined())
    }
  }

  @Test(
    "one whose time is over while it is handed over has a number to wait for, or is not run",
    arguments: [Place.bash, .zsh, .fish])
  func shortTime(place: Place) async throws {
    let file = try await SharedServer.roost.home.path + "/short-time-\(place)"
    try await session(place) { session in
      var ran = ""
      for number in 1...120 {
        let answer = try await session.answer(
          "run",
          [
            "command": .string("echo \(number) >>\(file)"), "timeout_ms": .integer(number % 20 + 1), "queue": true,
          ])
        if answer.status == 200 || answer.json["error"]["details"]["command_id"].integer != nil {
          ran += "\(number)\n"
        } else {
          #expect("\(answer)".contains("othing was"), "\(answer)")
        }
        if number % 2 == 0 { try await session.type("true\r") }
      }
      try await session.run("true", ["timeout_ms": 60_000, "queue": true])
      #expect(String(decoding: try readFile(file), as: UTF8.self) == ran)
    }
  }

  @Test("what is half typed does not become part of it, and is there again afterwards", arguments: Place.allCases)
  func halfTyped(place: Place) async throws {
    try await session(place) { session in
      try await session.type("echo half")
      try await session.wait(match: "echo half")
      #expect(try await session.run("echo whole", ["timeout_ms": 30_000])["output"] == "whole\n")
      try await session.interact(["text": " and half\r", "for": "match", "pattern": "(?m)^half and half"])
    }
  }

  @Test("what is typed while it runs goes on with the line that was half typed", arguments: [Place.bash, .zsh, .fish])
  func halfTypedBeside(place: Place) async throws {
    let gate = try await Gate(in: SharedServer.roost)
    try await session(place) { session in
      try await session.type("echo haf")
      try await session.wait(match: "echo haf")
      // zsh has the cursor at the end of a line that comes back.
      if place != .zsh { try await session.type("\u{1B}[D") }
      async let whole = session.elsewhere.run("cat \(gate.path)", ["timeout_ms": 60_000])
      try await eventually("it runs") { try await session.record["foreground"] == "cat" }
      try await session.type("l")
      try await gate.open()
      #expect(try await whole["exit_status"] == 0)
      let line = place == .zsh ? "haflv" : "halvf"
      try await session.interact(["text": "v\r", "for": "match", "pattern": .string("(?m)^\(line)")])
    }
  }

  @Test("it is neither bound by the width of a line nor by what its characters mean", arguments: Place.allCases)
  func awkward(place: Place) async throws {
    try await session(place) { session in
      let cases: [(String, String)] = [
        ("printf 'a\tb' | od -An -c | tr -d ' \\n'", "a\\tb"),
        ("echo 'wow!bar' '^a^b' '`' '%s'", "wow!bar ^a^b ` %s\n"),
        ("printf %s \(String(repeating: "b", count: 6000)) | wc -c | tr -d ' '", "6000\n"),
        ("echo one; echo two", "one\ntwo\n"),
      ]
      for (command, output) in cases {
        let answer = try await session.run(command, ["timeout_ms": 30_000])
        #expect(answer["output"].string == output, "\(command.prefix(40)): \(answer.text.prefix(300))")
      }
    }
  }

  @Test("an incomplete command is refused or answered, and the next runs answer their own", arguments: Place.allCases)
  func incomplete(place: Place) async throws {
    try await session(place) { session in
      for number in 1...3 {
        let open = try await session.answer("run", ["command": "echo \"open", "timeout_ms": 30_000])
        // A shell that reads it from a file says that it cannot be parsed, with a status or without one.
        #expect(open.status == 400 || open.status == 200 && open.json["exit_status"] != 0, "\(open)")
        let next = try await session.run("echo next \(number)", ["timeout_ms": 30_000])
        #expect(next["output"].string == "next \(number)\n", "\(next.text)")
      }
      #expect(try await !session.text().contains("133;"), "a mark of ours is on the screen")
    }
  }

  @Test("marks that its output forges are not believed", arguments: Place.allCases)
  func forged(place: Place) async throws {
    try await session(place) { session in
      let marks = #"printf '\033]133;D;0\007\033]133;A\007$ \033]133;B\007\033]133;D;0;aid=x;n=999;run=1\007'"#
      let answer = try await session.run("\(marks); echo late; sh -c 'exit 5'", ["timeout_ms": 30_000])
      #expect(answer["exit_status"] == 5, "\(answer.text)")
      #expect(answer["output"] == "$ late\n", "\(answer.text)")
    }
  }

  @Test("marks of a run that are printed again do not end another", arguments: [Place.bash, .zsh])
  func replayed(place: Place) async throws {
    try await session(place) { session in
      let name = "replay-\(place.rawValue)"
      // A recording of a shell's own marks, as `script` makes one.
      let socket = try await session.elsewhere.client.webSocket("\(session.path)/ws/raw")
      try await session.run("echo recorded")
      let recorded = try await socket.bytes(until: "133;D;0")
      try session.roost.home.write(String(decoding: recorded + Array(";aid=x\u{7}".utf8), as: UTF8.self), to: name)
      let path = session.roost.home.path + "/" + name
      let answer = try await session.run("cat \(path); sh -c 'exit 6'", ["timeout_ms": 30_000])
      #expect(answer["exit_status"] == 6, "\(answer.text)")
    }
  }

  @Test("it answers as soon as its command asks, and goes on by its number", arguments: [Place.bash, .zsh, .dash])
  func question(place: Place) async throws {
    try await session(place) { session in
      let asks = try await session.run("printf 'Name: '; read name; echo hello $name", ["timeout_ms": 60_000])
      #expect(asks["reason"] == "input", "\(asks.text)")
      #expect(asks["output"] == "Name: ")
      #expect(asks["exit_status"].isNull)
      let id = try #require(asks["command_id"].integer)
      try await session.type("Ada\r")
      let answer = try await session.post("commands/\(id)/wait", ["timeout_ms": 60_000])
      #expect(answer["reason"] == "command", "\(answer.text)")
      #expect(answer["output"] == "Name: Ada\nhello Ada\n")
      #expect(answer["exit_status"] == 0)
      let secret = try await session.run("stty -echo; read word; stty echo; echo got $word", ["timeout_ms": 60_000])
      #expect(secret["reason"] == "password", "\(secret.text)")
      try await session.type("x\r")
      let end = try await session.post(
        "commands/\(secret["command_id"].integer ?? 0)/wait", ["timeout_ms": 60_000])
      #expect(end["output"] == "got x\n", "\(end.text)")
    }
  }

  @Test("when the time is over it says what is so, and what is there so far")
  func overtime() async throws {
    let gate = try await Gate(in: SharedServer.roost)
    try await session(.bash) { session in
      let late = try await session.answer(
        "run", ["command": .string("echo begun; cat \(gate.path)"), "timeout_ms": 700])
      #expect(late.status == 408 && late.errorCode == "run_timeout", "\(late)")
      let details = late.json["error"]["details"]
      #expect(details["output"] == "begun\n", "\(late)")
      #expect(details["state"].string != nil && details["evidence"].string != nil)
      let id = try #require(details["command_id"].integer)
      try await gate.open()
      let answer = try await session.post("commands/\(id)/wait", ["timeout_ms": 60_000])
      #expect(answer["output"] == "begun\ngo\n", "\(answer.text)")
      #expect(answer["exit_status"] == 0)
      #expect(try await session.answer("commands/999/wait").status == 404)
    }
  }

  @Test("runs that wait for their turn come in order, are listed, and can be taken out")
  func queue() async throws {
    let gate = try await Gate(in: SharedServer.roost)
    try await session(.bash) { session in
      let (first, second, third) = (session.elsewhere, session.elsewhere, session.elsewhere)
      async let one = first.run("cat \(gate.path)", ["timeout_ms": 60_000])
      try await eventually("the first runs") { try await session.record["foreground"] == "cat" }
      async let two = second.run("echo two", ["timeout_ms": 60_000, "queue": true])
      try await eventually("the second waits") {
        try await session.client.get("\(session.path)/runs").array?.count == 2
      }
      async let three = third.answer("run", ["command": "echo three", "timeout_ms": 60_000, "queue": true])
      try await eventually("the third waits") {
        try await session.client.get("\(session.path)/runs").array?.count == 3
      }
      let waiting = try await session.client.get("\(session.path)/runs").array ?? []
      #expect(waiting.map(\.["command"].string) == ["cat \(gate.path)", "echo two", "echo three"])
      let number = try #require(waiting.last?["run"].integer)
      #expect(try await session.client.request("DELETE", "\(session.path)/runs/\(number)").status == 204)
      #expect(try await three.errorCode == "run_cancelled")
      #expect(try await session.answer("run", ["command": "echo refused"]).errorCode == "command_running")
      try await gate.open()
      #expect(try await one["output"] == "go\n")
      #expect(try await two["output"] == "two\n")
      #expect(try await !session.text().contains("three"))
    }
  }

  @Test("two who type at one prompt get each the prompt of their own command")
  func twoAgents() async throws {
    try await session(.bash) { session in
      let (one, other) = (session.elsewhere, session.elsewhere)
      for number in 1...10 {
        async let first = one.interact([
          "text": .string("echo first-$((\(number)+0))\r"), "for": "prompt", "format": "plain",
        ])
        async let second = other.interact([
          "text": .string("sleep 0.05; echo second-$((\(number)+0))\r"), "for": "prompt", "format": "plain",
        ])
        let (mine, theirs) = try await (first, second)
        #expect(mine["screen"].screenText.contains("first-\(number)"), "\(mine["screen"].screenText)")
        #expect(theirs["screen"].screenText.contains("second-\(number)"), "\(theirs["screen"].screenText)")
      }
    }
  }

  @Test("it works in a shell that was started in the shell, and refuses what is none by its name")
  func nested() async throws {
    try await session(.bash) { session in
      try await session.interact(["text": "dash\r", "for": "match", "pattern": "(?m)^[#$] $"])
      let plain = try await session.run("echo inner; (exit 3)", ["timeout_ms": 30_000])
      #expect(plain["output"] == "inner\n" && plain["exit_status"] == 3, "\(plain.text)")
      try await session.type("exit\r")
      #expect(try await session.run("echo outer", ["timeout_ms": 30_000, "queue": true])["output"] == "outer\n")
      try await session.interact(["text": "python3 -q\r", "for": "match", "pattern": ">>> "])
      let refused = try await session.answer("run", ["command": "echo x"])
      #expect(refused.status == 409 && "\(refused)".contains("python3"), "\(refused)")
    }
  }

  @Test("a shell in the shell takes the integration, and the nonce is nowhere to be seen", arguments: ["bash", "zsh"])
  func integrated(shell: String) async throws {
    try await session(.bash) { session in
      try await session.interact(["text": .string("\(shell) \(shell == "zsh" ? "-f" : "--norc")\r"), "for": "input"])
      try await session.post("integrate")
      let inner = try await session.run("echo inner; (exit 4)", ["timeout_ms": 30_000, "queue": true])
      #expect(inner["exit_status"] == 4 && inner["output"] == "inner\n", "\(inner.text)")
      #expect(inner["evidence"] == "osc133", "\(inner.text)")
      let screen = try await session.history().joined(separator: "\n")
      #expect(!screen.contains("aid=") && !screen.contains("NONCE"), "\(screen)")
    }
  }

  @Test("its shell's options, traps and hooks are not felt", arguments: [Place.bash, .zsh])
  func hooks(place: Place) async throws {
    try await session(place) { session in
      try await session.run("trap 'echo trapped' DEBUG")
      #expect(try await session.run("echo x")["output"] == "trapped\nx\n")
      try await session.run("trap - DEBUG")
      try await session.run("set -x")
      let traced = try await session.run("echo x")["output"].string ?? ""
      #expect(traced.hasSuffix("echo x\nx\n") && traced.split(separator: "\n").count == 2, "\(traced)")
      try await session.run("set +x")
      try await session.run("set -u")
      #expect(try await session.run("echo y")["output"] == "y\n")
      try await session.run("set -e")
      #expect(try await session.run("! true")["exit_status"] == 1)
      #expect(try await session.run("echo alive")["output"] == "alive\n")
    }
  }

  @Test("marks that were taken out are put back", arguments: [Place.bash, .zsh])
  func takenOut(place: Place) async throws {
    try await session(place) { session in
      let ways =
        place == .bash
        ? [
          "PROMPT_COMMAND='history -a'", "unset PROMPT_COMMAND", "PS1='new> '", "PS0=",
          "unset PROMPT_COMMAND; PS1='x> '",
        ]
        : ["precmd_functions=()", "preexec_functions=()", "PS1='new> '", "unsetopt prompt_sp"]
      for way in ways {
        try await session.run(way, ["timeout_ms": 30_000])
        let answer = try await session.run("echo out; (exit 7)", ["timeout_ms": 30_000])
        #expect(answer["exit_status"] == 7 && answer["output"] == "out\n", "\(way): \(answer.text)")
      }
    }
  }

  @Test("a command that is repeated has its line on record, though the history does not take it twice")
  func repeated() async throws {
    try await session(.bash) { session in
      try await session.run("HISTCONTROL=ignoreboth")
      for _ in 1...2 { try await session.interact(["text": "echo again\r", "for": "prompt"]) }
      try await session.interact(["text": " echo secret\r", "for": "prompt"])
      let commands = try await session.client.get("\(session.path)/commands?limit=3").array ?? []
      #expect(commands.map(\.["command"].string) == ["echo again", "echo again", nil])
    }
  }

  @Test("the first and the last of a long output are answered, and all of it can be had")
  func longOutput() async throws {
    try await session(.bash) { session in
      let answer = try await session.run("seq 1 30000", ["head": 20, "tail": 12, "timeout_ms": 60_000])
      #expect(answer["head"].string?.hasPrefix("1\n2\n3\n") == true, "\(answer.text)")
      #expect(answer["output"] == "29999\n30000\n")
      #expect(answer["truncated"] == true)
      let total = (1...30000).map { "\($0)\n" }.joined()
      #expect(answer["omitted_bytes"].integer == total.utf8.count - 32)
      let id = answer["command_id"].integer ?? 0
      let page = try await session.client.get("\(session.path)/commands/\(id)/output?limit=1000000")
      #expect(page["text"].string == total)
    }
  }
}
