import Glibc
import Testing

@testable import Net

@Suite("WebSocket", .timeLimit(.minutes(1)), .serialized)
struct WebSocketTests {
  /// `/ws` echoes; other paths answer plainly. `configure` adjusts the upgrade.
  private func withEcho(
    loops: Int = 1, told: Told<Heard>? = nil,
    configure: @escaping @Sendable (inout WebSocketUpgrade) -> Void = { _ in },
    _ body: (TestServer) async throws -> Void
  ) async throws {
    try await withServer(
      loops: loops,
      answer: { request, _ in
        guard request.path == "/ws" else { return ok("plain") }
        var upgrade = WebSocketUpgrade { ws in
          ws.loop.preconditionCurrent()
          ws.handler = Relay(echo: Echo(ws.loop), told: told)
        }
        configure(&upgrade)
        return .upgrade(upgrade)
      }, body)
  }

  @Test("text and binary of every length form come back", arguments: [0, 1, 125, 126, 65535, 65536, 1 << 20])
  func echo(count: Int) async throws {
    try await withEcho { test in
      for client in [try test.connect(), try test.connectUnix()] {
        let response = try client.upgrade()
        #expect(response.status == 101)
        #expect(response.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        let payload = (0..<count).map { UInt8(0x20 + $0 % 90) }
        for opcode: UInt8 in [1, 2] {
          client.send(RawClient.frame(opcode, payload))
          #expect(try client.readFrame() == .init(opcode: opcode, isFinal: true, payload: payload))
        }
      }
    }
  }

  @Test("a message cut at every byte arrives, handshake included")
  func cut() async throws {
    try await withEcho { test in
      let bytes = Array(RawClient.handshake().utf8) + RawClient.frame(1, Array("cut".utf8))
      for cut in 1..<bytes.count {
        let client = try test.connect()
        client.send(Array(bytes[..<cut]))
        client.send(Array(bytes[cut...]))
        #expect(try client.readResponse().status == 101)
        #expect(try client.readFrame().payload == Array("cut".utf8))
      }
    }
  }

  @Test("fragments make one message, a ping between them is answered at once")
  func fragments() async throws {
    try await withEcho { test in
      let client = try test.connect()
      _ = try client.upgrade()
      client.send(
        RawClient.frame(1, Array("one ".utf8), isFinal: false) + RawClient.frame(9, [1, 2, 3])
          + RawClient.frame(0, Array("two".utf8)))
      #expect(try client.readFrame() == .init(opcode: 10, isFinal: true, payload: [1, 2, 3]))
      #expect(try client.readFrame() == .init(opcode: 1, isFinal: true, payload: Array("one two".utf8)))
    }
  }

  @Test(
    "faults close with their code, and the handler hears of it once",
    arguments: [
      (RawClient.frame(1, [0x61], mask: nil), 1002), (RawClient.frame(1, [0xFF]), 1007),
      (Array(RawClient.frame(2, [UInt8](repeating: 0, count: 70_000)).prefix(14)), 1009),
      (RawClient.frame(3, []), 1002),
    ])
  func faults(bytes: [UInt8], code: Int) async throws {
    let told = Told<Heard>()
    try await withEcho(told: told, configure: { $0.maxMessageBytes = 65536 }) { test in
      let client = try test.connect()
      _ = try client.upgrade()
      client.send(bytes)
      let frame = try client.readFrame()
      #expect(frame.opcode == 8)
      #expect(frame.closeCode == code)
      #expect(try client.readToEnd().isEmpty)
      guard case .closed(let heard, _) = await told.next() else {
        Issue.record("not closed")
        return
      }
      #expect(Int(heard) == code)
    }
    told.finish()
    #expect(await told.next() == nil)
  }

  @Test("the close handshake: the client's close is answered with its code")
  func clientCloses() async throws {
    let told = Told<Heard>()
    try await withEcho(told: told) { test in
      let client = try test.connect()
      _ = try client.upgrade()
      client.send(RawClient.frame(8, [0x0B, 0xB8] + Array("done".utf8)))
      #expect(try client.readFrame().closeCode == 3000)
      #expect(try client.readToEnd().isEmpty)
      #expect(await told.next() == .closed(3000, "done"))

      let silent = try test.connect()
      _ = try silent.upgrade()
      silent.send(RawClient.frame(8, []))
      #expect(try silent.readFrame().payload.isEmpty)
      #expect(await told.next() == .closed(1005, ""))
    }
  }

  @Test("a connection that just ends is 1006", arguments: ["end", "reset"])
  func abnormal(how: String) async throws {
    let told = Told<Heard>()
    try await withEcho(told: told) { test in
      let client = try test.connect()
      _ = try client.upgrade()
      if how == "end" { client.endSending() } else { client.reset() }
      guard case .closed(let code, _) = await told.next() else {
        Issue.record("not closed")
        return
      }
      #expect(code == 1006)
    }
  }

