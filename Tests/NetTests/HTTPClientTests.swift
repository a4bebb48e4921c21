import Glibc
import Synchronization
import Testing

@testable import Net

/// A server that says what a test tells it to: one listening socket, answers written by hand.
private final class ScriptedServer: Sendable {
  let port: Int
  private let fd: CInt

  init() throws {
    let address = try #require(SocketAddress(numeric: "127.0.0.1", port: 0))
    let fd = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    self.fd = fd
    #expect(address.withSockaddr { bind(fd, $0, address.length) } == 0)
    #expect(listen(fd, 16) == 0)
    port = try #require(SocketAddress(localOf: fd)?.numeric?.port)
  }

  /// Accepts a connection, reads until the empty line, says `answers` one after the other (each after one request), and
  /// closes.
  func serve(_ answers: [String]) {
    let client = accept(fd, nil, nil)
    defer { close(client) }
    for answer in answers {
      var seen: [UInt8] = []
      while !seen.suffix(4).elementsEqual([13, 10, 13, 10]) {
        var byte: UInt8 = 0
        if recv(client, &byte, 1, 0) != 1 { return }
        seen.append(byte)
      }
      _ = send(client, answer, answer.utf8.count, CInt(MSG_NOSIGNAL))
    }
  }

  deinit { close(fd) }
}

@Suite("HTTP client", .timeLimit(.minutes(1)), .serialized)
struct HTTPClientTests {
  private func withClient(
    _ answers: [[String]], _ body: (HTTPClient) async throws -> Void
  ) async throws {
    let loop = try EventLoop(name: "client")
    let server = try ScriptedServer()
    let serving = Thread { for connection in answers { server.serve(connection) } }
    let client = HTTPClient(endpoint: .tcp(host: "127.0.0.1", port: server.port), loop: loop)
    let outcome: Result<Void, any Error>
    do { outcome = .success(try await body(client)) } catch { outcome = .failure(error) }
    await client.close()
    loop.stop()
    serving.join()
    try outcome.get()
  }

  private func expectOK(_ client: HTTPClient, timeout: Duration? = nil) async throws {
    let response = try await client.send(.init("GET", "/", timeout: timeout))
    #expect(response.status == 200)
  }

  @Test("requests go one after the other over one connection, in the order of the calls")
  func order() async throws {
    try await withServer(
      loops: 2,
      answer: { request, _ in
        await Elsewhere.visit()
        return ok("\(request.method) \(request.target) \(request.headers[first: "host"] ?? "") \(request.body.count)")
      }
    ) { test in
      for client in [test.client(), HTTPClient(endpoint: .unix(path: test.path), loop: test.group.loops[1])] {
        try await withThrowingTaskGroup(of: Void.self) { group in
          for number in 0..<20 {
            group.addTask {
              let response = try await client.send(
                .init("POST", "/\(number)", body: [UInt8](repeating: 1, count: number)))
              #expect(String(decoding: response.body, as: UTF8.self).hasPrefix("POST /\(number) "))
              #expect(String(decoding: response.body, as: UTF8.self).hasSuffix(" \(number)"))
            }
          }
          try await group.waitForAll()
        }
        #expect(test.server.connectionCount == 1)
        await client.close()
        while test.server.connectionCount > 0 { await Task.yield() }
      }
    }
  }

  @Test("bodies by length, in chunks, until the end, and none at all")
  func bodies() async throws {
    try await withClient([
      [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nhello",
      ]
    ]) { client in
      for method in ["GET", "GET", "DELETE", "HEAD", "GET"] {
        let response = try await client.send(.init(method, "/"))
        #expect(response.status == (method == "DELETE" ? 204 : 200))
        #expect(response.body == (method == "GET" ? Array("hello".utf8) : []))
      }
    }
  }

  @Test("a connection the server closed while idle is opened again")
  func reconnects() async throws {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    try await withClient([
      [answer], [answer], ["HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"], [answer],
    ]) { client in
      for _ in 0..<4 { try await expectOK(client) }
    }
  }

