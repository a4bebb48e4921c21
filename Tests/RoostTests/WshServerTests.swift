import Cluster
import Formats
import Net
import TestKit
import Testing

/// A real server, driven over its plain HTTP and WebSockets as a wsh server is.
@Suite("A server without a link", .bounded)
struct WshServerTests {
  private func withWsh(_ body: (WshServer, Roost) async throws -> Void) async throws {
    let token = "a-token-for-everything"
    try await withRoost(["--bind", "127.0.0.1:0", "--token", token, "--hostname", "web1"]) { roost in
      let endpoint = try await roost.tcp().endpoint
      let server = WshServer(address: "http://web1", token: token, loop: TestLoop.shared) {
        HTTPClient(endpoint: endpoint, loop: TestLoop.shared, maxResponseBytes: WshServer.maximumResponseBytes)
      }
      try await body(server, roost)
      await server.close()
    }
  }

  private func request(
    _ operation: String, _ method: String, _ route: String, _ session: String? = nil, query: [(String, String)] = [],
    body: RemoteRequest.Body = .none
  ) -> RemoteRequest {
    RemoteRequest(
      operation: operation, path: session.map { [.init("session", $0)] } ?? [],
      query: query.map { .init($0, $1) }, body: body, method: method, route: route,
      context: CallContext(
        correlationID: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", principal: "user:1", via: [],
        limits: .init(scopes: ["admin"], role: .member)))
  }

  /// What an attempt failed with; `nil` when it did not.
  private func failure(_ body: () async throws -> some Sendable) async -> RemoteFailure? {
    do {
      _ = try await body()
      Issue.record("it was done")
      return nil
    } catch { return error as? RemoteFailure }
  }

  private func json(_ answer: RemoteAnswer) throws -> JSON {
    guard case .json(let document) = answer else { throw TestFailure("an answer without a document") }
    return try JSON(parsing: document)
  }

  @Test("sessions are made, driven, listed and removed") func drive() async throws {
    try await withWsh { server, roost in
      let info = try await server.probe()
      #expect(info.hostname == "web1")
      let made = try json(
        try await server.perform(
          request(
            "session.create", "POST", "/sessions",
            body: .json(Array(#"{"name":"größe.1","command":"cat","tags":["b","a"]}"#.utf8)))))
      #expect(made["name"] == "größe.1")
      #expect(made["tags"] == ["a", "b"])
      let listed = try await server.sessions()
      #expect(listed.map { $0["name"].string } == ["größe.1"])
      let typed = request(
        "session.input", "POST", "/sessions/{session}/input", "größe.1", body: .raw(Array("hello\r".utf8)))
      let generation = try json(try await server.perform(typed))["generation"].integer
      #expect(generation != nil)
      let quiet = request(
        "session.idle", "GET", "/sessions/{session}/idle", "größe.1",
        query: [("timeout_ms", "200"), ("max_wait_ms", "20000"), ("format", "plain")])
      let screen = try json(try await server.perform(quiet))["screen"].text
      #expect(screen.contains("hello"))
      let renamed = request(
        "session.update", "PATCH", "/sessions/{session}", "größe.1", body: .json(Array(#"{"name":"b"}"#.utf8)))
      let record = try json(try await server.perform(renamed))
      #expect(record["name"] == "b")
      let detached = try await server.perform(request("session.detach", "POST", "/sessions/{session}/detach", "b"))
      #expect(detached == .empty)
      let removed = try await server.perform(request("session.remove", "DELETE", "/sessions/{session}", "b"))
      #expect(removed == .empty)
      let gone = await failure {
        try await server.perform(request("session.get", "GET", "/sessions/{session}", "b"))
      }
      #expect(gone?.code == "session_not_found")
      #expect(gone?.path == ["web1"])
    }
  }

  @Test(
    "a name that no session can have reaches no other endpoint",
    arguments: [
      "../server/shutdown", "..", ".", "a/../../tokens", "%2e%2e", "%2f..%2fserver", "\"", "a b", "a?server=x", "a#b",
      "🚀",
      String(repeating: "🚀", count: 16),
    ])
  func hostileNames(name: String) async throws {
    try await withWsh { server, roost in
      for (operation, method, route) in [
        ("session.get", "GET", "/sessions/{session}"), ("session.screen", "GET", "/sessions/{session}/screen"),
        ("session.remove", "DELETE", "/sessions/{session}"), ("session.detach", "POST", "/sessions/{session}/detach"),
      ] {
        let failed = await failure {
          try await server.perform(request(operation, method, route, name))
        }
        #expect(["session_not_found", "invalid_session_name"].contains(failed?.code), "\(operation) \(name)")
      }
      let health = try await roost.http.get("/health")
      #expect(health["status"] == "ok")
    }
  }

  @Test("a terminal is streamed") func stream() async throws {
    try await withWsh { server, roost in
      _ = try await roost.http.call("POST", "/sessions", ["name": "t", "argv": ["/bin/cat"]])
      let socket = try await server.open(
        RemoteSocketRequest(
          path: "/sessions/t/ws/raw", query: "rows=20&cols=60", subprotocols: ["roost.attach.v1"],
          context: request("", "", "").context))
      #expect(socket.subprotocol == "roost.attach.v1")
      TestLoop.shared.execute { socket.close(code: 1000, reason: "") }
      let watched = await failure {
        try await server.open(
          RemoteSocketRequest(
            path: "/sessions/t/ws/raw", query: "readonly=true", subprotocols: [],
            context: request("", "", "").context))
      }
      #expect(watched?.code == "unsupported")
    }
  }

  @Test("a token that is not taken is told as such") func wrongToken() async throws {
    try await withRoost(["--bind", "127.0.0.1:0", "--token", "right-token-of-it"]) { roost in
      let endpoint = try await roost.tcp().endpoint
      let server = WshServer(address: "http://web1", token: "wrong", loop: TestLoop.shared) {
        HTTPClient(endpoint: endpoint, loop: TestLoop.shared)
      }
      let failed = await failure { try await server.probe() }
      #expect(failed?.code == "auth_invalid")
    }
  }
}
