import Formats
import Net
import TestKit
import Testing

@Suite("Who may do what over TCP", .bounded)
struct AuthenticationTests {
  private static let token = "a-token-of-the-tests-0123456789"

  @Test("without a token nothing but the health is told, with a wrong one neither")
  func tokenNeeded() async throws {
    try await withTCP(token: AuthenticationTests.token) { roost, client in
      #expect(try await client.get("/health") == ["status": "ok"])
      for (method, path) in [
        ("GET", "/sessions"), ("POST", "/sessions"), ("GET", "/server/info"), ("GET", "/openapi.json"),
        ("GET", "/operations"),
        ("POST", "/rpc"), ("POST", "/auth/ws-ticket"), ("POST", "/server/shutdown"), ("GET", "/sessions/x/screen"),
      ] {
        let none = try await client.request(method, path)
        #expect(none.status == 401, "\(method) \(path): \(none)")
        #expect(none.errorCode == "auth_required")
        #expect(none.headers[first: "www-authenticate"]?.hasPrefix("Bearer") == true)
        let wrong = try await client.another(token: "wrong-token-0123456789").request(method, path)
        #expect(wrong.status == 403, "\(method) \(path): \(wrong)")
        #expect(wrong.errorCode == "auth_invalid")
      }
      let right = client.another(token: AuthenticationTests.token)
      #expect(try await right.get("/sessions") == [])
      #expect(try await right.post("/sessions", ["argv": ["/bin/cat"]])["name"] == "0")
      #expect(try await roost.http.get("/sessions").array?.count == 1)
    }
  }

  @Test(
    "a token in the query, or by another scheme, is none",
    arguments: [
      ("/sessions?token=\(token)", [:]), ("/sessions", ["authorization": "Basic \(token)"]),
      ("/sessions", ["authorization": token]),
      ("/sessions", ["authorization": "Bearer"]), ("/sessions", ["cookie": "token=\(token)"]),
    ] as [(String, [String: String])])
  func noToken(path: String, headers: [String: String]) async throws {
    try await withTCP(token: AuthenticationTests.token) { _, client in
      var fields = HTTPHeaders()
      for (name, value) in headers { fields.append(name, value) }
      let response = try await client.request("GET", path, headers: fields)
      #expect(response.status == 401, "\(response)")
    }
  }

  @Test("no token is needed with --no-auth on the loopback interface, and nowhere else is it allowed")
  func noAuth() async throws {
    try await withRoost(["--bind", "127.0.0.1:0", "--no-auth"]) { roost async throws in
      #expect(try await roost.tcp().get("/sessions") == [])
    }
    try await withScratchHome { roost in
      let result = try await roost.run("serve", "--bind", "0.0.0.0:0", "--no-auth")
      #expect(result.exitCode == 2, "\(result)")
    }
  }

  @Test(
    "a Host that anybody may point here is refused",
    arguments: [
      ("evil.example", 403), ("evil.example:80", 403), ("localhost.evil.example", 403), ("127.0.0.1", 200),
      ("localhost", 200), ("[::1]", 200),
      ("127.0.0.1.evil.example", 403), ("", 403),
    ])
  func host(host: String, status: Int) async throws {
    try await withTCP(token: AuthenticationTests.token) { _, client in
      let connection = try RawConnection(client.endpoint)
      try await connection.send(
        RawConnection.request(
          "GET", "/sessions", headers: ["Authorization: Bearer \(AuthenticationTests.token)"], host: host))
      let response = try await connection.receiveResponse()
      #expect(
        response.status == status || host.isEmpty && response.status == 400,
        "\(host): \(response.head) \(response.body)")
      if status == 403, !host.isEmpty { #expect(response.body.contains("host_not_allowed"), "\(response.body)") }
    }
  }