  @Test(
    "broken answers are errors with their code",
    arguments: [
      ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "closed"),
      ("", "closed"),
      ("SSH-2.0-x\r\n\r\n", "protocol-violation"),
      ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "protocol-violation"),
      ("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "protocol-violation"),
      ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "protocol-violation"),
      ("HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n", "too-large"),
    ])
  func broken(answer: String, code: String) async throws {
    try await withClient([[answer]]) { client in
      do throws(NetError) {
        _ = try await client.send(.init("POST", "/"))
        Issue.record("no error")
      } catch {
        #expect(error.code.name == code)
      }
    }
  }

  @Test("nobody there: refused, no such socket, no such name, bad path")
  func nobody() async throws {
    let loop = try EventLoop(name: "client")
    let endpoints: [(Endpoint, [NetError.Code])] = [
      (.tcp(host: "127.0.0.1", port: 1), [.connectionRefused]),
      (.unix(path: "/tmp/roost-no-such.sock"), [.notFound]),
      (.unix(path: String(repeating: "x", count: 200)), [.invalidArgument]),
      (.tcp(host: "no-such-host.invalid", port: 1), [.notFound, .system]),
      (.tcp(host: "127.0.0.1", port: 99_999), [.invalidArgument]),
    ]
    for (endpoint, codes) in endpoints {
      let client = HTTPClient(endpoint: endpoint, loop: loop)
      do throws(NetError) {
        _ = try await client.send(.init("GET", "/"))
        Issue.record("no error")
      } catch {
        #expect(codes.contains(error.code), "\(endpoint): \(error)")
      }
    }
    loop.stop()
  }

  @Test("a time-out ends a request, a cancelled task too, and the client stays usable")
  func ends() async throws {
    try await withServer(answer: { request, _ in
      if request.path == "/never" {
        for await _ in AsyncStream<Void>(unfolding: { try? await Task.sleep(for: .seconds(3600)) }) {}
      }
      return ok("")
    }) { test in
      let client = test.client()
      do throws(NetError) {
        _ = try await client.send(.init("GET", "/never", timeout: .milliseconds(50)))
        Issue.record("no error")
      } catch {
        #expect(error.code == .timedOut)
      }
      try await expectOK(client, timeout: .seconds(30))
      let task = Task { try await client.send(.init("GET", "/never")) }
      while test.server.connectionCount == 0 { await Task.yield() }
      task.cancel()
      await #expect(throws: NetError.self) { try await task.value }
      try await expectOK(client)
      await client.close()
      await #expect(throws: NetError.self) { try await client.send(.init("GET", "/")) }
    }
  }

  @Test("a WebSocket of the client's: both kinds of message, large ones, close", arguments: ["tcp", "unix"])
  func webSocket(kind: String) async throws {
    try await withServer(
      loops: 2,
      answer: { request, _ in
        let echo = WebSocketUpgrade(subprotocol: "roost.v1") { $0.handler = Echo($0.loop) }
        return request.path == "/ws" ? .upgrade(echo) : .response(HTTPResponse(status: 403, body: Array("no".utf8)))
      }
    ) { test in
      let endpoint = kind == "tcp" ? Endpoint.tcp(host: "localhost", port: test.port) : .unix(path: test.path)
      let client = HTTPClient(endpoint: endpoint, loop: test.group.loops[1])
      let listening = Listening()
      let ws = try await client.webSocket(target: "/ws", subprotocols: ["roost.v1"], handler: listening)
      #expect(ws.subprotocol == "roost.v1")
      let large = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0) }
      await ws.loop.run {
        ws.send(text: "hi")
        ws.send(binary: large)
      }
      #expect(await listening.told.next() == .text("hi"))
      // The large one is queued first, so the end of the queue may be told before the echo.
      var heard = await listening.told.next()
      if heard == .drained { heard = await listening.told.next() }
      #expect(heard == .binary(large))
      await ws.loop.run { ws.close(code: 4001, reason: "done") }
      #expect(await listening.told.next() == .closed(4001, ""))

      do throws(NetError) {
        _ = try await client.webSocket(target: "/other", handler: listening)
        Issue.record("no error")
      } catch {
        #expect(error.code == .upgradeRefused(status: 403, body: Array("no".utf8)))
      }
    }
  }

  @Test("a wrong handshake answer is refused")
  func wrongAccept() async throws {
    let answer = "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n"
    try await withClient([[answer]]) { client in
      await #expect(throws: NetError.self) { try await client.webSocket(target: "/", handler: Listening()) }
    }
  }

  @Test("a client that is dropped closes its connection")
  func dropped() async throws {
    try await withServer(answer: { _, _ in ok("") }) { test in
      do {
        let client = test.client()
        _ = try await client.send(.init("GET", "/"))
        #expect(test.server.connectionCount == 1)
      }
      while test.server.connectionCount > 0 { await Task.yield() }
    }
  }
}

/// A thread for code that blocks.
final class Thread: Sendable {
  private let id: pthread_t

  init(_ body: @escaping @Sendable () -> Void) {
    final class Start {
      let body: @Sendable () -> Void; init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var id = pthread_t()
    pthread_create(
      &id, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
        return nil
      }, Unmanaged.passRetained(Start(body)).toOpaque())
    self.id = id
  }

  func join() { pthread_join(id, nil) }
}
