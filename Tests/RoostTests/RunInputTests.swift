import Formats
import Glibc
import TestKit
import Testing

/// What stands on standard input of `roost run` is what its command reads, byte for byte, or it is refused.
@Suite("Input of a run", .bounded)
struct RunInputTests {
  struct Input: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    init(_ name: String, _ text: String) { (self.name, bytes) = (name, Array(text.utf8)) }
    init(_ name: String, _ bytes: [UInt8]) { (self.name, self.bytes) = (name, bytes) }
    var testDescription: String { name }
  }

  static let inputs = [
    Input("every byte", (0...255).map { UInt8($0) } + [0x0A]), Input("CR LF", "a\r\nb\r\n"),
    Input("ctrl+d at the beginning", "\u{4}cd\n"),
    Input("what line editors act on", "abc\u{7F} d e\u{15}f\u{3}\u{1A}\n"),
    Input("no line's end at the end", "abc"), Input("nothing", ""), Input("an empty line", "\n\n"),
    Input("the longest line", String(repeating: "x", count: 4095) + "\n"),
    Input("many lines", String(repeating: "line of text\n", count: 60)),
  ]

  private func roost(_ session: TestSession, _ command: String, _ input: [UInt8]) async throws -> ProcessResult {
    try await runProcess(
      Roost.executable, ["run", session.name, "--", command], environment: session.roost.environment, input: input)
  }

  @Test("it reaches the command as it is", arguments: inputs)
  func exact(_ input: Input) async throws {
    try await withSession(RunBindingTests.Place.bash.fields) { session in
      // What the terminal shows of it is no matter here.
      let file = session.roost.home.path + "/input-" + input.name.filter(\.isLetter)
      let result = try await roost(session, "stty -echo; cat >\(file); stty echo", input.bytes)
      #expect(result.exitCode == 0, "\(result)")
      let read = try await runProcess("/usr/bin/cat", [file], environment: [:])
      #expect(read.output == input.bytes)
    }
  }

  @Test("a line that is too long for the terminal is refused, and nothing of it typed")
  func tooLong() async throws {
    try await withSession(RunBindingTests.Place.bash.fields) { session in
      let file = session.roost.home.path + "/too-long"
      let result = try await roost(session, "cat >\(file)", [UInt8](repeating: 0x78, count: 4096) + [0x0A])
      #expect(result.exitCode != 0, "\(result)")
      let said = String(decoding: result.errors, as: UTF8.self)
      #expect(said.contains("too long"), "\(result)")
      // The command still waits: how it is ended, or gone on with, is said.
      #expect(said.contains("goes on as command") && said.contains("--cancel active"), "\(result)")
      try await session.press("ctrl+d")
      #expect(try await session.run("wc -c <\(file)", ["queue": true, "timeout_ms": 60_000])["output"] == "0\n")
    }
  }

  @Test("where the program takes keys, control characters are refused")
  func keys() async throws {
    try await withSession(RunBindingTests.Place.bash.fields) { session in
      let asks = try await session.run("read -e -p 'Name: ' name; echo got $name", ["timeout_ms": 60_000])
      #expect(asks["reason"] == "input", "\(asks.text)")
      let refused = try await session.client.request(
        "POST", "\(session.path)/input?exact=true", body: [0x61, 0x03, 0x0A])
      #expect(refused.errorCode == "invalid_request", "\(refused)")
      _ = try await session.client.request("POST", "\(session.path)/input?exact=true", body: Array("Ada\n".utf8))
      let id = try #require(asks["command_id"].integer)
      let end = try await session.post("commands/\(id)/wait", ["timeout_ms": 60_000])
      #expect(end["output"].string?.hasSuffix("got Ada\n") == true, "\(end.text)")
    }
  }
}
