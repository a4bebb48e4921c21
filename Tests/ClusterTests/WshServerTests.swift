import Formats
import Net
import Synchronization
import TestKit
import Testing

@testable import Cluster

/// A way to a scripted server, over a real connection.
@Suite("Servers without a link")
struct WshServerTests {
  private static let info = #"{"hostname":"web1","server_id":"5f0c5a52-9b07-4c32-8f0d-6a9a2b6f6c11","version":"0.9"}"#

  private func withServer(
    token: String? = "secret", _ body: (WshServer, ScriptedBackend) async throws -> Void
  ) async throws {
    let backend = try await ScriptedBackend()
    let endpoint = backend.endpoint
    let server = WshServer(address: "http://web1", token: token, loop: TestLoop.shared) {
      HTTPClient(endpoint: endpoint, loop: TestLoop.shared, maxResponseBytes: WshServer.maximumResponseBytes)
    }
    do {
      try await body(server, backend)
    } catch {
      await backend.stop()
      throw error
    }
    await server.close()
    await backend.stop()
  }

  private func failure(_ server: WshServer, _ request: RemoteRequest) async -> RemoteFailure? {
    do {
      _ = try await server.perform(request)
      return nil
    } catch { return error }
  }

  private let screen = RemoteRequest.test("session.screen", "GET", "/sessions/{session}/screen", session: "a")

