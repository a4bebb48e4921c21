import Formats
import Glibc
import TestKit
import Testing

/// A server that is killed is followed by one that takes its sessions over, and that has been told nothing of what their shells are doing.
@Suite("A run after another server has taken the session over", .bounded)
struct TakeoverRunTests {
  /// Has a shell end at once where it frees or overwrites what it must not (glibc), rather than when it is unlucky.
  private static let checked: JSON = {
    let library = "/lib/x86_64-linux-gnu/libc_malloc_debug.so.0"
    return fileExists(library)
      ? ["LD_PRELOAD": .string(library), "MALLOC_CHECK_": "3", "MALLOC_PERTURB_": "165"] : [:]
  }()

  /// The beginning of a command of several lines, its end, and what it prints then.
  private static let unfinished = [
    ("echo \"abc", "def\"", "abc\ndef"), ("echo 'abc", "def'", "abc\ndef"),
    ("for i in 1 2; do", "echo x$i; done", "x1\nx2"),
    ("cat <<EOF", "body\rEOF", "body"), ("echo $(", "echo in)", "in"), ("echo \"$(echo \"", "z\")\"", "z"),
    ("echo a\\", "b", "ab"), ("if true", "then echo yes; fi", "yes"), ("echo $((1+", "2))", "3"),
    ("echo ${x-", "y}", "y"),
  ]

  @Test("in the middle of a command of several lines is refused, and the command can be finished")
  func continuation() async throws {
    try await withRoost { roost in
      var sessions: [(TestSession, (String, String, String))] = []
      for command in Self.unfinished {
        let session = try await TestSession(on: roost, ["shell": .string(Shell.bash.path), "env": Self.checked])
        try await session.wait(Shell.bash.readiness)
        try await session.type("\(command.0)\r")
        try await session.wait(match: "> $")
        sessions.append((session, command))
      }
      try await roost.killServer()
      try await roost.start()
      for (old, command) in sessions {
        let session = old.elsewhere
        let refused = try await session.answer("run", ["command": "echo not now"])
        #expect(refused.errorCode == "line_in_use", "\(command.0): \(refused)")
        let finished = try await session.interact([
          "text": .string("\(command.1)\r"), "for": "prompt", "format": "plain",
        ])
        #expect(finished["screen"].screenText.contains("\n\(command.2)\n"), "\(command.0): \(finished.text)")
        #expect(try await session.run("echo now")["output"] == "now\n")
      }
    }
  }

  @Test("in the middle of a command of several lines that is given up by ctrl+c leaves the shell alive")
  func givenUp() async throws {
    try await withRoost { roost in
      var sessions: [TestSession] = []
      for command in Self.unfinished {
        let session = try await TestSession(on: roost, ["shell": .string(Shell.bash.path), "env": Self.checked])
        try await session.wait(Shell.bash.readiness)
        try await session.type("\(command.0)\r")
        try await session.wait(match: "> $")
        sessions.append(session)
      }
      try await roost.killServer()
      try await roost.start()
      for session in sessions.map(\.elsewhere) {
        _ = try await session.answer("run", ["command": "echo not now", "timeout_ms": 300])
        // The keys by which a run is given, whenever they come.
        try await session.type("\u{1B}[777;1~")
        // bash overlooks one that comes while it runs what is bound to a key.
        try await eventually("it is given up") {
          let answer = try await session.answer(
            "interact", ["keys": ["ctrl+c"], "for": ["prompt", "exit"], "timeout_ms": 2000])
          return answer.status == 200
        }
        let answer = try await session.answer("run", ["command": "echo now"])
        #expect(answer.json["output"] == "now\n", "\(answer)")
      }
    }
  }

  @Test(
    "where a command is in progress is refused at once, as before, and says what runs",
    arguments: [Shell.bash, .zsh, .fish, .dash])
  func commandInFront(shell: Shell) async throws {
    try await withRoost { roost in
      var sessions: [TestSession] = []
      for program in ["cat", "sleep 1000"] {
        let session = try await TestSession(on: roost, ["shell": .string(shell.path)])
        try await session.wait(shell.readiness)
        try await session.type("\(program)\r")
        try await eventually("it has begun") {
          try await session.record["foreground"].string == program.split(separator: " ").first.map(String.init)
        }
        sessions.append(session)
      }
      try await roost.killServer()
      try await roost.start()
      for session in sessions.map(\.elsewhere) {
        let refused = try await session.answer("run", ["command": "echo not now"])
        #expect(refused.errorCode == "command_running", "\(refused)")
        // Not even its turn has come, and that is told as of any other run.
        let late = try await session.answer("run", ["command": "echo not now", "queue": true, "timeout_ms": 300])
        let details = late.json["error"]["details"]
        #expect(late.status == 408 && late.errorCode == "run_timeout", "\(late)")
        #expect(details["state"].string != nil && details["evidence"].string != nil, "\(late)")
        #expect(
          details.members?.contains { $0.name == "command_id" } == true && details["command_id"].isNull, "\(late)")
        #expect(details["output"] == "" && details["generation"].integer != nil, "\(late)")
        try await session.press("ctrl+c")
        let run = try await session.run("echo now", ["queue": true])
        #expect(run["output"] == "now\n", "\(run.text)")
      }
    }
  }

  @Test("finds the prompt that stands, and what is half typed behind it", arguments: [Shell.bash, .zsh, .fish])
  func standingPrompt(shell: Shell) async throws {
    try await withRoost { roost in
      let old = try await TestSession(on: roost, ["shell": .string(shell.path), "rows": 20, "cols": 70])
      try await old.wait(shell.readiness)
      try await old.type("echo half")
      try await old.wait(match: "echo half")
      try await roost.killServer()
      try await roost.start()
      let session = old.elsewhere
      try await session.wait(["for": "prompt"])
      try await session.wait(match: "echo half")
      try await eventually("its size is what it was") { try await session.run("stty size")["output"] == "20 70\n" }
    }
  }

  @Test("finds nothing of the keys by which it was given", arguments: [Shell.bash, .zsh, .fish])
  func keysLeft(shell: Shell) async throws {
    try await withRoost { roost in
      let old = try await TestSession(on: roost, ["shell": .string(shell.path)])
      try await old.wait(shell.readiness)
      try await roost.killServer()
      try await roost.start()
      // All that is there to be read, without waiting for any.
      let run = try await old.elsewhere.run("stty -icanon min 0 time 0; head -c 20 | od -An -c; stty icanon")
      #expect(run["output"] == "" && run["exit_status"] == 0, "\(run.text)")
      #expect(try await old.elsewhere.run("echo now")["output"] == "now\n")
    }
  }

  @Test("behind a line that bash could not parse and swallows the next for, is run all the same")
  func swallowed() async throws {
    try await withShell(.bash) { session in
      try await session.interact(["text": "[[ a ==\r", "for": "match", "pattern": "newline.*\\n.*\\$ $"])
      let run = try await session.run("echo ran")
      #expect(run["output"] == "ran\n" && run["exit_status"] == 0, "\(run.text)")
      let comment = try await session.run("# nothing")
      #expect(comment["output"] == "" && comment["reason"] == "command", "\(comment.text)")
    }
  }
}
