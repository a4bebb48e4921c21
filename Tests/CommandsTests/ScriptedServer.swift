import Formats
import Net
import Synchronization
import TestKit

/// A server that does what a test tells it: for what the real one does only in trouble, and for what it sends exactly.
/// It knows the sessions "s" and "t", and takes whoever attaches to them.
final class ScriptedServer: HTTPHandler, Sendable {
  let socketPath: String
  private let server = Mutex<HTTPServer?>(nil)
  private let attached = Mutex<[AttachedPeer]>([])
  private let requestTargets = Mutex<[String]>([])
  private let state: String
  private let answers: [String: JSON]
  private let refuses: [String]

  /// - Parameters:
  ///   - answers: to requests for paths, before its own.
  ///   - refuses: names of parameters that it does not know, as an older server would not.
  init(
    home: ScratchHome, state: String = "prompt", answers: [String: JSON] = [:], refuses: [String] = []
  ) async throws {
    self.refuses = refuses
    socketPath = "\(home.path)/scripted.sock"
    self.state = state
    self.answers = answers
    let loops = try LoopGroup(count: 1)
    let made = HTTPServer(loops: loops, handler: self) { fault, _ in
      HTTPResponse(status: fault.status, body: Array(fault.message.utf8))
    }
    try await made.listen(unix: socketPath)
    server.withLock { $0 = made }
  }

  /// The targets of all requests so far.
  var targets: [String] { requestTargets.withLock { $0 } }

  /// The next one who attaches.
  func nextPeer() async throws -> AttachedPeer {
    try await eventually("somebody attaches") { attached.withLock { !$0.isEmpty } }
    return attached.withLock { $0.removeFirst() }
  }

  func stop() async {
    await server.withLock { $0 }?.close(graceful: .zero)
  }

  func respond(to request: HTTPRequest, on loop: EventLoop) async -> HTTPReply {
    requestTargets.withLock { $0.append("\(request.method) \(request.target)") }
    if let name = refuses.first(where: { request.target.contains("\($0)=") }) {
      let error: JSON = [
        "error": ["code": "invalid_request", "message": .string("Invalid request: unknown field '\(name)'.")]
      ]
      return .response(HTTPResponse(status: 400, body: error.bytes))
    }
    if request.path == "/sessions/s/ws/raw" || request.path == "/sessions/t/ws/raw" {
      let peer = AttachedPeer(loop: loop)
      attached.withLock { $0.append(peer) }
      let upgrade = WebSocketUpgrade(subprotocol: "roost.attach.v1") { socket in
        socket.handler = peer
        peer.assumeIsolated { $0.opened(socket) }
      }
      return .upgrade(upgrade)
    }
    if let answer = answers[request.path] { return .response(HTTPResponse(status: 200, body: answer.bytes)) }
    if request.path == "/sessions/s" {
      let record: JSON = ["name": "s", "id": "id-of-s", "state": .string(state), "exit_status": 3]
      return .response(HTTPResponse(status: 200, body: record.bytes))
    }
    let error: JSON = ["error": ["code": "session_not_found", "message": "Session not found: x."]]
    return .response(HTTPResponse(status: 404, body: error.bytes))
  }
}

/// The server's end of an attached terminal.
actor AttachedPeer: WebSocketHandler {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  private var socket: (any MessageSocket)?
  private(set) var typed: [UInt8] = []
  private(set) var messages: [JSON] = []
  private(set) var isClosed = false

  init(loop: EventLoop) {
    self.loop = loop
  }

  func opened(_ socket: any MessageSocket) {
    self.socket = socket
  }

  func show(_ text: String) {
    socket?.send(binary: Array(text.utf8))
  }

  func tell(_ message: JSON) {
    socket?.send(text: message.text)
  }

  /// The one right after the other, before anybody else has a turn.
  func tell(_ message: JSON, then next: JSON) {
    tell(message)
    tell(next)
  }

  /// The one right after the other.
  func tell(_ message: JSON, thenShow text: String) {
    tell(message)
    show(text)
  }

  func close(code: UInt16 = 1000, reason: String = "") {
    socket?.close(code: code, reason: reason)
  }

  var queuedBytes: Int { socket?.queuedBytes ?? 0 }

  nonisolated func webSocket(_ socket: any MessageSocket, text: [UInt8]) {
    assumeIsolated { $0.messages.append((try? JSON(parsing: text)) ?? .null) }
  }

  nonisolated func webSocket(_ socket: any MessageSocket, binary: [UInt8]) {
    assumeIsolated { $0.typed += binary }
  }

  nonisolated func webSocketDrained(_ socket: any MessageSocket) {}

  nonisolated func webSocketClosed(_ socket: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { $0.isClosed = true }
  }
}