  @Test("the token and the correlation id go along, and an answer comes back as it is") func answers() async throws {
    try await withServer { server, backend in
      backend.answer(200, #"{"a":1}"#)
      let answer1 = try await server.perform(screen)
      #expect(answer1 == .json(Array(#"{"a":1}"#.utf8)))
      let request = try #require(backend.requests.first)
      #expect(request.headers[first: "authorization"] == "Bearer secret")
      #expect(request.headers[first: "x-correlation-id"] == "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")
    }
  }

  @Test("an answer without a body is an answer", arguments: [200, 202, 204]) func empty(status: Int) async throws {
    try await withServer { server, backend in
      backend.answer(status, "")
      let detach = RemoteRequest.test("session.detach", "POST", "/sessions/{session}/detach", session: "a")
      let answer2 = try await server.perform(detach)
      #expect(answer2 == .empty)
    }
  }

  @Test(
    "errors keep their code; without one the status says what it means",
    arguments: [
      (404, #"{"error":{"code":"session_not_found","message":"Session not found: a."}}"#, "session_not_found", 404),
      (409, #"{"error":{"code":"overlay_odd","message":"x"}}"#, "overlay_odd", 409),
      (400, "Failed to deserialize query string", "invalid_request", 400), (422, "no", "invalid_request", 400),
      (429, "Too Many Requests", "resource_limit_reached", 429), (500, "<html>oops", "internal_error", 500),
      (503, "", "server_unavailable", 503), (401, "", "auth_required", 401), (403, "no", "auth_invalid", 403),
      (404, "", "not_found", 404), (500, #"{"error":{"code":"../../etc","message":7}}"#, "internal_error", 500),
      (302, "", "server_unavailable", 503), (200, "<html>", "internal_error", 500),
      (200, "{\"a\":", "internal_error", 500),
      (200, "{} {}", "internal_error", 500), (200, "{\"a\":1},\"id\":{}", "internal_error", 500),
    ])
  func errors(status: Int, body: String, code: String, mapped: Int) async throws {
    try await withServer { server, backend in
      backend.answer(status, body, headers: status == 302 ? ["Location": "http://127.0.0.1:1/elsewhere"] : .init())
      let failure = await failure(server, screen)
      #expect(failure?.code == code)
      #expect(failure?.status == mapped)
      #expect(failure?.path == ["http://web1"])
      // A redirection was not followed.
      #expect(backend.requests.count == 1)
    }
  }

  @Test("messages of others are cut, and cannot break a line") func messages() async throws {
    try await withServer { server, backend in
      let long = String(repeating: "ab\\n\\u001b[31m", count: 5000)
      backend.answer(400, #"{"error":{"code":"x","message":"\#(long)"}}"#)
      let message = try #require(await failure(server, screen)).message
      #expect(message.utf8.count <= 1024)
      #expect(!message.unicodeScalars.contains { $0.value < 0x20 })
    }
  }

  @Test("an answer that is too large is not taken") func large() async throws {
    try await withServer { server, backend in
      let body = [UInt8](repeating: 0x20, count: WshServer.maximumResponseBytes + 1)
      backend.answer { _ in .response(HTTPResponse(status: 200, body: body)) }
      let failure = await failure(server, screen)
      #expect(failure?.code == "internal_error")
      #expect(failure?.message.contains("16 MiB") == true)
    }
  }

  @Test("nobody there is an unavailable server") func nobody() async throws {
    try await withServer { server, backend in
      await backend.stop()
      #expect(await failure(server, screen)?.code == "server_unavailable")
    }
  }

  @Test("calls at the same time have connections of their own") func concurrent() async throws {
    try await withServer { server, backend in
      let arrived = Counter()
      let gate = OneShotGate()
      backend.answer { _ in
        // None is answered before all have come.
        if arrived.next() == 8 { gate.open() }
        await gate.wait()
        return .response(HTTPResponse(status: 200, body: Array("{}".utf8)))
      }
      try await withThrowingTaskGroup { group in
        for _ in 0..<8 { group.addTask { _ = try await server.perform(screen) } }
        try await group.waitForAll()
      }
    }
  }

  @Test(
    "a server says who it is, in names that mean nothing else",
    arguments: [
      (info, true), (#"{"hostname":"a/b","server_id":"x"}"#, false), (#"{"hostname":"a:b","server_id":"x"}"#, false),
      (#"{"hostname":"","server_id":"x"}"#, false), (#"{"hostname":"a\nb","server_id":"x"}"#, false),
      (#"{"hostname":"a"}"#, false), ("[]", false), (#"{"hostname":7,"server_id":"x"}"#, false),
    ])
  func probe(answer: String, isGood: Bool) async throws {
    try await withServer { server, backend in
      backend.answer(200, answer)
      let info = try? await server.probe()
      #expect((info != nil) == isGood)
      if isGood { #expect(info?.hostname == "web1") }
    }
  }

  @Test("only the server's own sessions are listed, whatever it sends") func ownSessions() async throws {
    try await withServer { server, backend in
      backend.answer { request in
        let body =
          request.path == "/server/info"
          ? WshServerTests.info
          : #"[{"name":"a","server":"web1"},{"name":"b","server":"web2"},{"name":"c"},7,{"name":""},{"server":"web1"}]"#
        return .response(HTTPResponse(status: 200, body: Array(body.utf8)))
      }
      let answer3 = try await server.sessions()
      #expect(answer3.map { $0["name"].string } == ["a", "c"])
      #expect(backend.targets == ["GET /server/info", "GET /sessions?server=web1"])
      let list = RemoteRequest.test("session.list", "GET", "/sessions")
      let answer4 = try await server.perform(list)
      #expect(answer4 == .json(Array(#"[{"name":"a","server":"web1"},{"name":"c"}]"#.utf8)))
      let limited = RemoteRequest.test("session.list", "GET", "/sessions", context: .test(sessions: ["c"]))
      let answer5 = try await server.perform(limited)
      #expect(answer5 == .json(Array(#"[{"name":"c"}]"#.utf8)))
    }
  }

  @Test("the limits of a caller are held here: the server knows nothing of them") func limits() async throws {
    try await withServer { server, backend in
      backend.answer(200, "{}")
      func refused(_ operation: String, _ session: String?, _ context: CallContext) async -> String? {
        let request = RemoteRequest.test(
          operation, "GET", session == nil ? "/x" : "/sessions/{session}", session: session, context: context)
        return await failure(server, request)?.code
      }
      #expect(await refused("session.get", "a", .test(sessions: ["a"])) == nil)
      #expect(await refused("session.get", "b", .test(sessions: ["a"])) == "insufficient_scope")
      #expect(await refused("session.idle_any", nil, .test(sessions: ["a"])) == "insufficient_scope")
      #expect(await refused("session.get", "a", .test(tags: ["ci"])) == "insufficient_scope")
      #expect(backend.requests.count == 1)
    }
  }

  @Test("a WebSocket waits for its handler, and loses nothing meanwhile") func socket() async throws {
    try await withServer { server, backend in
      backend.answer { request in
        .upgrade(
          WebSocketUpgrade { socket in
            socket.send(text: "{\"path\":\"\(request.path)\"}")
            socket.send(binary: [1, 2, 3])
            socket.close(code: 1000, reason: "done")
          })
      }
      let request = RemoteSocketRequest(
        path: "/sessions/a%2F..%2Fb/ws/raw", query: "", subprotocols: [], context: .test())
      let socket = try await server.open(request)
      let inbox = EventInbox()
      await onLoop {
        socket.handler = inbox
        socket.resumeReading()
      }
      #expect(await inbox.all() == ["text {\"path\":\"/sessions/a%2F..%2Fb/ws/raw\"}", "binary 3", "closed 1000 done"])
    }
  }

  @Test(
    "streams over which more could be done than is allowed are not opened",
    arguments: [
      ("/sessions/a/ws/raw", ["sessions:read"], Role.member, "insufficient_scope"),
      ("/sessions/a/ws/raw", ["admin"], .observer, "role_refused"),
      ("/ws/json", ["sessions:read", "sessions:input"], .member, "insufficient_scope"),
      ("/ws/json", ["admin"], .drain, "role_refused"), ("/events/ws", ["admin"], .member, "unsupported"),
      ("/sessions/../ws/json", ["admin"], .member, "not_found"), ("/server/info", ["admin"], .member, "unsupported"),
      ("/sessions/%/ws/raw", ["admin"], .member, "invalid_request"),
      ("/sessions/a/ws/raw/", ["admin"], .member, "invalid_request"),
    ] as [(String, [String], Role, String)])
  func closedStreams(path: String, scopes: [String], role: Role, code: String) async throws {
    try await withServer { server, backend in
      let request = RemoteSocketRequest(
        path: path, query: "", subprotocols: [], context: .test(scopes: scopes, role: role))
      await #expect { _ = try await server.open(request) } throws: { ($0 as? RemoteFailure)?.code == code }
      // The one path that is well formed has a session named "..", which is asked for as such.
      #expect(backend.requests.isEmpty || path.contains("/../"))
    }
  }
}

/// Runs on the loop that the tests share.
private func onLoop(_ body: @escaping @Sendable () -> Void) async {
  await withCheckedContinuation { continuation in
    TestLoop.shared.execute {
      body()
      continuation.resume()
    }
  }
}

private final class Counter: Sendable {
  private let count = Mutex(0)

  func next() -> Int {
    count.withLock { count in
      count += 1
      return count
    }
  }
}

/// Opens once, for all who wait.
private final class OneShotGate: Sendable {
  private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

  func open() {
    let waiting = state.withLock { state in
      state.isOpen = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }

  func wait() async {
    await withCheckedContinuation { continuation in
      let isOpen = state.withLock { state in
        if !state.isOpen { state.waiting.append(continuation) }
        return state.isOpen
      }
      if isOpen { continuation.resume() }
    }
  }
}

/// What a socket brought, until it was closed.
private final class EventInbox: WebSocketHandler, Sendable {
  private let events = Mutex<[String]>([])
  private let closed = OneShotGate()

  func all() async -> [String] {
    await closed.wait()
    return events.withLock { $0 }
  }

  func webSocket(_ ws: any MessageSocket, text: [UInt8]) {
    events.withLock { $0.append("text " + String(decoding: text, as: UTF8.self)) }
  }
  func webSocket(_ ws: any MessageSocket, binary: [UInt8]) { events.withLock { $0.append("binary \(binary.count)") } }
  func webSocketDrained(_ ws: any MessageSocket) {}
  func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    events.withLock { $0.append("closed \(code) \(reason)") }
    closed.open()
  }
}
