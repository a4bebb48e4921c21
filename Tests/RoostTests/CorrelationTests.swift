import Formats
import Net
import TestKit
import Testing

@Suite("Correlation ids", .bounded)
struct CorrelationTests {
  static let id = "3f1b6c2e-8a4d-4f6b-9c1d-0e2f3a4b5c6d"
  private static let header = "x-correlation-id"

  /// A UUID that no other test has.
  private func fresh() -> String {
    func digits(_ count: Int) -> String { (0..<count).map { _ in String(Int.random(in: 0..<16), radix: 16) }.joined() }
    return "\(digits(8))-\(digits(4))-4\(digits(3))-8\(digits(3))-\(digits(12))"
  }

  private func isUUID(_ text: String?) -> Bool {
    text.map { $0.count == 36 && $0.allSatisfy { "0123456789abcdef-".contains($0) } } ?? false
  }

  @Test("a UUID comes back in lower case, anything else is replaced, nothing is made into one")
  func kept() async throws {
    let http = try await SharedServer.roost.http.another()
    func sent(_ value: String?) async throws -> String? {
      let headers: HTTPHeaders = value.map { [CorrelationTests.header: $0] } ?? [:]
      return try await http.request("GET", "/sessions", headers: headers).headers[first: CorrelationTests.header]
    }
    #expect(try await sent(CorrelationTests.id) == CorrelationTests.id)
    #expect(try await sent(CorrelationTests.id.uppercased()) == CorrelationTests.id)
    for value in [
      nil, "", "mine", "{\(CorrelationTests.id)}", String(repeating: "a", count: 36), "\(CorrelationTests.id)0",
    ] {
      let got = try await sent(value)
      #expect(isUUID(got) && got != CorrelationTests.id, "\(value ?? "none"): \(got ?? "none")")
    }
  }

  @Test("every answer has it: successes, errors, documents, JSON-RPC") func everywhere() async throws {
    let http = try await SharedServer.roost.http.another()
    let requests: [(String, String, JSON?, Int)] = [
      ("GET", "/health", nil, 200), ("GET", "/", nil, 200), ("GET", "/openapi.json", nil, 200),
      ("GET", "/metrics", nil, 200), ("GET", "/operations", nil, 200), ("GET", "/nothing", nil, 404),
      ("DELETE", "/health", nil, 405), ("GET", "/sessions/%zz", nil, 400),
      ("GET", "/sessions/no-such-session", nil, 404),
      ("GET", "/sessions?server=elsewhere", nil, 404), ("POST", "/sessions", ["rows": "many"], 400),
      ("GET", "/ws/json", nil, 426), ("OPTIONS", "/sessions", nil, 405),
      ("POST", "/rpc", ["jsonrpc": "2.0", "id": 1, "method": "server.health"], 200),
      ("POST", "/rpc", ["jsonrpc": "2.0", "method": "server.health"], 204), ("POST", "/rpc", 1, 200),
    ]
    for (method, target, json, status) in requests {
      let response = try await http.request(
        method, target, body: json?.bytes ?? [], headers: [CorrelationTests.header: CorrelationTests.id])
      #expect(response.status == status, "\(method) \(target): \(response)")
      #expect(response.headers.all(CorrelationTests.header) == [CorrelationTests.id], "\(method) \(target)")
    }
  }

  @Test("a request that is refused has it too, by authentication, host and origin") func refused() async throws {
    try await withRoost(["--bind", "127.0.0.1:0", "--cors-origin", "https://tools.example"]) { roost in
      let tcp = try await roost.tcp()
      for headers: HTTPHeaders in [[:], ["authorization": "Bearer wrong"], ["origin": "https://evil.example"]] {
        var headers = headers
        headers.append(CorrelationTests.header, CorrelationTests.id)
        let response = try await tcp.request("GET", "/sessions", headers: headers)
        #expect(response.status >= 401)
        #expect(response.headers.all(CorrelationTests.header) == [CorrelationTests.id])
      }
      let preflight = try await tcp.request(
        "OPTIONS", "/sessions",
        headers: [
          "origin": "https://tools.example", "access-control-request-method": "POST",
          "access-control-request-headers": "x-correlation-id",
        ])
      let allowed = preflight.headers[first: "access-control-allow-headers"] ?? ""
      #expect(allowed.contains("x-correlation-id") && allowed.contains("traceparent"), "\(allowed)")
      #expect(isUUID(preflight.headers[first: CorrelationTests.header]))
      let shared = try await tcp.request("GET", "/health", headers: ["origin": "https://tools.example"])
      #expect(shared.headers[first: "access-control-expose-headers"] == "X-Correlation-ID, Roost-Missing-Servers")
    }
  }

  @Test(
    "a request that breaks a rule of HTTP has it when its header fields could be read, and a new one when not",
    arguments: [
      (
        "POST /sessions HTTP/1.1\r\nHost: x\r\nX-Correlation-ID: \(CorrelationTests.id)\r\nContent-Length: 9999999\r\n\r\n",
        413, true
      ),
      ("GET /sessions HTTP/1.1\r\nX-Correlation-ID: \(CorrelationTests.id)\r\n\r\n", 400, true),
      (
        "POST /sessions HTTP/1.1\r\nHost: x\r\nX-Correlation-ID: \(CorrelationTests.id)\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        400, true
      ),
      (
        "GET /ws/json HTTP/1.1\r\nHost: x\r\nX-Correlation-ID: \(CorrelationTests.id)\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 7\r\n\r\n",
        426, true
      ),
      ("NONSENSE\r\n\r\n", 501, false),
    ])
  func faults(request: String, status: Int, isKept: Bool) async throws {
    let connection = try RawConnection(try await SharedServer.roost.http.endpoint)
    try await connection.send(request)
    let response = try await connection.receiveResponse()
    #expect(response.status == status, "\(response.head)")
    let lines = response.head.split(separator: "\r\n").filter { $0.lowercased().hasPrefix("x-correlation-id:") }
    #expect(lines.count == 1)
    let value = lines.first.map { String($0.split(separator: " ").last ?? "") }
    #expect(isUUID(value))
    #expect((value == CorrelationTests.id) == isKept)
  }

