import Formats
import Net
import TestKit
import Testing

@Suite("Bad requests", .bounded)
struct HostileRequestTests {
  /// Sends bytes on a connection of their own; what comes back.
  private func answer(_ bytes: [UInt8]) async throws -> RawResponse {
    let connection = try RawConnection(try await SharedServer.roost.http.endpoint)
    try await connection.send(bytes)
    return try await connection.receiveResponse()
  }

  private func answer(_ text: String) async throws -> RawResponse { try await answer(Array(text.utf8)) }

  private func expect(_ response: RawResponse, _ status: Int, _ code: String, _ what: String) {
    #expect(response.status == status, "\(what): \(response.head) \(response.body)")
    let json = try? JSON(parsing: response.body)
    #expect(json?["error"]["code"].string == code, "\(what): \(response.body)")
    #expect(json?["error"]["message"].string?.isEmpty == false, "\(what): \(response.body)")
  }

  // MARK: Bodies

  @Test(
    "a body that is no JSON is refused",
    arguments: [
      "{", "[]", "\"text\"", "7", "null", "{\"argv\":[\"/bin/cat\"]", "{'argv':['/bin/cat']}",
      "{\"argv\":[\"/bin/cat\"],}", "{\"name\":\"\\ud800\"}",
      "{\"a\":1}{\"b\":2}", "\u{FEFF}{}x", "<xml/>", "name=x", "{\"argv\":[\"/bin/cat\"]} trailing",
    ])
  func malformedJSON(body: String) async throws {
    let response = try await SharedServer.roost.http.another().request("POST", "/sessions", body: Array(body.utf8))
    #expect(response.status == 400, "\(body): \(response)")
    #expect(response.errorCode == "invalid_request", "\(body): \(response)")
  }

  @Test("a body that is no UTF-8 is refused for that", arguments: ["/sessions", "/events"])
  func malformedUTF8(path: String) async throws {
    let body = Array("{\"name\":\"".utf8) + [0xFF, 0xFE] + Array("\",\"argv\":[\"/bin/cat\"]}".utf8)
    let response = try await SharedServer.roost.http.another().request("POST", path, body: body)
    #expect(response.status == 400 && response.errorCode == "invalid_request", "\(response)")
    #expect(response.text.contains("UTF-8"), "\(response)")
  }

  @Test("an unknown field is refused by its name, wherever it is")
  func unknownField() async throws {
    try await withSession { session in
      let before = try await session.record["generation"]
      for (method, path, body) in [
        ("POST", "/sessions", ["argv": ["/bin/cat"], "colour": 1]), ("PATCH", session.path, ["colour": "x"]),
        ("POST", "\(session.path)/kill", ["colour": 1]),
        ("POST", "\(session.path)/signal", ["signal": "TERM", "colour": 1]),
        ("POST", "\(session.path)/keys", ["keys": ["a"], "colour": 1]),
        ("POST", "\(session.path)/resize", ["rows": 9, "cols": 9, "colour": 1]),
        ("POST", "\(session.path)/wait", ["for": "exit", "colour": 1]),
        ("POST", "\(session.path)/interact", ["text": "x", "colour": 1]),
        ("POST", "\(session.path)/run", ["command": "x", "colour": 1]), ("POST", "/server/shutdown", ["colour": 1]),
        ("GET", "/sessions?colour=1", nil), ("GET", "\(session.path)?colour=1", nil),
        ("GET", "\(session.path)/screen?colour=1", nil),
        ("DELETE", "\(session.path)?colour=1", nil), ("POST", "\(session.path)/input?colour=1", nil),
        ("GET", "/server/info?colour=1", nil),
      ] as [(String, String, JSON?)] {
        let response = try await session.client.request(method, path, body: body?.bytes ?? [])
        #expect(response.status == 400, "\(method) \(path): \(response)")
        #expect(response.errorCode == "invalid_request")
        #expect(response.json["error"]["message"].string?.contains("colour") == true, "\(method) \(path): \(response)")
      }
      let record = try await session.record
      #expect(record["generation"] == before && record["rows"] == 24 && record["state"].string != "exited")
    }
  }

