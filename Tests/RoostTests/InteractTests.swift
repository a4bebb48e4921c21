import Formats
import TestKit
import Testing

@Suite("Typing and waiting in one call", .bounded)
struct InteractTests {
  /// Answers each line that it reads with another.
  private static let responder = "stty -echo; echo ready; while read -r line; do echo \"got-$line\"; done"

  @Test("what is waited for is what the typing brought about, time after time")
  func noRace() async throws {
    try await withScript(InteractTests.responder) { session in
      try await session.wait(match: "ready")
      for number in 1...50 {
        let answer = try await session.interact([
          "text": .string("\(number)\r"), "for": "match", "pattern": #"got-\d+"#, "format": "plain",
        ])
        // The same pattern fits the answers before; only the new one counts.
        #expect(answer["match"].string == "got-\(number)")
        #expect(answer["screen"].screenText.hasSuffix("got-\(number)"))
      }
    }
  }

  @Test("a wait for silence begins with the typing and not before")
  func idle() async throws {
    try await withScript(InteractTests.responder) { session in
      try await session.wait(match: "ready")
      try await session.wait(["for": "idle", "idle_ms": 500])
      for word in ["a", "b", "c"] {
        let answer = try await session.interact([
          "text": .string("\(word)\r"), "for": "idle", "idle_ms": 300, "format": "plain",
        ])
        #expect(answer["screen"].screenText.hasSuffix("got-\(word)"), "\(answer["screen"].screenText)")
      }
    }
  }

  @Test("a wait for input sees the program read again, not that it still read before")
  func input() async throws {
    let script = "while read -r line; do sleep 0.05; echo \"got-$line\"; done"
    try await withScript(script) { session in
      try await session.wait(["for": "input"])
      for word in ["a", "b", "c", "d", "e"] {
        let answer = try await session.interact(["text": .string("\(word)\r"), "for": "input", "format": "plain"])
        #expect(answer["evidence"] == "tty_read")
        #expect(answer["screen"].screenText.hasSuffix("got-\(word)"), "\(answer["screen"].screenText)")
      }
    }
  }

  /// Shells that edit their line, or leave that to the terminal, with and without our integration.
  private static let shells: [(name: String, fields: JSON)] = [
    ("bash", ["shell": "/usr/bin/bash"]), ("zsh", ["shell": "/usr/bin/zsh"]), ("fish", ["shell": "/usr/bin/fish"]),
    ("dash", ["argv": ["/usr/bin/dash"]]), ("mksh", ["argv": ["/usr/bin/mksh"]]), ("ksh", ["argv": ["/usr/bin/ksh93"]]),
    ("yash", ["argv": ["/usr/bin/yash"]]), ("ash", ["argv": ["/usr/bin/busybox", "ash"]]),
  ].filter { isExecutable($0.1["shell"].string ?? $0.1["argv"].array?.first?.string ?? "") }

  @Test("keys that bring no new prompt are answered once the line editor has taken them", arguments: shells.map(\.name))
  func editing(shell: String) async throws {
    let fields = try #require(InteractTests.shells.first { $0.name == shell }).fields
    try await withSession(fields) { session in
      try await session.wait(["for": ["prompt", "input"]])
      for number in 1...5 {
        let typed = try await session.interact([
          "text": .string("typed\(number)"), "for": "input", "format": "plain",
        ])
        #expect(typed["met"] == true && typed["reason"] == "input", "\(typed.text)")
        let row = typed["screen"]["cursor"]["row"].integer ?? 0
        #expect(typed["screen"]["lines"].array?[row].string?.contains("typed\(number)") == true, "\(typed.text)")
        for keys: JSON in [["tab"], ["left", "right"], ["ctrl+a"], ["ctrl+e"]] where !["dash"].contains(shell) {
          let answer = try await session.interact(["keys": keys, "for": "input", "format": "plain"])
          #expect(answer["reason"] == "input", "\(answer.text)")
        }
        let empty = try await session.interact(["keys": ["ctrl+u"], "for": "input", "format": "plain"])
        #expect(!empty["screen"].screenText.contains("typed"), "\(empty.text)")
        let same = try await session.interact(["keys": ["ctrl+u"], "for": "input", "format": "plain"])
        #expect(same["reason"] == "input", "\(same.text)")
      }
      let search = try await session.interact(["keys": ["ctrl+r"], "for": "input", "format": "plain"])
      #expect(search["reason"] == "input", "\(search.text)")
      try await session.interact(["keys": ["ctrl+c"], "for": ["prompt", "input"]])
    }
  }

  @Test("what fish has started in the background does not hide that it waits at its prompt")
  func background() async throws {
    try await withShell(.fish) { session in
      // In its own group, as what makes completions out of manuals when it begins for the first time.
      try await session.run("status job-control none; sleep 1000 &")
      for keys: JSON in [["a", "ctrl+u"], ["ctrl+u"], ["ctrl+c"]] {
        let answer = try await session.interact(["keys": keys, "for": "input", "format": "plain"])
        #expect(answer["reason"] == "input" && answer["state"] == "prompt", "\(answer.text)")
      }
      try await session.run("kill $last_pid")
    }
  }

