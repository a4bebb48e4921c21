import Formats
import TestKit
import Testing

@Suite("Typing into sessions", .bounded)
struct SessionInputTests {
  @Test("what is typed into one session never shows in another")
  func isolation() async throws {
    try await withSession { first in
      try await withSession { second in
        try await first.type("for the first\r")
        try await second.type("for the second\r")
        try await first.wait(match: "for the first\nfor the first")
        try await second.wait(match: "for the second\nfor the second")
        #expect(try await !first.text().contains("second"))
        #expect(try await !second.text().contains("first"))
      }
    }
  }

  @Test("input answers the generation before it, and generations grow")
  func generation() async throws {
    try await withSession { session in
      var last = -1
      for word in ["one", "two", "three"] {
        let before = try await session.type("\(word)\r")
        #expect(before > last)
        let after = try await session.wait(match: "\(word)\n\(word)")["generation"].integer ?? -1
        #expect(after > before)
        last = before
      }
      let generation = try await session.record["generation"].integer ?? -1
      #expect(try await session.screen()["generation"].integer ?? -1 >= generation)
    }
  }

  @Test("every byte arrives as it was sent")
  func everyByte() async throws {
    let script = "stty raw -echo; echo ready; dd bs=1 count=256 2>/dev/null | od -An -v -tu1 | sed 's/$/\\r/'"
    try await withScript(script, ["rows": 40]) { session in
      try await session.wait(match: "ready")
      try await session.type(bytes: (0...255).map { UInt8($0) })
      try await session.waitForExit()
      let numbers = try await session.lines().drop { $0 != "ready" }.dropFirst().flatMap { $0.split(separator: " ") }
      #expect(numbers.compactMap { Int($0) } == Array(0...255))
    }
  }