  @Test(
    "a value of the wrong type is refused by the name of its field",
    arguments: [
      ("name", 7), ("argv", "/bin/cat"), ("argv", [1]), ("rows", "24"), ("rows", 1.5), ("rows", nil as JSON? ?? .null),
      ("cwd", ["x"]), ("env", ["A"]),
      ("env", ["A": 1]), ("tags", "a,b"), ("tags", [1]), ("integration", "yes"), ("command", ["true"]), ("rows", 1e300),
    ] as [(String, JSON)])
  func wrongType(field: String, value: JSON) async throws {
    if value.isNull { return }
    let client = try await SharedServer.roost.http.another()
    let response = try await client.request(
      "POST", "/sessions",
      json: JSON.object(["argv": field == "command" ? nil : ["/bin/cat"]]).adding(.object([JSON.Member(field, value)])))
    #expect(response.status == 400, "\(response)")
    #expect(response.errorCode == "invalid_request" || response.errorCode == "invalid_tag", "\(response)")
    #expect(response.json["error"]["message"].string?.contains(field) == true || field == "rows", "\(response)")
  }

  @Test("a missing field is named")
  func missingField() async throws {
    try await withSession { session in
      for (action, field) in [
        ("keys", "keys"), ("signal", "signal"), ("resize", "rows"), ("wait", "for"), ("run", "command"),
      ] {
        let response = try await session.answer(action)
        #expect(response.status == 400)
        #expect(response.json["error"]["message"].string?.contains(field) == true, "\(action): \(response)")
      }
    }
  }