  @Test("one that ends while it is being opened is told, and gives its place back", arguments: [false, true])
  func endsWhileOpening(moves: Bool) async throws {
    let target = try EventLoop(name: "target")
    let listening = Listening()
    try await withServer(
      answer: { _, _ in
        var upgrade = WebSocketUpgrade { ws in
          ws.handler = listening
          // More than may wait for a peer: the socket is gone before this has returned.
          ws.send(binary: [UInt8](repeating: 0, count: 2 * WebSocket.maxQueuedBytes))
        }
        upgrade.loop = moves ? target : nil
        return .upgrade(upgrade)
      }
    ) { test in
      let client = try test.connect()
      client.send(RawClient.handshake())
      #expect(await listening.told.next() == .closed(1013, "the peer does not read"))
      // Told in the same job, before the place is given back.
      await test.server.close(graceful: .seconds(10))
      #expect(test.server.connectionCount == 0)
    }
    target.stop()
  }

  @Test("a peer that leaves while it is not read is let go", arguments: ["end", "reset", "unsent"])
  func leavesUnread(how: String) async throws {
    let listening = Listening()
    try await withServer(
      answer: { _, _ in
        .upgrade(
          WebSocketUpgrade { ws in
            ws.handler = listening
            ws.pauseReading()
          })
      }
    ) { test in
      for client in [try test.connect(), try test.connectUnix()] {
        _ = try client.upgrade()
        client.send(RawClient.frame(2, [UInt8](repeating: 7, count: 50_000)))
        switch how {
        case "end": client.endSending()
        case "reset": client.reset()
        default: client.fillAndClose()
        }
        guard case .closed(1006, _) = await listening.told.next() else {
          Issue.record("not closed")
          return
        }
      }
    }
  }

  @Test("a peer that has only ended its sending has what it reads, and is heard once it has read")
  func halfClosedReads() async throws {
    let told = Told<Heard>()
    try await withServer(
      answer: { _, _ in
        .upgrade(
          WebSocketUpgrade { ws in
            ws.handler = ResumesWhenDrained(told)
            ws.pauseReading()
            ws.send(binary: [UInt8](repeating: 7, count: 12 << 20))
          })
      }
    ) { test in
      let client = try test.connect()
      _ = try client.upgrade()
      client.send(RawClient.frame(1, Array("heard".utf8)))
      client.endSending()
      #expect(try client.readFrame().payload.count == 12 << 20)
      #expect(await told.next() == .text("heard"))
      guard case .closed(1006, _) = await told.next() else {
        Issue.record("not closed")
        return
      }
    }
  }

  @Test("the server closes WebSockets with 1001 when it goes away")
  func goingAway() async throws {
    let told = Told<Heard>()
    try await withEcho(told: told) { test in
      let client = try test.connect()
      _ = try client.upgrade()
      // On a loop: the threads of the global pool may all be reading from servers in tests like this one.
      let closed = Task.detached(executorPreference: test.server.loops.loops[0]) {
        await test.server.close(graceful: .seconds(10))
      }
      let frame = try client.readFrame()
      #expect(frame.closeCode == 1001)
      client.send(RawClient.frame(8, frame.payload))
      #expect(try client.readToEnd().isEmpty)
      await closed.value
      #expect(await told.next() == .closed(1001, "the server is going away"))
    }
  }

  @Test("a peer that does not answer a close is cut")
  func unansweredClose() async throws {
    let told = Told<Heard>()
    try await withEcho(told: told) { test in
      let client = try test.connect()
      _ = try client.upgrade()
      await test.server.close(graceful: .seconds(10))
      guard case .closed(let code, _) = await told.next() else {
        Issue.record("not closed")
        return
      }
      #expect(code == 1006)
      #expect(try client.readFrame().closeCode == 1001)
    }
  }

  @Test("the connection moves to another loop with the bytes that were already there", arguments: ["tcp", "unix"])
  func migration(kind: String) async throws {
    let target = try EventLoop(name: "target")
    try await withEcho(configure: { $0.loop = target }) { test in
      for number in 0..<20 {
        let client = kind == "tcp" ? try test.connect() : try test.connectUnix()
        client.send(Array(RawClient.handshake().utf8) + RawClient.frame(1, Array("early \(number)".utf8)))
        #expect(try client.readResponse().status == 101)
        #expect(try client.readFrame().payload == Array("early \(number)".utf8))
        client.send(RawClient.frame(2, [UInt8](repeating: 7, count: 100_000)))
        #expect(try client.readFrame().payload.count == 100_000)
      }
    }
    target.stop()
  }