  @Test(
    "a stranger is told that he is one before he hears what is served at a path",
    arguments: ["/ws/json", "/rpc", "/events/ws", "/link", "/sessions/none/ws/raw", "/sessions/none/ws/json"])
  func strangersFirst(_ path: String) async throws {
    try await withTCP([], token: AuthenticationTests.token) { _, client in
      let guessed = try await client.request("GET", "\(path)?ticket=")
      #expect(guessed.status == 401 || guessed.status == 403, "\(guessed)")
      let refused = try await client.request("GET", path)
      #expect(refused.status == 401 && refused.headers[first: "www-authenticate"] == "Bearer", "\(refused)")
      let known = try await client.another(token: AuthenticationTests.token).request("GET", path)
      #expect(known.status == 426, "\(known)")
    }
  }

  @Test("a page of another origin is refused, with a token or without, and an allowed one is let in")
  func origin() async throws {
    try await withTCP(["--cors-origin", "https://tools.example"], token: AuthenticationTests.token) { _, client in
      let client = client.another(token: AuthenticationTests.token)
      for origin in [
        "https://evil.example", "null", "http://127.0.0.1.evil.example", "https://tools.example.evil.example",
      ] {
        let response = try await client.request("GET", "/sessions", headers: ["origin": origin])
        #expect(response.status == 403, "\(origin): \(response)")
        #expect(response.errorCode == "origin_not_allowed")
      }
      let allowed = try await client.request("GET", "/sessions", headers: ["origin": "https://tools.example"])
      #expect(allowed.status == 200)
      #expect(allowed.headers[first: "access-control-allow-origin"] == "https://tools.example")
      let preflight = try await client.request(
        "OPTIONS", "/sessions",
        headers: [
          "origin": "https://tools.example", "access-control-request-method": "POST",
          "access-control-request-headers": "authorization",
        ])
      #expect((200...204).contains(preflight.status))
      let foreign = try await client.request(
        "OPTIONS", "/sessions", headers: ["origin": "https://evil.example", "access-control-request-method": "POST"])
      #expect(foreign.status == 403)
    }
  }

