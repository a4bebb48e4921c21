import Formats
import Glibc
import Net
import Operations
import Sys
import TerminalEngine
import TestKit

@testable import Domains
@testable import Sessions
@testable import Surfaces

/// One session whose program is the test itself, and a server that opens one kind of socket to it.
final class SocketBench: Sendable {
  let session: Session
  /// The program's side of the terminal.
  let program: CInt
  private let loops: LoopGroup
  private let server: HTTPServer
  private let client: TestClient

  private struct Door: HTTPHandler {
    let session: Session
    let open: @Sendable (Session, any MessageSocket) -> Void

    func respond(to request: HTTPRequest, on loop: EventLoop) async -> HTTPReply {
      let (session, open) = (session, open)
      let wanted = request.headers[first: "sec-websocket-protocol"]
      return .upgrade(WebSocketUpgrade(subprotocol: wanted, loop: session.loop) { open(session, $0) })
    }
  }

  init(_ open: @escaping @Sendable (Session, any MessageSocket) -> Void) async throws {
    loops = try LoopGroup(count: 2)
    let (master, program) = try SocketBench.openTerminal()
    self.program = program
    let label = SessionLabel(
      name: try SessionName("dev"), tags: [try Sessions.Tag("build")], command: "test", startedAt: .now(), nonce: nil)
    session = Session(
      id: "1", label: label, size: TerminalEngine.TerminalSize(rows: 5, columns: 20), pid: getpid(), master: master,
      loop: loops.loops[1])
    try await session.start()
    server = HTTPServer(
      loops: loops, handler: Door(session: session, open: open),
      errorBody: { Responses.fault($0, RequestTrace($1)) })
    // A Unix socket holds a fifth of a megabyte; a TCP connection would swallow many before anybody feels that it is not read.
    let path = "/tmp/roost-bench-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    try await server.listen(unix: path)
    client = TestClient(.unix(path: path))
  }

  /// The name of the session as the sample catalogue knows it.
  static let call = Call(principal: .anonymous, access: .everything, peer: "test")

  /// A bench for the JSON socket of one session.
  static func json(access: Access = .everything) async throws -> SocketBench {
    try await SocketBench { session, webSocket in
      let call = Call(principal: .anonymous, access: access, peer: "test")
      let socket = SessionJSONSocket(session, webSocket, catalogue: Sample.catalogue, call: call)
      socket.assumeIsolated { $0.open() }
    }
  }

  /// A bench for the raw socket.
  static func raw(access: Access = .everything, isReadOnly: Bool = false) async throws -> SocketBench {
    try await SocketBench { session, webSocket in
      let call = Call(principal: .anonymous, access: access, peer: "test")
      let socket = SessionRawSocket(
        session, webSocket, call: call, accounts: Accounts(),
        isAttach: webSocket.subprotocol == SessionRawSocket.attachProtocol, isReadOnly: isReadOnly)
      socket.assumeIsolated { $0.open() }
    }
  }

  func connect(_ subprotocols: [String] = []) async throws -> TestWebSocket {
    try await client.webSocket("/", subprotocols: subprotocols)
  }

  func close() async {
    await server.close(graceful: .zero)
    await session.removed()
    Glibc.close(program)
    loops.stop()
  }

  /// Prints to the session, as its program would.
  func print(_ text: String) async throws {
    let (program, bytes) = (program, Array(text.utf8))
    // On a thread: the terminal may be full until somebody reads.
    try await onThread {
      var sent = 0
      while sent < bytes.count {
        let count = bytes.withUnsafeBytes { Glibc.write(program, $0.baseAddress! + sent, bytes.count - sent) }
        if count <= 0 { throw TestFailure("the terminal does not take what is printed") }
        sent += count
      }
    }
  }

  /// What was typed into the session, once it is as long as that.
  func typed(_ count: Int) async throws -> [UInt8] {
    let program = program
    return try await onThread {
      var bytes: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 4096)
      while bytes.count < count {
        let got = Glibc.read(program, &buffer, min(buffer.count, count - bytes.count))
        if got <= 0 { throw TestFailure("the terminal was closed after \(bytes.count) bytes") }
        bytes += buffer[..<got]
      }
      return bytes
    }
  }

  private static func openTerminal() throws -> (master: CInt, program: CInt) {
    let opened = try PseudoTerminal.open(size: WindowSize(rows: 5, columns: 20))
    let program = Glibc.open(opened.path, O_RDWR | O_NOCTTY | O_CLOEXEC)
    guard program >= 0 else { throw TestFailure("the terminal cannot be opened") }
    // Raw: what is typed arrives as it is, and nothing of it is echoed.
    let modes = UnsafeMutablePointer<termios>.allocate(capacity: 1)
    defer { modes.deallocate() }
    tcgetattr(program, modes)
    cfmakeraw(modes)
    tcsetattr(program, TCSANOW, modes)
    return (dup(opened.master.raw), program)
  }
}