  @Test("a moved WebSocket is closed with its server, and when its loop stops")
  func migratedEnds() async throws {
    let target = try EventLoop(name: "target")
    let told = Told<Heard>()
    try await withEcho(told: told, configure: { $0.loop = target }) { test in
      let client = try test.connect()
      _ = try client.upgrade()
      client.send(RawClient.frame(1, [0x61]))
      #expect(try client.readFrame().payload == [0x61])
      target.stop()
      #expect(await told.next() == .closed(1006, "the event loop stopped"))
      #expect(try client.readToEnd().isEmpty)
    }
  }

  @Test(
    "a handshake that is none is refused, and a plain answer is possible",
    arguments: [
      ("GET /ws HTTP/1.1\r\nHost: x\r\n\r\n", 426),
      (
        "POST /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        400
      ),
      (
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n\r\n",
        426
      ),
      (
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n",
        400
      ),
      (
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
        400
      ),
      (RawClient.handshake("/plain"), 200),
    ])
  func refused(request: String, status: Int) async throws {
    try await withEcho { test in
      let client = try test.connect()
      client.send(request)
      let response = try client.readResponse()
      #expect(response.status == status)
      if status == 426 { #expect(response.headers["sec-websocket-version"] == "13") }
      // The connection is still good for HTTP.
      client.send("GET /again HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(try client.readResponse().text == "plain")
    }
  }

  @Test("the chosen subprotocol and further fields stand in the 101")
  func subprotocol() async throws {
    try await withEcho(configure: {
      $0.subprotocol = "roost.v1"
      $0.headers = ["X-Extra": "yes"]
    }) { test in
      let response = try test.connect().upgrade(extra: "Sec-WebSocket-Protocol: other, roost.v1\r\n")
      #expect(response.headers["sec-websocket-protocol"] == "roost.v1")
      #expect(response.headers["x-extra"] == "yes")
    }
  }

  @Test("a peer that never reads makes the queue grow; when it reads, drained is told")
  func drained() async throws {
    let opened = Told<any MessageSocket>()
    let listening = Listening()
    try await withServer(answer: { _, _ in
      .upgrade(
        WebSocketUpgrade { ws in
          ws.handler = listening
          opened.tell(ws)
        })
    }) { test in
      let client = try test.connect()
      _ = try client.upgrade()
      let ws = try #require(await opened.next())
      let piece = [UInt8](repeating: 0x61, count: 100_000)
      let sent = await ws.loop.run {
        var sent = 0
        while ws.queuedBytes == 0 || sent < 100 {
          ws.send(binary: piece)
          sent += 1
        }
        return sent
      }
      #expect(await ws.loop.run { ws.queuedBytes } > 0)
      for _ in 0..<sent { try #require(try client.readFrame().payload == piece) }
      #expect(await listening.told.next() == .drained)
      #expect(await ws.loop.run { ws.queuedBytes } == 0)
      await ws.loop.run { ws.send(text: "after") }
      #expect(try client.readFrame().payload == Array("after".utf8))
    }
  }

  @Test("a queue beyond all reason drops the peer")
  func overflow() async throws {
    let opened = Told<any MessageSocket>()
    let listening = Listening()
    try await withServer(answer: { _, _ in
      .upgrade(
        WebSocketUpgrade { ws in
          ws.handler = listening
          opened.tell(ws)
        })
    }) { test in
      let client = try test.connect()
      _ = try client.upgrade()
      let ws = try #require(await opened.next())
      await ws.loop.run {
        let piece = [UInt8](repeating: 0x61, count: 1 << 20)
        for _ in 0..<64 { ws.send(binary: piece) }
      }
      #expect(await listening.told.next() == .closed(1013, "the peer does not read"))
      _ = client
    }
  }

  @Test("paused reading delivers nothing until resumed, then everything in order")
  func pause() async throws {
    let opened = Told<any MessageSocket>()
    let listening = PausingHandler()
    try await withServer(answer: { _, _ in
      .upgrade(
        WebSocketUpgrade { ws in
          ws.handler = listening
          opened.tell(ws)
        })
    }) { test in
      let client = try test.connect()
      _ = try client.upgrade()
      let ws = try #require(await opened.next())
      // All in one segment: the handler pauses after each message and must not get the next.
      client.send((0..<20).flatMap { RawClient.frame(1, Array("m\($0)".utf8)) })
      for number in 0..<20 {
        #expect(await listening.told.next() == .text("m\(number)"))
        #expect(await ws.loop.run { listening.pending } == 1)
        await ws.loop.run {
          listening.pending = 0
          ws.resumeReading()
        }
      }
    }
  }

  @Test("a silent peer is pinged, and dropped when it does not answer")
  func ping() async throws {
    let told = Told<Heard>()
    try await withEcho(
      told: told,
      configure: {
        $0.pingInterval = .milliseconds(20)
        $0.pongTimeout = .milliseconds(60)
      }
    ) { test in
      let client = try test.connect()
      _ = try client.upgrade()
      for _ in 0..<3 {
        let frame = try client.readFrame()
        #expect(frame.opcode == 9)
        client.send(RawClient.frame(10, frame.payload))
      }
      #expect(try client.readFrame().opcode == 9)
      #expect(await told.next() == .closed(1006, "no answer to a ping"))
      #expect((try? client.readToEnd().count) ?? 0 == 0)
    }
  }

  @Test("a handler that sends, closes and is closed from within its own calls is never re-entered")
  func reentrancy() async throws {
    let told = Told<Heard>()
    try await withServer(answer: { _, loop in
      let closer = SelfClosing(loop, told)
      return .upgrade(WebSocketUpgrade { $0.handler = closer })
    }) { test in
      let client = try test.connect()
      _ = try client.upgrade()
      client.send(RawClient.frame(1, Array("close".utf8)) + RawClient.frame(1, Array("ignored".utf8)))
      #expect(try client.readFrame().payload == Array("bye".utf8))
      #expect(try client.readFrame().closeCode == 4000)
      client.send(RawClient.frame(8, [0x0F, 0xA0]))
      #expect(await told.next() == .closed(4000, ""))
    }
  }

  @Test("many connections at once over two loops")
  func many() async throws {
    try await withEcho(loops: 2) { test in
      let clients = try (0..<100).map { _ in try test.connect() }
      for client in clients { client.send(RawClient.handshake()) }
      for client in clients { #expect(try client.readResponse().status == 101) }
      for round in 0..<5 {
        for client in clients { client.send(RawClient.frame(1, Array("r\(round)".utf8))) }
        for client in clients { #expect(try client.readFrame().payload == Array("r\(round)".utf8)) }
      }
      #expect(test.server.connectionCount == 100)
    }
  }
}

/// Echoes, and tells of the end.
private final class Relay: WebSocketHandler {
  private let echo: Echo
  private let told: Told<Heard>?
  init(echo: Echo, told: Told<Heard>?) {
    self.echo = echo
    self.told = told
  }
  func webSocket(_ ws: any MessageSocket, text: [UInt8]) { echo.webSocket(ws, text: text) }
  func webSocket(_ ws: any MessageSocket, binary: [UInt8]) { echo.webSocket(ws, binary: binary) }
  func webSocketDrained(_ ws: any MessageSocket) {}
  func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) { told?.tell(.closed(code, reason)) }
}

private final class PausingHandler: WebSocketHandler, @unchecked Sendable {
  // Unchecked: `pending` is touched on the socket's loop only.
  let told = Told<Heard>()
  var pending = 0
  func webSocket(_ ws: any MessageSocket, text: [UInt8]) {
    pending += 1
    ws.pauseReading()
    told.tell(.text(String(decoding: text, as: UTF8.self)))
  }
  func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {}
  func webSocketDrained(_ ws: any MessageSocket) {}
  func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {}
}

/// Would trap on re-entry: each callback holds exclusive access to its state.
private actor SelfClosing: WebSocketHandler {
  nonisolated let loop: EventLoop
  nonisolated let told: Told<Heard>
  private var calls: [String] = []
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  init(_ loop: EventLoop, _ told: Told<Heard>) {
    self.loop = loop
    self.told = told
  }
  private func note(_ call: String, _ body: () -> Void) {
    func exclusively(_ calls: inout [String]) {
      calls.append(call)
      body()
    }
    exclusively(&calls)
  }
  nonisolated func webSocket(_ ws: any MessageSocket, text: [UInt8]) {
    assumeIsolated {
      $0.note("text") {
        ws.send(text: "bye")
        ws.pauseReading()
        ws.resumeReading()
        ws.close(code: 4000, reason: "")
        ws.send(text: "after close")
      }
    }
  }
  nonisolated func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {}
  nonisolated func webSocketDrained(_ ws: any MessageSocket) { assumeIsolated { $0.note("drained") {} } }
  nonisolated func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { $0.note("closed") {} }
    told.tell(.closed(code, reason))
  }
}

/// Does not read before its peer has.
private final class ResumesWhenDrained: WebSocketHandler {
  let told: Told<Heard>
  init(_ told: Told<Heard>) { self.told = told }
  func webSocket(_ ws: any MessageSocket, text: [UInt8]) { told.tell(.text(String(decoding: text, as: UTF8.self))) }
  func webSocket(_ ws: any MessageSocket, binary: [UInt8]) { told.tell(.binary(binary)) }
  func webSocketDrained(_ ws: any MessageSocket) { ws.resumeReading() }
  func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) { told.tell(.closed(code, reason)) }
}
