import Formats
import Net
import TestKit
import Testing

/// What a token has opened or waits for ends with it.
@Suite("The end of a token", .bounded)
struct TokenTenureTests {
  enum End: String, CaseIterable, Sendable { case revoked, expired }

  /// A token, and what brings it to its end.
  private func token(_ roost: Roost, _ scopes: JSON, _ end: End) async throws -> (
    secret: String, end: @Sendable () async throws -> Void
  ) {
    var fields: [JSON.Member] = [.init("name", "t"), .init("scopes", scopes)]
    if end == .expired { fields.append(.init("expires_in_ms", 10_000)) }
    let made = try await roost.http.another().post("/tokens", .object(fields))
    let (secret, id) = (try #require(made["token"].string), try #require(made["id"].string))
    return (
      secret,
      {
        // What has expired needs nobody's doing.
        if end == .revoked { _ = try await roost.http.another().delete("/tokens/\(id)") }
      }
    )
  }

  @Test("a ticket ends with the token that it was got with") func ticket() async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      let made = try await roost.http.post(
        "/tokens", ["name": "t", "scopes": ["events:read"], "expires_in_ms": 1500])
      let client = try await roost.tcp(token: made["token"].string)
      func ticket() async throws -> String {
        try #require(try await client.post("/auth/ws-ticket", [:])["ticket"].string)
      }
      let socket = try await client.another(token: "").webSocket("/events/ws?after=0&ticket=\(ticket())")
      let (late, hub) = (try await ticket(), try await ticket())
      try await eventually("it has expired") { try await client.request("GET", "/events").status == 403 }
      for path in ["/events/ws?after=0&ticket=\(late)", "/ws/json?ticket=\(hub)"] {
        let refused = try await client.another(token: "").request(
          "GET", path,
          headers: [
            "upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13",
            "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
          ])
        #expect(refused.status == 403 && refused.errorCode == "auth_invalid", "\(refused)")
      }
      #expect(try await socket.waitForClose().code == 1008)
    }
  }

  private static let waits: [(String, String, JSON)] = [
    ("POST", "/sessions/s/wait", ["for": "match", "match": "never", "timeout_ms": 100_000]),
    ("POST", "/sessions/s/interact", ["text": "x", "for": "match", "match": "never", "timeout_ms": 100_000]),
    ("GET", "/sessions/s/idle?timeout_ms=90000&max_wait_ms=100000", [:]),
    ("GET", "/idle?timeout_ms=90000&max_wait_ms=100000", [:]),
    ("POST", "/sessions/sh/run", ["command": "sleep 1000", "timeout_ms": 100_000]),
  ]

  @Test("a call that waits is answered at the end of its token, with nothing of the session", arguments: End.allCases)
  func calls(end: End) async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      try await roost.http.post("/sessions", ["name": "s", "argv": ["/bin/cat"]])
      try await roost.http.post("/sessions", ["name": "sh", "argv": ["/bin/bash", "--norc"]])
      let token = try await token(roost, ["sessions:read", "sessions:input"], end)
      let client = try await roost.tcp(token: token.secret)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for (method, path, body) in Self.waits {
          group.addTask {
            let answer = try await client.another(token: token.secret).request(
              method, path, body: method == "GET" ? [] : body.bytes)
            #expect(answer.status == 403 && answer.errorCode == "auth_invalid", "\(path): \(answer)")
          }
        }
        group.addTask {
          let call: JSON = [
            "jsonrpc": "2.0", "id": 1, "method": "session.wait",
            "params": ["session": "s", "for": "match", "match": "never", "timeout_ms": 100_000],
          ]
          let list = try await client.another(token: token.secret).request(
            "POST", "/rpc", json: .array([call, call, ["jsonrpc": "2.0", "id": 2, "method": "session.list"]]))
          let codes = list.json.array?.map { $0["error"]["data"]["code"] }
          // The last may have been answered before.
          #expect(codes?.count == 3 && codes?.prefix(2).allSatisfy { $0 == "auth_invalid" } == true, "\(list)")
        }
        // Every one of them waits.
        try await eventually("the run has begun") {
          try await roost.http.another().get("/sessions/sh/commands").array?.isEmpty == false
        }
        try await token.end()
        try await group.waitForAll()
      }
    }
  }

  @Test("a stream of events says nothing more", arguments: End.allCases) func stream(end: End) async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      let token = try await token(roost, ["events:read"], end)
      let client = try await roost.tcp(token: token.secret)
      let stream = try await EventSource(client, "/events/stream?subject=after.x,before.x")
      let (socket, rpc) = (
        try await client.another(token: token.secret).webSocket("/events/ws"),
        try await client.another(token: token.secret).webSocket("/rpc")
      )
      await rpc.send(["jsonrpc": "2.0", "id": 1, "method": "bus.subscribe", "params": [:]])
      try await roost.http.post("/events", ["subject": "before.x"])
      #expect(try await stream.next().data["subject"] == "before.x")
      try await token.end()
      for socket in [socket, rpc] { #expect(try await socket.waitForClose().code == 1008) }
      try await roost.http.post("/events", ["subject": "after.x"])
      await #expect(throws: (any Error).self) { try await stream.next() }
    }
  }

  @Test("the same at a hub, for calls and streams of what is behind it", arguments: End.allCases)
  func throughHub(end: End) async throws {
    try await withCluster("web1") { cluster in
      let (hub, web1) = (cluster.hub, cluster["web1"])
      try await hub.session("a", on: "web1")
      let token = try await token(hub.roost, ["sessions:read", "events:read"], end)
      let client = try await hub.roost.tcp(token: token.secret)
      let stream = try await EventSource(client, "/events/stream?server=web1&subject=before.x,after.x")
      async let waiting = client.another(token: token.secret).request(
        "POST", "/sessions/a/wait?server=web1", json: ["for": "match", "match": "never", "timeout_ms": 60_000])
      try await web1.http.another().post("/events", ["subject": "before.x"])
      #expect(try await stream.next().data["subject"] == "before.x")
      try await token.end()
      let answer = try await waiting
      #expect(answer.status == 403 && answer.errorCode == "auth_invalid", "\(answer)")
      try await web1.http.another().post("/events", ["subject": "after.x"])
      await #expect(throws: (any Error).self) { try await stream.next() }
    }
  }

  @Test("a wait tells nothing of a session that has left its token's reach meanwhile") func reach() async throws {
    try await withRoost(["--bind", "127.0.0.1:0"]) { roost in
      try await roost.http.post("/sessions", ["name": "s", "tags": ["ci"], "argv": ["/bin/cat"]])
      let made = try await roost.http.post(
        "/tokens", ["name": "t", "scopes": ["sessions:read", "sessions:input"], "tags": ["ci"]])
      let client = try await roost.tcp(token: made["token"].string)
      async let waiting = client.request(
        "POST", "/sessions/s/interact",
        json: ["text": "typed\n", "for": "match", "match": "secret", "timeout_ms": 60_000])
      // What is typed is waited for from before it was typed on.
      try await roost.wait("s", ["for": "match", "match": "typed"])
      _ = try await roost.http.patch("/sessions/s", ["remove_tags": ["ci"]])
      _ = try await roost.http.request("POST", "/sessions/s/input", body: Array("secret\n".utf8))
      let answer = try await waiting
      #expect(answer.errorCode == "session_not_found" && !answer.text.contains("secret"), "\(answer)")
    }
  }
}
