import Formats
import Store
import TestKit
import Testing

/// What the holder of a narrow token does over and over does not turn over the log of everybody.
@Suite("A token that floods the log", .bounded)
struct CallFloodTests {
  /// What one token may leave one by one while some thousand calls are made, with room for a slow machine: nothing here takes two minutes.
  private static let most = 1000 + 120 * 40

  /// Makes so many requests of a kind, each under a correlation id of its own, over one connection.
  private func flood(
    _ client: TestClient, _ count: Int, _ method: String, _ target: (Int) -> String, body: (Int) -> String = { _ in "" }
  ) async throws {
    let connection = try RawConnection(client.endpoint)
    for batch in stride(from: 0, to: count, by: 40) {
      var (text, last) = ("", "")
      for index in batch..<min(count, batch + 40) {
        last = makeUUID()
        let headers = ["Authorization: Bearer \(client.token ?? "")", "X-Correlation-ID: \(last)"]
        text += RawConnection.request(method, target(index), headers: headers, body: body(index))
      }
      try await connection.send(text)
      _ = try await connection.receive(through: last)
    }
  }

  private func calls(_ events: [JSON]) -> Int { events.reduce(0) { $0 + ($1["data"]["calls"].integer ?? 1) } }

  @Test("calls that fail, are refused or change little are gathered beyond a thousand, and every one is counted")
  func calls() async throws {
    try await withScratchHome { roost in
      try await roost.start(["--bind", "127.0.0.1:0"])
      try await roost.http.post("/sessions", ["name": "a", "argv": ["/bin/cat"]])
      let kept = try await roost.http.post("/events", ["subject": "owner.kept", "data": 1])
      func token(_ scopes: JSON) async throws -> TestClient {
        let made = try await roost.http.post("/tokens", ["name": "t", "scopes": scopes])
        return try await roost.tcp(token: made["token"].string)
      }
      let cursors = try await token(["events:read", "events:publish"])
      try await flood(cursors, 8000, "DELETE", { "/events/cursors/none\($0)" })
      let typist = try await token(["sessions:input"])
      try await flood(typist, 4000, "POST", { _ in "/sessions/a/keys" }, body: { _ in #"{"keys":["x"]}"# })
      let reader = try await token(["files:read"])
      try await flood(reader, 4000, "GET", { "/sessions/none\($0)" })
      // What waits to be told is told at the latest when the server ends.
      try await roost.stopServer()
      try await roost.start()
      let events = try await roost.events()
      let failed = events.audit("events.remove_cursor", "failed")
      #expect(calls(failed) == 8000)
      #expect(failed.count < Self.most, "\(failed.count) events")
      #expect(failed.contains { ($0["data"]["calls"].integer ?? 1) > 100 && $0["data"]["target"] == .null })
      let typed = events.audit("session.keys") + events.audit("session.keys", "failed")
      #expect(calls(typed) == 4000)
      #expect(typed.count < Self.most, "\(typed.count) events")
      #expect(calls(events.audit("session.get", "refused") + events.audit("http", "refused")) == 4000)
      #expect(try await roost.http.get("/events/\(kept["id"].string ?? "")")["subject"] == "owner.kept")
    }
  }

  @Test("clients that come and go, and tags that are put on and taken off, are counted beyond a thousand events")
  func news() async throws {
    try await withScratchHome { roost in
      try await roost.start(["--bind", "127.0.0.1:0"])
      try await roost.http.post("/sessions", ["name": "a", "argv": ["/bin/cat"]])
      let kept = try await roost.http.post("/events", ["subject": "owner.kept", "data": 1])
      let made = try await roost.http.post("/tokens", ["name": "t", "scopes": ["sessions:read", "sessions:manage"]])
      let client = try await roost.tcp(token: made["token"].string)
      // Each change takes a call and an event.
      try await flood(
        client, 4000, "PATCH", { _ in "/sessions/a" },
        body: { index in
          index % 2 == 0 ? #"{"add_tags":["x"]}"# : #"{"remove_tags":["x"]}"#
        })
      for _ in 0..<300 {
        let socket = try await client.another().webSocket("/sessions/a/ws/json")
        await socket.close()
      }
      try await eventually("all clients have gone") { try await roost.http.get("/sessions/a/clients") == [] }
      try await roost.stopServer()
      try await roost.start()
      let events = try await roost.events()
      let leftOut = events.of("session.news_left_out")
      func sum(_ field: String) -> Int { leftOut.reduce(0) { $0 + ($1["data"][field].integer ?? 0) } }
      #expect(leftOut.allSatisfy { $0["principal"] == "token:t" && $0["data"]["session"] == "a" })
      #expect(events.of("session.attached").count == events.of("session.detached").count)
      #expect(events.of("session.attached").count + sum("clients") == 300)
      #expect(events.of("session.tagged").count + sum("tagged") == 4000)
      #expect(sum("tagged") > 0)
      #expect(calls(events.audit("session.update")) == 4000)
      #expect(events.count < Self.most, "\(events.count) events")
      #expect(try await roost.http.get("/events/\(kept["id"].string ?? "")")["subject"] == "owner.kept")
    }
  }
}
