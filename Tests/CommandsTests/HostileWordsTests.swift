import Formats
import TestKit
import Testing

/// What a command asks of a server that is none of ours, and what that says.
struct HostileCase: Sendable, CustomTestStringConvertible {
  let words: [String]
  let answers: [String: JSON]

  init(_ words: String, _ answers: [String: JSON]) {
    self.words = words.split(separator: " ").map(String.init)
    self.answers = answers
  }

  var testDescription: String { words.joined(separator: " ") }

  /// It sets a title (OSC), turns red (C1 CSI), and turns the rest of the line around.
  static let word: JSON = "a\u{1b}]0;title\u{7}\u{9b}31m\u{202e}z"

  /// An object with that word in each of these fields.
  private static func object(_ fields: String...) -> JSON { .object(fields.map { JSON.Member($0, word) }) }

  private static let session = object(
    "name", "id", "state", "command", "foreground", "cwd", "server", "server_id", "exit_signal", "rows", "cols",
    "clients", "last_activity_ms")
  private static let tagged: JSON = .object((session.members ?? []) + [JSON.Member("tags", [word])])
  private static let server: JSON = .object(
    (object("hostname", "server_id", "address", "version", "role", "reason", "sessions", "fingerprint", "source")
      .members ?? []) + [JSON.Member("health", "healthy"), JSON.Member("tags", [word])])
  private static let event: JSON = [
    "id": word, "seq": 7, "type": word, "subject": word, "time": "2026-11-21T12:00:00.000Z", "correlation_id": word,
    "principal": word, "origin": ["kind": word, "id": word, "server_id": word], "data": ["session": word, "x": word],
  ]

  static let all = [
    HostileCase("token create", ["/tokens": object("id", "token")]),
    HostileCase(
      "token list",
      [
        "/tokens": [
          ["id": word, "name": word, "scopes": [word], "sessions": [word], "tags": [word], "created_at": word]
        ]
      ]),
    HostileCase("new -d", ["/sessions": session]),
    HostileCase(
      "ls",
      [
        "/fleet/sessions": [
          "sessions": [tagged], "servers": [["name": word, "server_id": "x"], ["name": word]], "missing": [word],
        ]
      ]),
    HostileCase("ls --server web --names", ["/sessions": [tagged]]),
    HostileCase(
      "clients s", ["/sessions/s/clients": [object("id", "kind", "mode", "principal", "since", "peer")]]),
    HostileCase("runs s", ["/sessions/s/runs": [object("run", "waited_ms", "principal", "command")]]),
    HostileCase(
      "commands s", ["/sessions/s/commands": [object("id", "exit_status", "cwd", "command", "started_at")]]),
    HostileCase("output s", ["/sessions/s/commands/latest/output": object("text")]),
    HostileCase("run s true", ["/sessions/s/run": object("output", "reason")]),
    HostileCase("wait s --idle 1s", ["/sessions/s/wait": object("reason", "evidence", "exit_signal")]),
    HostileCase("interact s x", ["/sessions/s/interact": ["screen": ["lines": [word]]]]),
    HostileCase("screen s --format ansi", ["/sessions/s/screen": ["lines": [[["text": word, "link": word]]]]]),
    HostileCase("screen s --since 1", ["/sessions/s/screen": ["changed": [["row": word, "line": word]]]]),
    HostileCase(
      "status",
      [
        "/server/info": object(
          "instance_name", "hostname", "version", "server_id", "pid", "keeper_pid", "socket_path", "tls_fingerprint",
          "session_count")
      ]),
    HostileCase("servers ls", ["/servers": [server]]),
    HostileCase("servers ls --names", ["/servers": [server]]),
    HostileCase("servers show web", ["/servers/web": server]),
    HostileCase("servers promote web", ["/servers/web": server]),
    HostileCase("servers discovered", ["/servers/discovered": [server]]),
    HostileCase("servers add http://127.0.0.1:1 --role none", ["/servers": server]),
    HostileCase("servers reload", ["/servers/reload": ["added": [word], "settings": [word]]]),
    HostileCase("call", ["/operations": [object("name", "scope", "summary")]]),
    HostileCase("call --names", ["/operations": [object("name", "scope", "summary")]]),
    HostileCase(
      "call x --describe",
      [
        "/operations": [
          [
            "name": "x", "scope": word, "summary": word, "method": word, "path": word,
            "params": ["type": "object", "properties": ["p": ["type": word, "description": word, "enum": [word]]]],
          ]
        ]
      ]),
    HostileCase("events publish x", ["/events": object("seq", "id")]),
    HostileCase("events", ["/events": ["events": [event], "has_more": false]]),
  ]
}

@Suite("What a server says that is none of ours", .timeLimit(.minutes(2)))
struct HostileWordsTests {
  private func isShown(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "\n" || scalar == "\t"
      || !(scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) || (0x202A...0x202E).contains(scalar.value))
  }

  @Test("nothing of it reaches the terminal but text, whatever command prints it", arguments: HostileCase.all)
  func text(_ hostile: HostileCase) async throws {
    try await withScratchHome { roost in
      let server = try await ScriptedServer(home: roost.home, answers: hostile.answers)
      let run = try await roost.run(hostile.words + ["--socket", server.socketPath])
      await server.stop()
      let said = run.text + run.errorText
      #expect(said.unicodeScalars.allSatisfy(isShown), "\(said.debugDescription)")
      // It was asked, and what it said was printed.
      #expect(said.contains("^[]0;title"), "\(said.debugDescription) \(server.targets)")
    }
  }
}