  @Test("a large input arrives whole, although the program takes its time")
  func largeInput() async throws {
    let gate = try await Gate(in: SharedServer.roost)
    let script = "stty raw -echo; echo ready; read go <\(gate.path); head -c 600000 | cksum"
    try await withScript(script) { session in
      try await session.wait(match: "ready")
      let bytes = (0..<600_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      try await session.type(bytes: bytes)
      try await gate.open()
      try await session.waitForExit()
      let sum = try await runProcess("/usr/bin/cksum", [], environment: [:], input: bytes).text
      #expect(try await session.text().contains(sum.split(separator: "\n").first ?? "no sum"))
    }
  }

  @Test("input for a program that never reads is refused once too much waits, and the session goes on")
  func stuckProgram() async throws {
    let gate = try await Gate(in: SharedServer.roost)
    try await withScript("stty raw -echo; echo ready; read go <\(gate.path); echo awake") { session in
      try await session.wait(match: "ready")
      let piece = [UInt8](repeating: 0x78, count: 256 << 10)
      var refusal: TestResponse?
      for _ in 0..<8 where refusal == nil {
        let response = try await session.client.request("POST", "\(session.path)/input", body: piece)
        if response.status != 200 { refusal = response }
      }
      #expect(refusal?.errorCode == "input_send_failed")
      try await gate.open()
      try await session.wait(match: "awake")
    }
  }

  @Test("a character whose bytes come in several writes is one character", arguments: [1, 2, 3])
  func splitCharacter(at cut: Int) async throws {
    let gate = try await Gate(in: SharedServer.roost)
    let bytes = Array("🙂".utf8).map { "\\" + String(UInt32($0), radix: 8) }
    let script = "printf '<\(bytes[..<cut].joined())'; read go <\(gate.path); printf '\(bytes[cut...].joined())>'"
    try await withScript(script) { session in
      try await session.wait(match: "<")
      try await gate.open()
      try await session.waitForExit()
      #expect(try await session.text() == "<🙂>")
    }
  }

  @Test("typed characters may be cut anywhere")
  func splitInput() async throws {
    try await withSession { session in
      for byte in Array("größe 日本 🙂\r".utf8) { try await session.type(bytes: [byte]) }
      try await session.wait(match: "größe 日本 🙂\ngröße 日本 🙂")
    }
  }

  @Test("keys are sent by name, and other words as text")
  func keys() async throws {
    try await withScript("stty -echo -icanon; echo ready; head -c 13 | od -An -c") { session in
      try await session.wait(match: "ready")
      try await session.press("a", "enter", "tab", "escape", "ctrl+a", "alt+x", "up", "hi", "backspace")
      try await session.waitForExit()
      let shown = try await session.lines().dropFirst().joined(separator: " ").split(separator: " ").joined(
        separator: " ")
      #expect(shown == #"a \n \t 033 001 033 x 033 [ A h i 177"#, "\(shown)")
    }
  }

  @Test("arrow keys are sent in the form that the program has chosen")
  func applicationKeys() async throws {
    try await withScript("stty -echo -icanon; printf '\\033[?1hready'; head -c 3 | od -An -c") { session in
      try await session.wait(match: "ready")
      try await session.press("up")
      try await session.waitForExit()
      #expect(try await session.text().contains("033   O   A"))
    }
  }

  @Test("a list of keys with an empty one presses none")
  func emptyKey() async throws {
    try await withSession { session in
      let before = try await session.record["generation"]
      let answer = try await session.answer("keys", ["keys": ["a", ""]])
      #expect(answer.status == 400)
      #expect(answer.errorCode == "invalid_key")
      #expect(try await session.record["generation"] == before)
      #expect(try await session.text().isEmpty)
    }
  }

  @Test("a paste is marked as one when the program asked for that, and cannot end itself")
  func paste() async throws {
    try await withScript("stty raw -echo; printf '\\033[?2004hready\\r\\n'; head -c 20 | od -An -c | sed 's/$/\\r/'") {
      session in
      try await session.wait(match: "ready")
      try await session.interact(["text": "a\u{1B}[201~b", "paste": true, "for": "exit"])
      let shown = try await session.lines().dropFirst().joined().split(separator: " ").joined()
      #expect(shown == "033[200~a[201~b033[201~", "\(shown)")
    }
  }

  @Test("a key that is mistyped is refused before anything is typed, and named with what it is near to")
  func mistypedKeys() async throws {
    try await withSession { session in
      let before = try await session.record["generation"]
      for (key, guess) in [("ctrl+foo", "ctrl+foo"), ("entr", "'enter'"), ("f99", "f99"), ("^C", "'ctrl+c'")] {
        for (action, more) in [("keys", [:]), ("interact", ["text": "typed", "for": "idle"])] as [(String, JSON)] {
          let answer = try await session.answer(action, more.adding(["keys": ["a", .string(key), "enter"]]))
          #expect(answer.status == 400 && answer.errorCode == "invalid_key", "\(answer)")
          #expect(answer.json["error"]["message"].string?.contains(guess) == true, "\(answer)")
        }
      }
      #expect(try await session.record["generation"] == before)
      try await session.press("echo hello", "enter")
      try await session.wait(match: "echo hello\necho hello")
    }
  }

  @Test(
    "a key is sent as the program has asked for it",
    arguments: [
      ("\\033[>4;1m", "shift+enter", "033[27;2;13~"), ("\\033[>4;2m", "ctrl+c", "033[27;5;99~"),
      ("\\033[>1u", "escape", "033[27u"), ("\\033[=8u", "a", "033[97u"), ("\\033[?67h", "backspace", "\\b"),
      ("\\033[20h", "enter", "\\r\\n"), ("\\033=", "kpenter", "033OM"),
    ])
  func keysAsAsked(modes: String, key: String, sent: String) async throws {
    let length = sent.replacing("033", with: "E").replacing("\\", with: "").count
    let script = "stty raw -echo; printf '\(modes)ready\\r\\n'; head -c \(length) | od -An -c | sed 's/$/\\r/'"
    try await withScript(script) { session in
      try await session.wait(match: "ready")
      try await session.press(key)
      try await session.waitForExit()
      let shown = try await session.lines().dropFirst().joined().split(separator: " ").joined()
      #expect(shown == sent, "\(shown)")
    }
  }

  // MARK: Pastes

  @Test("nothing of a paste acts by itself, in no shell", arguments: Shell.allCases)
  func pasteInShell(shell: Shell) async throws {
    try await withShell(shell) { session in
      // What would end the line, run it, or interrupt the line editor.
      // In quotes, as a bracket that is not closed is a bad pattern to zsh.
      let text = "echo one \u{3}echo two '\u{4}\u{1B}[201~echo three \u{1A}\u{0F}\u{16}\u{0}echo four'"
      let typed = try await session.client.request(
        "POST", "\(session.path)/input?paste=true", body: Array(text.utf8))
      #expect(typed.status == 200, "\(typed)")
      try await session.wait(match: "echo four")
      try await session.press("enter")
      try await session.wait(match: "(?m)^one echo two .*echo four *$")
      #expect(try await session.record["exit_status"].isNull)
    }
  }

  private static let markingShells = [Shell.bash, .zsh, .fish]

  private func paste(_ text: String, into session: TestSession) async throws {
    let answer = try await session.client.request("POST", "\(session.path)/input?paste=true", body: Array(text.utf8))
    #expect(answer.status == 200, "\(answer)")
  }

  /// The commands that began with that word.
  private func commands(_ word: String, in session: TestSession) async throws -> [String] {
    let commands = try await session.client.get("\(session.path)/commands").array ?? []
    return commands.compactMap { $0["command"].string }.filter { $0.hasPrefix(word) }
  }

  @Test("a paste right behind a run or a line waits, and does not run by itself", arguments: markingShells)
  func pasteBeforePrompt(shell: Shell) async throws {
    let slow =
      switch shell {
      case .zsh: "precmd() { sleep 0.2 }"
      case .fish: "function slow --on-event fish_prompt; sleep 0.2; end"
      default: "PROMPT_COMMAND+=('sleep 0.2')"
      }
    try await withShell(shell) { session in
      _ = try await session.run(slow)
      _ = try await session.run("true")
      try await paste("pasted behind a run\n", into: session)
      try await session.wait(match: "pasted behind a run")
      try await session.interact(["keys": ["ctrl+c"], "for": "change"])
      try await session.type("true\r")
      try await paste("pasted behind a line\n", into: session)
      try await session.wait(match: "pasted behind a line")
      try await session.interact(["keys": ["ctrl+c"], "for": "change"])
      _ = try await session.run("true")
      try await session.interact(["text": "pasted too\n", "paste": true, "for": "match", "match": "pasted too"])
      try await session.interact(["keys": ["ctrl+c"], "for": "change"])
      _ = try await session.run("true")
      #expect(try await commands("pasted", in: session) == [])
    }
  }

  @Test(
    "lines pasted behind a command that does not read wait for the prompt, or are refused", arguments: markingShells)
  func pasteBehindCommand(shell: Shell) async throws {
    try await withShell(shell) { session in
      try await session.type("sleep 1\r")
      while try await session.record["foreground"] != "sleep" {}
      try await paste("pasted behind\na command\n", into: session)
      try await session.wait(match: "a command")
      try await session.interact(["keys": ["ctrl+c"], "for": "change"])
      _ = try await session.run("true")
      #expect(try await commands("pasted", in: session) == [])
      guard shell == .bash else { return }
      try await session.type("sleep 600\r")
      while try await session.record["foreground"] != "sleep" {}
      let refused = try await session.client.request(
        "POST", "\(session.path)/input?paste=true", body: Array("pasted\nlines".utf8))
      #expect(refused.status == 409 && "\(refused)".contains("command_running"), "\(refused)")
      try await session.interact(["keys": ["ctrl+c"], "for": "prompt"])
      #expect(try await commands("pasted", in: session) == [])
    }
  }

  @Test("a paste into a shell that has just begun does not run by itself", arguments: markingShells)
  func pasteAtStart(shell: Shell) async throws {
    try await withSession(["shell": .string(shell.path)]) { session in
      try await paste("pasted too early\n", into: session)
      try await session.wait(match: "pasted too early")
      try await session.interact(["keys": ["ctrl+c"], "for": "change"])
      _ = try await session.run("true")
      #expect(try await commands("pasted", in: session) == [])
    }
  }

  @Test("a paste right behind the line that begins a command is that command's, as it is", arguments: markingShells)
  func pasteBehindLine(shell: Shell) async throws {
    try await withShell(shell) { session in
      for round in 1...15 {
        try await session.type("cat >paste-\(round)\r")
        try await paste("data\n", into: session)
        try await session.interact(["keys": ["ctrl+d"], "for": "prompt"])
      }
      let shown = try await session.run("cat paste-*")
      // In whole runs one of the fifteen is missing now and then; alone, over the socket, none of 690 was.
      withKnownIssue("a paste right behind a line is lost under load", isIntermittent: true) {
        #expect(shown["output"].string == String(repeating: "data\n", count: 15), "\(shown.text)")
      }
    }
  }

  @Test("a paste keeps its control characters when it is to be raw, and 'raw' is nothing without a paste")
  func rawPaste() async throws {
    try await withScript("stty raw -echo; echo ready; head -c 4 | od -An -c | sed 's/$/\\r/'") { session in
      try await session.wait(match: "ready")
      let refusals = [
        try await session.answer("interact", ["text": "x", "raw": true, "for": "idle", "idle_ms": 1]),
        try await session.client.request("POST", "\(session.path)/input?raw=true", body: [0x78]),
      ]
      for refused in refusals { #expect(refused.status == 400 && refused.errorCode == "invalid_request", "\(refused)") }
      try await session.interact(["text": "a\u{1B}\u{3}\n", "paste": true, "raw": true, "for": "exit"])
      #expect(try await session.text().contains("a 033 003  \\r"))
    }
  }

  @Test("a paste is text")
  func pasteOfBytes() async throws {
    try await withSession { session in
      let answer = try await session.client.request("POST", "\(session.path)/input?paste=true", body: [0x61, 0xFF])
      #expect(answer.status == 400 && answer.errorCode == "invalid_request", "\(answer)")
    }
  }

  // MARK: Line mode

  @Test("a line that a terminal in line mode would cut is refused whole, however it is typed")
  func longLine() async throws {
    try await withScript("stty -echo; echo ready; head -n 1 | wc -c; exec cat") { session in
      try await session.wait(match: "ready")
      let long = String(repeating: "b", count: 4096)
      let typed = try await session.client.request("POST", "\(session.path)/input", body: Array((long + "\r").utf8))
      #expect(typed.status == 413 && typed.errorCode == "line_too_long", "\(typed)")
      for (action, fields) in [
        ("keys", ["keys": [.string(long), "enter"]]),
        ("interact", ["text": .string(long), "paste": true, "for": "idle"]),
        ("interact", ["text": .string("short\r" + long + "\rshort\r"), "for": "idle"]),
      ] as [(String, JSON)] {
        let refused = try await session.answer(action, fields)
        #expect(refused.status == 413 && refused.errorCode == "line_too_long", "\(action): \(refused)")
        #expect(refused.json["error"]["message"].string?.contains("too long for this terminal (4,095)") == true)
      }
      // What fits is taken, over two pieces; a third that would make it too long is not.
      try await session.type(String(repeating: "b", count: 4000))
      let refused = try await session.client.request(
        "POST", "\(session.path)/input", body: [UInt8](repeating: 0x62, count: 96))
      #expect(refused.errorCode == "line_too_long", "\(refused)")
      try await session.type(String(repeating: "b", count: 95) + "\r")
      try await session.wait(match: "4096")
    }
  }

  @Test(
    "a line of any length that comes while a shell is on its way to its prompt is the line editor's",
    arguments: ["zsh", "bash"])
  func longLineForShell(shell: String) async throws {
    try await withSession(["shell": .string("/usr/bin/" + shell)]) { session in
      let long = String(repeating: "x", count: 6000)
      for number in 1...10 {
        #expect(try await session.run("sleep 0.01")["exit_status"] == 0)
        let typed = try await session.client.request(
          "POST", "\(session.path)/input", body: Array(": \(long); echo le''ngth=${#_}-\(number)\r".utf8))
        #expect(typed.status == 200, "\(typed)")
        try await session.wait(match: "length=6000-\(number)")
      }
    }
  }

  @Test("many lines that fit arrive whole, although nobody reads yet")
  func manyLines() async throws {
    let gate = try await Gate(in: SharedServer.roost)
    let line = String(repeating: "abcdefghij", count: 400)
    let script = "stty -echo; echo ready; read go <\(gate.path); head -c \(40 * 4001) | cksum"
    try await withScript(script) { session in
      try await session.wait(match: "ready")
      try await session.type(String(repeating: line + "\r", count: 40))
      try await gate.open()
      try await session.waitForExit()
      let bytes = Array(String(repeating: line + "\n", count: 40).utf8)
      let sum = try await runProcess("/usr/bin/cksum", [], environment: [:], input: bytes).text
      #expect(try await session.text().contains(sum.split(separator: "\n").first ?? "no sum"))
    }
  }

  @Test("who types at a terminal whose line is full hears a bell, and can still end or erase the line")
  func fullLine() async throws {
    try await withScript("stty -echo; echo ready; head -n 1 | wc -c; exec cat") { session in
      let socket = try await session.client.another().webSocket("\(session.path)/ws/raw")
      _ = try await socket.bytes(until: "ready")
      await socket.type(String(repeating: "b", count: 5000))
      _ = try await socket.bytes(until: "\u{7}")
      await socket.type("\u{7F}c\r")
      try await session.wait(match: "4096")
    }
  }

  @Test("another size reaches the program and the record")
  func resize() async throws {
    try await withScript("trap 'stty size' WINCH; echo ready; while :; do sleep 60 & wait $!; done") { session in
      try await session.wait(match: "ready")
      let record = try await session.post("resize", ["rows": 40, "cols": 132])
      #expect(record["rows"] == 40 && record["cols"] == 132)
      try await session.wait(match: "40 132")
      let screen = try await session.screen()
      #expect(screen["rows"] == 40 && screen["cols"] == 132)
      #expect(screen["lines"].array?.count == 40)
    }
  }

  @Test("empty input is accepted and changes nothing")
  func emptyInput() async throws {
    try await withSession { session in
      let before = try await session.record["generation"].integer
      #expect(try await session.type("") == before)
      #expect(try await session.record["generation"].integer == before)
    }
  }
}