  @Test("a ticket opens one WebSocket and no more, and nothing else")
  func tickets() async throws {
    try await withTCP(token: AuthenticationTests.token) { _, client in
      let owner = client.another(token: AuthenticationTests.token)
      let ticket = try await owner.post("/auth/ws-ticket")["ticket"].string ?? ""
      #expect(ticket.count == 32)
      #expect(try await client.request("GET", "/sessions?ticket=\(ticket)").status == 401)
      let socket = try await client.webSocket("/ws/json?ticket=\(ticket)")
      #expect(try await socket.nextJSON() == ["connected": true])
      await #expect(throws: (any Error).self) { try await client.webSocket("/ws/json?ticket=\(ticket)") }
      await #expect(throws: (any Error).self) { try await client.webSocket("/ws/json") }
      await #expect(throws: (any Error).self) {
        try await client.webSocket("/ws/json?ticket=\(String(repeating: "x", count: 32))")
      }
    }
  }

  @Test("whoever guesses tokens is slowed down, and the right one still gets in")
  func throttle() async throws {
    try await withTCP(token: AuthenticationTests.token) { _, client in
      try await client.another(token: AuthenticationTests.token).get("/sessions").consume()
      var statuses: Set<Int> = []
      for number in 0..<200 {
        statuses.insert(
          try await client.another(token: "guess-number-\(number)-0123456789").request("GET", "/sessions").status)
      }
      #expect(statuses.isSubset(of: [403, 429]))
      #expect(statuses.contains(429))
      #expect(try await client.another(token: AuthenticationTests.token).get("/sessions") == [])
    }
  }

  @Test("tokens are made with scopes, listed without their secrets, held to their scopes, and revoked")
  func tokenLife() async throws {
    try await withTCP(token: AuthenticationTests.token) { roost, client in
      try await roost.session(["name": "seen", "argv": ["/bin/cat"], "tags": ["open"]])
      try await roost.session(["name": "hidden", "argv": ["/bin/cat"]])
      let made = try await roost.http.post(
        "/tokens", ["name": "reader", "scopes": ["sessions:read"], "tags": ["open"]])
      let secret = try #require(made["token"].string)
      let id = try #require(made["id"].string)
      let reader = client.another(token: secret)
      #expect(try await reader.get("/sessions").array?.map(\.["name"].string) == ["seen"])
      #expect(try await reader.request("GET", "/sessions/hidden").errorCode == "session_not_found")
      let typing = try await reader.request("POST", "/sessions/seen/input", body: Array("x".utf8))
      #expect(typing.status == 403)
      #expect(typing.errorCode == "insufficient_scope")
      #expect(try await reader.request("POST", "/server/shutdown").status == 403)
      #expect(try await reader.request("POST", "/tokens", json: ["scopes": ["admin"]]).status == 403)
      let listed = try await roost.http.get("/tokens").text
      #expect(listed.contains(id) && !listed.contains(secret))
      try await roost.http.delete("/tokens/\(id)")
      #expect(try await reader.request("GET", "/sessions").status == 403)
    }
  }

  @Test("a token does not outlive its time")
  func expiry() async throws {
    try await withTCP(token: AuthenticationTests.token) { roost, client in
      let made = try await roost.http.post("/tokens", ["scopes": ["sessions:read"], "expires_in_ms": 6000])
      let reader = client.another(token: made["token"].string ?? "")
      #expect(try await reader.request("GET", "/sessions").status == 200)
      try await eventually("the token has expired") { try await reader.request("GET", "/sessions").status == 403 }
    }
  }

  @Test("a WebSocket does not outlive the time of the token that opened it")
  func socketExpiry() async throws {
    try await withTCP(token: AuthenticationTests.token) { roost, client in
      try await roost.session(["name": "a", "argv": ["/bin/cat"]])
      let lasting = try await client.another(token: AuthenticationTests.token).webSocket("/ws/json")
      #expect(try await lasting.nextJSON() == ["connected": true])
      var sockets: [TestWebSocket] = []
      // A busy machine may take longer to open both than the token lives; then one that lives longer will do.
      for lifetime in [3000, 12_000, 48_000] where sockets.count < 2 {
        let made = try await roost.http.post(
          "/tokens", ["scopes": ["sessions:read"], "expires_in_ms": .integer(lifetime)])
        let reader = client.another(token: made["token"].string ?? "")
        sockets = []
        for path in ["/ws/json", "/sessions/a/ws/raw?readonly=true"] {
          if let socket = try? await reader.webSocket(path) { sockets.append(socket) }
        }
      }
      try #require(sockets.count == 2)
      for socket in sockets {
        var last = try await socket.next(within: .seconds(60))
        while true {
          if case .closed = last { break }
          last = try await socket.next(within: .seconds(60))
        }
        #expect(last == .closed(code: 1008, reason: "token expired"))
      }
      #expect(try await roost.http.get("/health") == ["status": "ok"])
      await lasting.close()
    }
  }

  @Test("the secrets of the server are in no log and no process list")
  func secrets() async throws {
    try await withTCP(token: AuthenticationTests.token) { roost, client in
      _ = try await client.another(token: AuthenticationTests.token).get("/sessions")
      #expect(!roost.log.contains(AuthenticationTests.token))
      for process in roost.home.processes where process != roost.serverPID {
        let arguments = try? textOfFile("/proc/\(process)/cmdline")
        let environment = try? textOfFile("/proc/\(process)/environ")
        #expect(arguments?.contains(AuthenticationTests.token) != true)
        #expect(environment?.contains(AuthenticationTests.token) != true, "process \(process)")
      }
    }
  }

  @Test("everything is below the base prefix when there is one, and health at the root too")
  func basePrefix() async throws {
    try await withRoost(["--base-prefix", "/roost"]) { roost async throws in
      #expect(try await roost.http.get("/roost/sessions") == [])
      #expect(try await roost.http.get("/health") == ["status": "ok"])
      #expect(try await roost.http.get("/roost/health") == ["status": "ok"])
      #expect(try await roost.http.request("GET", "/sessions").status == 404)
    }
  }
}

extension JSON {
  fileprivate func consume() {}
}