  @Test("keys are not answered before whoever takes them has")
  func editingSlowly() async throws {
    try await withShell(.bash) { session in
      // The line editor is about a key for a while: nothing is read, and then something is printed.
      try await session.run(#"slow() { sleep 0.3; READLINE_LINE=done; READLINE_POINT=4; }; bind -x '"\C-t": slow'"#)
      let answer = try await session.interact(["keys": ["ctrl+t"], "for": "input", "format": "plain"])
      #expect(answer["screen"].screenText.hasSuffix("done"), "\(answer.text)")
    }
  }

  @Test("ctrl+c at a prompt is answered by a prompt, whatever stood there", arguments: [Shell.bash, .zsh, .fish])
  func interrupt(shell: Shell) async throws {
    try await withShell(shell) { session in
      for text in ["", "half", "", "", "more", "another"] {
        if !text.isEmpty { try await session.interact(["text": .string(text), "for": "input"]) }
        let answer = try await session.interact(["keys": ["ctrl+c"], "for": "prompt", "format": "plain"])
        #expect(answer["reason"] == "prompt" && answer["state"] == "prompt", "\(answer.text)")
        let row = answer["screen"]["cursor"]["row"].integer ?? 0
        let line = answer["screen"]["lines"].array?[row].string ?? ""
        #expect(text.isEmpty || !line.contains(text), "\(answer.text)")
      }
      // It is nobody's answer who waits for one behind it.
      try await session.interact(["keys": ["ctrl+c"], "for": "input"])
      let now = try await session.record["generation"].integer ?? 0
      let late = try await session.answer("wait", ["for": "prompt", "since": .integer(now), "timeout_ms": 300])
      #expect(late.errorCode == "wait_timeout", "\(late)")
      #expect(try await session.run("echo fine")["output"] == "fine\n")
    }
  }

  @Test("ctrl+c that a shell overlooks at its prompt is typed again")
  func overlooked() async throws {
    // What bash does when it comes between its look for a signal and its wait for a key.
    let program = #"""
      import os, signal
      seen = 0
      def prompt(): os.write(1, b'\r\n\033]133;A\a$ \033]133;B\a')
      def interrupt(*_):
        global seen
        seen += 1
        if seen % 2 == 0: prompt()
      signal.signal(signal.SIGINT, interrupt)
      prompt()
      while True: os.read(0, 100)
      """#
    try await withSession(["argv": ["/usr/bin/python3", "-c", .string(program)]]) { session in
      try await session.wait(["for": "prompt"])
      for _ in 1...3 {
        let answer = try await session.interact(["keys": ["ctrl+c"], "for": "prompt", "format": "plain"])
        #expect(answer["reason"] == "prompt" && answer["screen"].screenText.hasSuffix("^C\n$"), "\(answer.text)")
      }
    }
  }

  @Test("a wait for a change sees what was typed")
  func change() async throws {
    try await withSession { session in
      let answer = try await session.interact(["text": "x", "for": "change", "format": "plain"])
      #expect(answer["screen"].screenText == "x")
    }
  }

  @Test("a wait for the end sees how the program took what was typed")
  func exit() async throws {
    try await withScript("read -r status; exit $status") { session in
      let answer = try await session.interact(["text": "23\r", "for": "exit"])
      #expect(answer["reason"] == "exit")
      #expect(answer["exit_status"] == 23)
    }
  }

  @Test("text and keys are typed in that order and as one piece")
  func textAndKeys() async throws {
    try await withScript(InteractTests.responder) { session in
      try await session.wait(match: "ready")
      let answer = try await session.interact(["text": "ab", "keys": ["backspace", "c", "enter"], "match": "got-ac"])
      #expect(answer["met"] == true)
    }
  }

  @Test("the answer carries screen, evidence and generation, and no wait for it is needed")
  func answer() async throws {
    try await withScript(InteractTests.responder) { session in
      try await session.wait(match: "ready")
      let before = try await session.record["generation"].integer ?? 0
      let answer = try await session.interact(["text": "x\r", "match": "got-x"])
      #expect(answer["met"] == true)
      #expect(answer["reason"] == "match")
      #expect(answer["generation"].integer ?? 0 > before)
      #expect(answer["screen"]["rows"] == 24)
      #expect(answer["screen"]["cursor"]["row"].integer != nil)
      // Styled unless asked otherwise: every line is a list of spans.
      #expect(answer["screen"]["lines"].array?.allSatisfy { $0.array != nil } == true)
    }
  }

  @Test("when nothing fits in time the answer is 408 and what was typed stays typed")
  func timeout() async throws {
    try await withSession { session in
      let answer = try await session.answer("interact", ["text": "typed\r", "match": "never", "timeout_ms": 200])
      #expect(answer.status == 408)
      #expect(answer.errorCode == "wait_timeout")
      try await session.wait(match: "typed\ntyped")
    }
  }

  @Test(
    "a request that makes no sense types nothing",
    arguments: [
      ["text": "typed", "for": "match"], ["text": "typed", "for": "nothing"], ["text": "typed", "keys": [""]],
      ["text": "typed", "unknown": 1], ["text": 5], ["text": "typed", "match": "a", "pattern": "b"],
      ["text": "typed", "timeout_ms": "soon"],
    ] as [JSON])
  func nonsense(fields: JSON) async throws {
    try await withSession { session in
      let before = try await session.record["generation"]
      let answer = try await session.answer("interact", fields)
      #expect(answer.status == 400, "\(answer)")
      #expect(try await session.record["generation"] == before)
      #expect(try await session.text().isEmpty)
    }
  }

  @Test("interactions of several clients do not mix their keystrokes")
  func several() async throws {
    try await withScript(InteractTests.responder, ["rows": 100]) { session in
      try await session.wait(match: "ready")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 1...20 {
          group.addTask {
            let word = "word\(number)-" + String(repeating: "x", count: 40)
            try await session.elsewhere.interact(["text": .string("\(word)\r"), "match": .string("got-\(word)")])
          }
        }
        try await group.waitForAll()
      }
      let answers = try await session.lines().filter { $0.hasPrefix("got-") }
      #expect(answers.count == 20)
    }
  }
}