  @Test("JSON nested too deeply is refused and harms nobody")
  func deepJSON() async throws {
    let client = try await SharedServer.roost.http.another()
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
      let depth = 100_000
      let body =
        "{\"name\":" + String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth) + "}"
      for path in ["/sessions", "/rpc"] {
        let response = try await client.request("POST", path, body: Array(body.utf8))
        // JSON-RPC tells its errors in a successful answer.
        #expect(response.status == 400 || !response.json["error"].isNull, "\(path): \(response)")
      }
    }
    #expect(try await client.get("/health") == ["status": "ok"])
  }

  @Test("a body above the limit is refused before it is read")
  func oversizeBody() async throws {
    let response = try await answer("POST /sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n")
    expect(response, 413, "payload_too_large", "announced")
    let connection = try RawConnection(try await SharedServer.roost.http.endpoint)
    try await connection.send("POST /sessions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    let chunk = "10000\r\n" + String(repeating: " ", count: 65536) + "\r\n"
    for _ in 0..<17 { try await connection.send(chunk) }
    expect(try await connection.receiveResponse(), 413, "payload_too_large", "in chunks")
  }

  @Test("a body just below the limit is taken")
  func largestBody() async throws {
    try await withScript("stty raw -echo; echo ready; head -c 1048576 | wc -c") { session in
      try await session.wait(match: "ready")
      try await session.type(bytes: [UInt8](repeating: 0x78, count: 1 << 20))
      try await session.waitForExit()
      #expect(try await session.text().contains("1048576"))
    }
  }

  // MARK: Paths

  @Test("a path that leads nowhere is 404, and a known path with another method 405 with what it allows")
  func routing() async throws {
    let client = try await SharedServer.roost.http.another()
    for path in [
      "/nothing", "/sessions/", "/sessions/x/screen/", "/sessions//screen", "//sessions", "/sessions/a/b/c/d/e",
      "/Sessions", "/health/",
    ] {
      let response = try await client.request("GET", path)
      #expect(response.status == 404, "\(path): \(response)")
      #expect(response.errorCode == "not_found" || response.errorCode == "session_not_found", "\(path): \(response)")
    }
    for (method, path, allowed) in [
      ("PUT", "/sessions", "GET"), ("DELETE", "/health", "GET"), ("GET", "/sessions/x/input", "POST"),
      ("PATCH", "/rpc", "POST"),
      ("FOO", "/sessions", "POST"),
    ] {
      let response = try await answer(RawConnection.request(method, path))
      #expect(
        response.status == 405 || method == "FOO" && (400...501).contains(response.status),
        "\(method) \(path): \(response.head)")
      if response.status == 405 {
        #expect(response.head.lowercased().contains("\r\nallow:"), "\(response.head)")
        #expect(response.head.contains(allowed))
        expect(response, 405, "method_not_allowed", "\(method) \(path)")
      }
    }
  }

  @Test(
    "a path that is no UTF-8, or badly encoded, is refused",
    arguments: [
      "/sessions/%FF", "/sessions/%C3%28", "/sessions/%", "/sessions/%4", "/sessions/%zz", "/sessions/%ED%A0%80/screen",
      "/sessions?tag=%FF",
      "/sessions?tag=%", "/sessions/x/screen?format=%C0%80",
    ])
  func badEncoding(path: String) async throws {
    expect(try await answer(RawConnection.request("GET", path)), 400, "invalid_request", path)
  }

  @Test("bytes above ASCII in a request line are refused, or taken for what they are, and never harm")
  func rawBytes() async throws {
    for bytes in [[0xC3, 0xBC], [0xFF], [0x80, 0x80]] as [[UInt8]] {
      let response = try await answer(Array("GET /sessions/".utf8) + bytes + Array(" HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
      #expect(response.status == 400 || response.status == 404, "\(bytes): \(response.head)")
    }
  }

  @Test(
    "dots in a path lead nowhere else, encoded or not",
    arguments: [
      "/sessions/%2e%2e", "/sessions/..", "/sessions/%2e%2e/server/info", "/sessions/../server/info",
      "/sessions/..%2Fserver%2Finfo",
      "/sessions/%2e", "/sessions/x%2F..%2F..%2Fhealth", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
    ])
  func dots(path: String) async throws {
    let response = try await answer(RawConnection.request("GET", path))
    #expect(response.status == 400 || response.status == 404, "\(path): \(response.head) \(response.body)")
    #expect(!response.body.contains("server_id") && !response.body.contains("root:"))
  }

  @Test("an encoded slash is a character of the name and never a separator")
  func encodedSlash() async throws {
    try await withSession { session in
      let response = try await session.client.request("GET", "/sessions/\(session.name)%2Fscreen")
      #expect(response.status == 400 || response.status == 404, "\(response)")
    }
  }

  @Test("an encoded name is the same name")
  func encodedName() async throws {
    try await withSession(["name": "größe.1"]) { session in
      let record = try await session.client.get("/sessions/gr%C3%B6%C3%9Fe%2E1")
      #expect(record["id"] == session.created["id"])
    }
  }

  // MARK: The protocol

  @Test(
    "what is no HTTP is refused",
    arguments: [
      "NONSENSE\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST /rpc HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "GET / HTTP/1.1\r\nHost: a\u{0}b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}",
    ])
  func brokenProtocol(request: String) async throws {
    let connection = try RawConnection(try await SharedServer.roost.http.endpoint)
    try await connection.send(request)
    connection.finish()
    let text = try await connection.receiveAll()
    let response = try #require(RawResponse(text), "\(request.debugDescription): \(text.debugDescription)")
    #expect((400...599).contains(response.status), "\(request.debugDescription): \(response.head)")
    #expect((try? JSON(parsing: response.body))?["error"]["code"].string?.isEmpty == false, "\(response.body)")
  }

  @Test("headers beyond the limit are refused")
  func hugeHeaders() async throws {
    expect(
      try await answer(
        "GET /health HTTP/1.1\r\nHost: x\r\nX-Large: " + String(repeating: "x", count: 70_000) + "\r\n\r\n"), 431,
      "headers_too_large", "one large")
    let many = (0..<5000).map { "X-\($0): y\r\n" }.joined()
    expect(try await answer("GET /health HTTP/1.1\r\nHost: x\r\n\(many)\r\n"), 431, "headers_too_large", "many small")
  }

  @Test("a request line beyond the limit is refused")
  func hugeTarget() async throws {
    expect(
      try await answer("GET /" + String(repeating: "x", count: 20_000) + " HTTP/1.1\r\nHost: x\r\n\r\n"), 414,
      "uri_too_long", "target")
  }

  @Test("headers that come too slowly are given up, and others are served meanwhile")
  func slowHeaders() async throws {
    let client = try await SharedServer.roost.http.another()
    let connection = try RawConnection(client.endpoint)
    try await connection.send("GET /health HTTP/1.1\r\nHost: x\r\n")
    #expect(try await client.get("/health") == ["status": "ok"])
    // Something comes all the time, and never the end: a little more each time that no answer has come.
    let deadline = Deadline(.seconds(60))
    var response: RawResponse?
    while response == nil, !deadline.isOver {
      try await connection.send("X-Slow: 1\r\n")
      response = try? await connection.receiveResponse(within: .milliseconds(500))
    }
    expect(try #require(response), 408, "request_timeout", "slow headers")
  }

  @Test("half a request is not acted upon")
  func halfRequest() async throws {
    try await withSession { session in
      let body = "typed by half a request\r"
      for cut in [10, 60, 90, 110] {
        let whole = RawConnection.request("POST", "\(session.path)/input", body: body)
        let connection = try RawConnection(session.client.endpoint)
        try await connection.send(String(whole.prefix(min(cut, whole.count - 3))))
        connection.finish()
        let text = try await connection.receiveAll()
        #expect(text.isEmpty || RawResponse(text)?.status == 400, "\(text)")
      }
      try await session.type("typed by a whole one\r")
      try await session.wait(match: "whole one\ntyped by a whole one")
      #expect(try await !session.text().contains("half"))
    }
  }

  @Test("requests in one piece are answered in their order")
  func pipelining() async throws {
    try await withSession { session in
      let connection = try RawConnection(session.client.endpoint)
      let requests = [
        RawConnection.request("GET", "/health"), RawConnection.request("GET", "/nothing"),
        RawConnection.request("GET", session.path, headers: ["Connection: close"]),
      ]
      try await connection.send(requests.joined())
      let text = try await connection.receiveAll()
      let statuses = text.split(separator: "HTTP/1.1 ").compactMap { Int($0.prefix(3)) }
      #expect(statuses == [200, 404, 200], "\(text)")
    }
  }

  @Test("every answer carries the headers that keep browsers in check")
  func headers() async throws {
    let client = try await SharedServer.roost.http.another()
    for path in ["/health", "/nothing", "/sessions"] {
      let headers = try await client.request("GET", path).headers
      #expect(headers[first: "x-frame-options"] == "DENY")
      #expect(headers[first: "x-content-type-options"] == "nosniff")
      #expect(headers[first: "referrer-policy"] == "no-referrer")
      #expect(headers[first: "content-security-policy"]?.contains("default-src 'self'") == true)
      #expect(headers[first: "content-type"]?.hasPrefix("application/json") == true)
    }
  }

  @Test("a page of another site is refused on the Unix socket as well, for plain requests and upgrades")
  func foreignOrigin() async throws {
    let client = try await SharedServer.roost.http.another()
    for (method, path) in [("POST", "/sessions"), ("GET", "/sessions"), ("GET", "/ws/json")] {
      let response = try await client.request(method, path, headers: ["origin": "https://evil.example"])
      #expect(response.status == 403, "\(response)")
      #expect(response.errorCode == "origin_not_allowed")
    }
  }
}
