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
    try await withScript("stty raw -echo; printf '\\033[?2004hready\\r\\n'; head -c 19 | od -An -c | sed 's/$/\\r/'") {
      session in
      try await session.wait(match: "ready")
      try await session.interact(["text": "a\u{1B}[201~b", "paste": true, "for": "exit"])
      let shown = try await session.lines().dropFirst().joined().split(separator: " ").joined()
      #expect(shown == "033[200~a[201~b033[201~", "\(shown)")
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