  @Test("the 101 of a WebSocket has it") func upgrade() async throws {
    try await withSession { session in
      for path in ["/ws/json", "/rpc", "/events/ws", "\(session.path)/ws/raw", "\(session.path)/ws/json"] {
        let connection = try RawConnection(session.roost.http.endpoint)
        try await connection.send(
          RawConnection.request(
            "GET", path,
            headers: RawConnection.upgrade + ["X-Correlation-ID: \(CorrelationTests.id.uppercased())"]))
        let response = try await connection.receiveResponse()
        #expect(response.status == 101, "\(path): \(response.head)")
        #expect(response.head.contains("X-Correlation-ID: \(CorrelationTests.id)"), "\(response.head)")
      }
    }
  }

  @Test("a stream of events has it") func stream() async throws {
    let connection = try RawConnection(try await SharedServer.roost.http.endpoint)
    try await connection.send(
      RawConnection.request("GET", "/events/stream", headers: ["X-Correlation-ID: \(CorrelationTests.id)"]))
    let response = try await connection.receiveResponse()
    #expect(response.status == 200, "\(response.head)")
    #expect(response.head.contains("X-Correlation-ID: \(CorrelationTests.id)"), "\(response.head)")
  }

  @Test("a command's record names who typed it and under which id, however it was typed") func records() async throws {
    try await withShell { session in
      let ids = (0..<6).map { _ in fresh() }
      func post(_ index: Int, _ action: String, _ body: [UInt8]) async throws {
        let response = try await session.client.request(
          "POST", "\(session.path)/\(action)", body: body, headers: [CorrelationTests.header: ids[index]])
        #expect(response.status == 200, "\(response)")
      }
      func finished(_ count: Int) async throws {
        try await eventually("\(count) commands have ended") {
          let commands = try await session.client.get("\(session.path)/commands").array ?? []
          return commands.count == count && commands.allSatisfy { !$0["ended_at"].isNull }
        }
        try await session.wait(["for": "prompt"])
      }
      try await post(0, "run", JSON.object(["command": "true"]).bytes)
      try await finished(1)
      try await post(1, "input", Array("echo typed\r".utf8))
      try await finished(2)
      try await post(2, "keys", JSON.object(["keys": ["echo pressed", "enter"]]).bytes)
      try await finished(3)
      try await post(3, "interact", JSON.object(["text": "echo more\r", "match": "more"]).bytes)
      try await finished(4)
      let raw = try await session.client.another().webSocket(
        "\(session.path)/ws/raw", headers: [CorrelationTests.header: ids[4]])
      await raw.type("echo raw\r")
      try await finished(5)
      let socket = try await session.client.another().webSocket(
        "/ws/json", headers: [CorrelationTests.header: CorrelationTests.id])
      await socket.send([
        "id": 1, "method": "send_input", "session": .string(session.name), "params": ["data": "echo json\r"],
        "correlation_id": .string(ids[5].uppercased()),
      ])
      try await finished(6)
      let commands = try await session.client.get("\(session.path)/commands").array ?? []
      #expect(commands.map { $0["correlation_id"].string } == ids)
      #expect(commands.allSatisfy { $0["principal"].string?.hasPrefix("user:") == true })
      await raw.close()
      await socket.close()
    }
  }

  @Test("a call by JSON-RPC may have its own id") func rpc() async throws {
    try await withShell { session in
      let id = fresh()
      _ = try await session.client.post(
        "/rpc",
        [
          "jsonrpc": "2.0", "id": 1, "method": "session.run", "correlation_id": .string(id),
          "params": ["session": .string(session.name), "command": "true"],
        ])
      #expect(try await session.client.get("\(session.path)/commands")[0]["correlation_id"].string == id)
    }
  }

  @Test("the command line sends one id with all that a command asks, and names it when that fails") func commandLine()
    async throws
  {
    try await withShell { session in
      let roost = session.roost
      let id = fresh()
      try await roost.run(["--correlation-id", id, "run", session.name, "--", "true"])
      #expect(try await session.client.get("\(session.path)/commands")[0]["correlation_id"].string == id)
      let failed = try await roost.run(["--json", "rm", "no-such-session"], environment: ["ROOST_CORRELATION_ID": id])
      #expect(failed.exitCode == 3, "\(failed)")
      let error = try JSON(parsing: failed.errorText)["error"]
      #expect(error["code"] == "session_not_found")
      #expect(error["correlation_id"].string == id)
      let made = try await roost.run(["--json", "rm", "no-such-session"])
      #expect(isUUID(try JSON(parsing: made.errorText)["error"]["correlation_id"].string))
      let wrong = try await roost.run(["--json", "--correlation-id", "mine", "ls"])
      #expect(wrong.exitCode == 2, "\(wrong)")
      // A shell must not pass on the id of the command that happened to start its server or its session.
      let inside = try await roost.run(
        ["run", session.name, "--", "echo id=$ROOST_CORRELATION_ID."], environment: ["ROOST_CORRELATION_ID": id])
      #expect(inside.text.contains("id=."), "\(inside)")
    }
  }
}
