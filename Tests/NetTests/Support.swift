import Glibc
import Synchronization
import Testing

@testable import Net

/// A handler made of a closure.
struct ClosureHandler: HTTPHandler {
  let group: LoopGroup
  let answer: @Sendable (HTTPRequest, EventLoop) async -> HTTPReply
  func respond(to request: HTTPRequest, on loop: EventLoop) async -> HTTPReply {
    loop.preconditionCurrent()
    return await answer(request, loop)
  }
  /// What is under `/home/1` lives on loop 1.
  func home(of request: HTTPRequest) -> EventLoop? {
    guard request.path.hasPrefix("/home/"), let index = Int(request.path.dropFirst(6)) else { return nil }
    return group.loops[index % group.loops.count]
  }
}

/// A server on an ephemeral port and a Unix socket, with a client loop apart.
struct TestServer: Sendable {
  let server: HTTPServer
  let group: LoopGroup
  let port: Int
  /// The same over TLS, with the certificate of `TLSFiles.shared`.
  let tlsPort: Int
  let path: String

  /// With `ROOST_NET_TESTS_TLS` every test that uses this speaks TLS. (Three then fail, which are about ends without a goodbye and about a
  /// plain 503.)
  func connect() throws -> RawClient {
    if getenv("ROOST_NET_TESTS_TLS") != nil { return try connectTLS() }
    return try RawClient(port: port)
  }
  func connectTLS() throws -> RawClient { try RawClient(port: tlsPort, tls: TLSFiles.shared.pinned) }
  func secureClient(_ tls: TLSClientSettings = TLSFiles.shared.pinned, on loop: EventLoop? = nil) -> HTTPClient {
    HTTPClient(endpoint: .tcp(host: "127.0.0.1", port: tlsPort), loop: loop ?? group.loops[0], tls: tls)
  }
  func connectUnix() throws -> RawClient { try RawClient(path: path) }
  func client() -> HTTPClient { HTTPClient(endpoint: .tcp(host: "127.0.0.1", port: port), loop: group.loops[0]) }
}

private let socketNumber = Atomic<Int>(0)

func temporarySocketPath() -> String {
  let number = socketNumber.wrappingAdd(1, ordering: .relaxed).newValue
  return "/tmp/roost-net-tests-\(getpid())-\(number).sock"
}

/// Runs `body` against a fresh server, then closes it and checks that nothing of its loops is left. `body` blocks on raw
/// sockets, so it gets a thread of its own instead of one of the few that all tests share.
func withServer(
  loops: Int = 1, limits: HTTPLimits = .init(),
  answer: @escaping @Sendable (HTTPRequest, EventLoop) async -> HTTPReply,
  sourceLocation: SourceLocation = #_sourceLocation,
  _ body: (TestServer) async throws -> Void
) async throws {
  var watched: [Weak] = []
  do {
    let thread = try EventLoop(name: "test body")
    watched.append(Weak(thread))
    defer { thread.stop() }
    let group = try LoopGroup(count: loops)
    watched += group.loops.map(Weak.init)
    let server = HTTPServer(loops: group, handler: ClosureHandler(group: group, answer: answer), limits: limits) {
      fault, _ in
      HTTPResponse(status: fault.status, body: Array("fault: \(fault.message)".utf8))
    }
    let port = try await server.listen(host: "127.0.0.1", port: 0)
    let tlsPort = try await server.listen(host: "127.0.0.1", port: 0, tls: TLSFiles.shared.context)
    let path = temporarySocketPath()
    try await server.listen(unix: path)
    let outcome: Result<Void, any Error>
    do {
      let test = TestServer(server: server, group: group, port: port, tlsPort: tlsPort, path: path)
      outcome = .success(try await withTaskExecutorPreference(thread) { try await body(test) })
    } catch {
      outcome = .failure(error)
    }
    await server.close(graceful: .seconds(10))
    #expect(server.connectionCount == 0, sourceLocation: sourceLocation)
    #expect(access(path, F_OK) != 0, "the socket file goes with the server", sourceLocation: sourceLocation)
    group.stop()
    try outcome.get()
  }
  for loop in watched { #expect(await loop.goes(), "a loop leaked", sourceLocation: sourceLocation) }
}

final class Weak: @unchecked Sendable {
  // Unchecked: set once, then only read.
  private weak var object: AnyObject?
  init(_ object: AnyObject) { self.object = object }
  /// Waits for the last reference to go: another thread may be about to let go of one.
  func goes() async -> Bool {
    let deadline = ContinuousClock.now + .seconds(20)
    while object != nil, ContinuousClock.now < deadline { await Task.yield() }
    return object == nil
  }
}

/// Values in the order they were told, for a test to wait for.
final class Told<Value: Sendable>: Sendable {
  private let stream: AsyncStream<Value>
  private let continuation: AsyncStream<Value>.Continuation
  init() { (stream, continuation) = AsyncStream.makeStream() }
  func tell(_ value: Value) { continuation.yield(value) }
  func finish() { continuation.finish() }
  func next() async -> Value? {
    var iterator = stream.makeAsyncIterator()
    return await iterator.next()
  }
}

/// A loop that no server uses, for handlers that leave theirs and come back. (The pool that all tests share may be busy.)
enum Elsewhere {
  private static let loop = try? EventLoop(name: "elsewhere")
  static func visit() async { await loop?.run {} }
}

/// What a WebSocket told its handler.
enum Heard: Equatable, Sendable {
  case text(String)
  case binary([UInt8])
  case drained
  case closed(UInt16, String)
}

final class Listening: WebSocketHandler, Sendable {
  let told = Told<Heard>()
  func webSocket(_ ws: any MessageSocket, text: [UInt8]) { told.tell(.text(String(decoding: text, as: UTF8.self))) }
  func webSocket(_ ws: any MessageSocket, binary: [UInt8]) { told.tell(.binary(binary)) }
  func webSocketDrained(_ ws: any MessageSocket) { told.tell(.drained) }
  func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) { told.tell(.closed(code, reason)) }
}

/// An actor on the socket's loop that sends everything back.
actor Echo: WebSocketHandler {
  nonisolated let loop: EventLoop
  nonisolated let ended = Told<Heard>()
  private var count = 0
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  init(_ loop: EventLoop) { self.loop = loop }
  nonisolated func webSocket(_ ws: any MessageSocket, text: [UInt8]) {
    assumeIsolated { $0.count += 1 }
    ws.send(text: text)
  }
  nonisolated func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {
    assumeIsolated { $0.count += 1 }
    ws.send(binary: binary)
  }
  nonisolated func webSocketDrained(_ ws: any MessageSocket) {}
  nonisolated func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    ended.tell(.closed(code, reason))
  }
}

func ok(_ text: String) -> HTTPReply { .response(HTTPResponse(status: 200, body: Array(text.utf8))) }
