import Formats
import Glibc
import Net
import Synchronization
import Sys
import TestKit
import Testing

@testable import Commands

/// A server's event stream that says what a test tells it, for what a real one does only in trouble.
private final class ScriptedStream: HTTPHandler, Sendable {
  let socketPath: String
  private let loops: LoopGroup
  private let server = Mutex<HTTPServer?>(nil)
  private let followers = Mutex<[Follower]>([])
  /// The status of every answer from now on.
  let refusal = Mutex<Int?>(nil)

  init(home: ScratchHome) async throws {
    socketPath = "\(home.path)/scripted.sock"
    loops = try LoopGroup(count: 1)
    try await open()
  }

  func open() async throws {
    let made = HTTPServer(loops: loops, handler: self) { fault, _ in HTTPResponse(status: fault.status) }
    try await made.listen(unix: socketPath)
    server.withLock { $0 = made }
  }

  func close() async {
    await server.withLock { $0 }?.close(graceful: .zero)
    unlink(socketPath)
  }

  func nextFollower() async throws -> Follower {
    try await eventually("somebody follows") { followers.withLock { !$0.isEmpty } }
    return followers.withLock { $0.removeFirst() }
  }

  func respond(to request: HTTPRequest, on loop: EventLoop) async -> HTTPReply {
    if let status = refusal.withLock({ $0 }) {
      return .response(HTTPResponse(status: status, body: Array(#"{"error":{"code":"no","message":"No."}}"#.utf8)))
    }
    guard request.path == "/events/ws" else { return .response(HTTPResponse(status: 404)) }
    let follower = Follower(loop: loop, query: request.query ?? "")
    return .upgrade(
      WebSocketUpgrade { socket in
        socket.handler = follower
        follower.assumeIsolated { $0.opened(socket) }
        self.followers.withLock { $0.append(follower) }
      })
  }
}

private actor Follower: WebSocketHandler {
  nonisolated let loop: EventLoop
  nonisolated let query: String
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  private var socket: (any MessageSocket)?
  private(set) var messages: [String] = []

  init(loop: EventLoop, query: String) {
    self.loop = loop
    self.query = query
  }

  func opened(_ socket: any MessageSocket) { self.socket = socket }
  func send(_ text: String) { socket?.send(text: text) }
  func send(_ sequences: Int...) { for sequence in sequences { socket?.send(text: envelope(sequence)) } }
  func close(code: UInt16 = 1001) { socket?.close(code: code, reason: "test") }

  nonisolated func webSocket(_ socket: any MessageSocket, text: [UInt8]) {
    assumeIsolated { $0.messages.append(String(decoding: text, as: UTF8.self)) }
  }
  nonisolated func webSocket(_ socket: any MessageSocket, binary: [UInt8]) {}
  nonisolated func webSocketDrained(_ socket: any MessageSocket) {}
  nonisolated func webSocketClosed(_ socket: any MessageSocket, code: UInt16, reason: String) {}
}

@Suite("Following events", .timeLimit(.minutes(5)))
struct EventFollowTests {
  private func sequences(_ result: ProcessResult) -> [Int] {
    result.text.split(separator: "\n").map { ((try? JSON(parsing: String($0))) ?? .null)["seq"].integer ?? -1 }
  }

  private func withStream(
    _ words: [String], _ body: @escaping @Sendable (ScriptedStream) async throws -> Void
  ) async throws -> ProcessResult {
    try await withScratchHome { roost in
      let stream = try await ScriptedStream(home: roost.home)
      async let result = roost.run(["events", "follow", "--socket", stream.socketPath] + words)
      try await body(stream)
      let ended = try await result
      await stream.close()
      return ended
    }
  }

  @Test("a connection that is lost is made again behind the last event, and what comes twice is printed once")
  func reconnects() async throws {
    let result = try await withStream(["--json", "-n", "6", "--type", "session.*", "--since", "2026-11-21T11:00:00Z"]) {
      stream in
      let first = try await stream.nextFollower()
      #expect(first.query == "since=2026-11-21T11%3A00%3A00.000000Z&type=session.%2A")
      await first.send(#"{"connected":true,"next":5}"#)
      await first.send(5, 6)
      await first.close()
      let second = try await stream.nextFollower()
      #expect(second.query.contains("after=6") && second.query.contains("since="))
      await second.send(#"{"connected":true,"next":7}"#)
      await second.send(6, 7)
      // The server goes away altogether, and comes back.
      await stream.close()
      try await stream.open()
      let third = try await stream.nextFollower()
      #expect(third.query.contains("after=7"))
      await third.send(8, 8, 9, 12, 13)
    }
    #expect(sequences(result) == [5, 6, 7, 8, 9, 12], "\(result)")
    #expect(result.exitCode == 0)
    #expect(result.errorText.contains("trying again") && result.errorText.contains("connected again"), "\(result)")
  }

  @Test("a connection lost before the first event goes on where following began")
  func early() async throws {
    let result = try await withStream(["--json", "-n", "1"]) { stream in
      let first = try await stream.nextFollower()
      #expect(first.query.isEmpty)
      await first.send(#"{"connected":true,"next":100}"#)
      await first.close()
      let second = try await stream.nextFollower()
      #expect(second.query == "after=99")
      await second.send(100)
    }
    #expect(sequences(result) == [100], "\(result)")
  }

  @Test("what was left out is told of on standard error, and is no reason to begin again")
  func gaps() async throws {
    let result = try await withStream(["--json", "-n", "2"]) { stream in
      let first = try await stream.nextFollower()
      await first.send(1)
      await first.send(#"{"gap":{"from":2,"to":41}}"#)
      await first.close()
      let second = try await stream.nextFollower()
      #expect(second.query == "after=41")
      await second.send(42)
    }
    #expect(sequences(result) == [1, 42])
    #expect(result.errorText.contains("events 2 to 41 were missed"), "\(result)")
  }

  @Test("with a cursor what was printed is acknowledged, and nothing else")
  func acknowledges() async throws {
    let result = try await withStream(["--json", "-n", "2", "--cursor", "mine"]) { stream in
      let follower = try await stream.nextFollower()
      #expect(follower.query == "cursor=mine")
      await follower.send(7)
      try await eventually("it is acknowledged") { await follower.messages == [#"{"ack":7}"#] }
      await follower.send(9, 10)
      try await eventually("it is acknowledged") { await follower.messages.last == #"{"ack":9}"# }
    }
    #expect(sequences(result) == [7, 9], "\(result)")
  }

  @Test(
    "a server that refuses is not asked again, at the beginning or later", arguments: [(403, 5), (404, 3), (400, 2)])
  func refused(status: Int, code: Int32) async throws {
    let result = try await withStream(["--json"]) { stream in
      let follower = try await stream.nextFollower()
      await follower.send(1)
      stream.refusal.withLock { $0 = status }
      await follower.close(code: 1008)
    }
    #expect(result.exitCode == code && sequences(result) == [1], "\(result)")
    try await withScratchHome { roost in
      let stream = try await ScriptedStream(home: roost.home)
      stream.refusal.withLock { $0 = status }
      let result = try await roost.run("--socket", stream.socketPath, "events", "follow")
      #expect(result.exitCode == code && result.errorText == "roost events follow: No.\n", "\(result)")
      await stream.close()
      #expect(try await roost.run("--socket", stream.socketPath, "events", "follow").exitCode == 7)
    }
  }

  @Test("when nobody reads any more it ends, also when nothing happens")
  func readerGone() async throws {
    try await withScratchHome { roost in
      let stream = try await ScriptedStream(home: roost.home)
      let shell = "\"$0\" events follow --json --socket \"$1\" | head -n 1; echo \"${PIPESTATUS[0]}\""
      async let result = runProcess(
        "/bin/bash", ["-c", shell, Roost.executable, stream.socketPath], environment: roost.environment)
      let follower = try await stream.nextFollower()
      await follower.send(3)
      let ended = try await result
      #expect(ended.text.hasSuffix("\n141\n"), "\(ended)")
      await stream.close()
    }
  }

  @Test("on a terminal there is a heading, and ctrl+c ends it")
  func terminal() async throws {
    try await withScratchHome { roost in
      let stream = try await ScriptedStream(home: roost.home)
      let terminal = try TerminalProcess(
        Roost.executable, ["events", "follow", "--socket", stream.socketPath], environment: roost.home.environment,
        columns: 120)
      let follower = try await stream.nextFollower()
      await follower.send(3)
      try await terminal.expect("TIME")
      try await terminal.expect("session.created")
      try terminal.type("\u{3}")
      #expect(try await terminal.waitForExit() == .signaled(SIGINT))
      await stream.close()
    }
  }
}
