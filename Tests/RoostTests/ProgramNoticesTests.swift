import Formats
import TestKit
import Testing

/// Bells, notifications, progress, titles and the clipboard: what is looked for first by who watches many programs.
@Suite("What programs say of themselves is told", .bounded)
struct ProgramNoticesTests {
  private func events(_ roost: Roost, _ type: String) async throws -> [JSON] {
    try await roost.http.get("/events?type=session.\(type)")["events"].array?.map { $0["data"] } ?? []
  }

  /// A session whose program prints, by `printf`, whatever line it is typed.
  private func withPrinter(
    _ arguments: [String] = [], _ body: (Roost, TestSession) async throws -> Void
  ) async throws {
    try await withRoost(arguments) { roost in
      let printer = #"stty -echo; printf ready; while read -r line; do printf "$line"; done"#
      let session = try await TestSession(on: roost, ["argv": ["/bin/sh", "-c", .string(printer)], "name": "told"])
      try await session.wait(match: "ready")
      try await body(roost, session)
    }
  }

  @Test("a bell ends a wait for one, is counted in the record, and is an event")
  func bell() async throws {
    try await withPrinter { roost, session in
      #expect(try await session.record["bell_at"].isNull)
      let answer = try await session.interact(["text": "\\007\r", "for": "bell"])
      #expect(answer["reason"] == "bell" && answer["met"] == true && answer["evidence"] == "output", "\(answer.text)")
      let record = try await session.record
      #expect(record["bells"] == 1 && record["bell_at"].string != nil, "\(record.text)")
      // One that has rung before is none that is waited for, unless it is asked for by its generation.
      let late = try await session.answer("wait", ["for": ["bell", "notification"], "timeout_ms": 50])
      #expect(late.status == 408, "\(late)")
      let since = try await session.wait(["for": "bell", "since": 0])
      #expect(since["reason"] == "bell", "\(since.text)")
      let told = try await events(roost, "bell")
      #expect(told.count == 1 && told[0]["session"] == "told" && told[0]["count"] == 1, "\(told)")
    }
  }

  @Test("a notification, progress and a title are in the record and in the log, and on the command line")
  func notification() async throws {
    try await withPrinter { roost, session in
      let since = try await session.record["generation"].integer ?? 0
      try await session.type("\\033]777;notify;Build;it is done\\007\r")
      let waited = try await roost.run("wait", "told", "--notification", "--since", "\(since)", "--timeout", "60s")
      #expect(waited.exitCode == 0 && waited.text.hasPrefix("notification (output): it is done"), "\(waited)")
      try await session.interact([
        "text": "\\033]9;4;1;40\\007\\033]2;a title\\007\\033]9;all done\\007\r", "for": "notification",
      ])
      let record = try await session.record
      #expect(record["notification"]["body"] == "all done" && record["notification"]["title"].isNull, "\(record.text)")
      #expect(
        record["progress"] == ["percent": 40, "state": "normal"] && record["title"] == "a title", "\(record.text)")
      let listed = try await roost.http.get("/fleet/sessions")["sessions"][0]
      #expect(listed["progress"]["percent"] == 40 && listed["notification"]["body"] == "all done", "\(listed.text)")
      #expect(try await events(roost, "progress").last?["percent"] == 40)
      #expect(try await events(roost, "title_changed").last?["title"] == "a title")
      let notified = try await events(roost, "notification")
      #expect(notified.contains { $0["title"] == "Build" }, "\(notified)")
      try await session.interact(["text": "\\033]9;4;0\\007\\007\r", "for": "bell"])
      #expect(try await session.record["progress"].isNull)
      #expect(try await events(roost, "progress").last?["state"] == "none")
    }
  }

  @Test("a text for the clipboard is told by its length, and as it is only where the server is started so")
  func clipboard() async throws {
    for (arguments, text) in [([], .null), (["--clipboard-text"], "secret")] as [([String], JSON)] {
      try await withPrinter(arguments) { roost, session in
        try await session.interact(["text": "\\033]52;c;c2VjcmV0\\007\\007\r", "for": "bell"])
        let told = try await events(roost, "clipboard")
        #expect(told.count == 1 && told[0]["bytes"] == 6 && told[0]["selection"] == "c", "\(told)")
        #expect(told[0]["text"] == text, "\(told)")
      }
    }
  }

  @Test("a program that rings without end fills no log")
  func flood() async throws {
    try await withPrinter { roost, session in
      for _ in 0..<60 { try await session.interact(["text": "\\007\r", "for": "bell"]) }
      #expect(try await session.record["bells"] == 60)
      let told = try await events(roost, "bell")
      #expect(told.count >= 10 && told.count < 20, "\(told.count)")
      #expect(told.allSatisfy { ($0["count"].integer ?? 0) >= 1 })
    }
  }
}
