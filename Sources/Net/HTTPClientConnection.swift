/// The client's end of one HTTP connection: one request at a time.
final class HTTPClientConnection: SocketOwner, Abortable, @unchecked Sendable {
  // Unchecked: touched on the loop only; `Socket` checks.

  /// What kind of answer a request has.
  enum Expectation { case plain, head, upgrade }

  private let socket: Socket
  private var decoder: HTTPResponseDecoder
  private var done: ((Result<HTTPResponse, NetError>) -> Void)?
  private var keepsAlive = true
  private var expects = Expectation.plain
  private(set) var isOpen = true
  /// Has any byte of the answer to the current request come?
  private(set) var hasAnswer = false
  /// What came after a 101.
  private(set) var rest: [UInt8] = []

  init(socket: Socket, limits: HTTPLimits) {
    self.socket = socket
    decoder = HTTPResponseDecoder(limits: limits)
    socket.setOwner(self)
    socket.startReading()
  }

  /// Sends a request, whole as it goes on the wire. `done` is called once; before this returns only when the connection
  /// is closed.
  func exchange(
    _ head: [UInt8], _ body: [UInt8], _ expects: Expectation,
    _ done: @escaping (Result<HTTPResponse, NetError>) -> Void
  ) {
    guard isOpen else {
      done(.failure(NetError(.closed, "the connection was closed")))
      return
    }
    self.done = done
    hasAnswer = false
    self.expects = expects
    decoder.isAnswerToHead = expects == .head
    head.withUnsafeBytes { head in
      body.withUnsafeBytes { socket.write(head, $0) }
    }
  }

  func abort(_ error: NetError) {
    isOpen = false
    finish(.failure(error))
    socket.close(nil)
  }

  /// The socket, for the WebSocket that takes it over after a 101.
  func takeSocket() -> Socket {
    isOpen = false
    socket.stopReading()
    return socket
  }

  private func finish(_ result: Result<HTTPResponse, NetError>) {
    take(&done)?(result)
  }

  func socket(_ socket: Socket, received bytes: UnsafeRawBufferPointer) {
    guard done != nil else {
      // A server that speaks unasked has nothing to say that we could use.
      abort(NetError(.protocolViolation, "bytes outside of a response"))
      return
    }
    hasAnswer = true
    var input = bytes
    do throws(HTTPFault) {
      guard let parsed = try decoder.next(&input) else { return }
      if parsed.response.status == 101 {
        guard expects == .upgrade else {
          abort(NetError(.protocolViolation, "an upgrade nobody asked for"))
          return
        }
        rest = Array(input)
        socket.stopReading()
      } else if !parsed.keepsAlive || !input.isEmpty {
        isOpen = false
        socket.close(nil)
      }
      finish(.success(parsed.response))
    } catch {
      abort(NetError(error == .contentTooLarge ? .tooLarge : .protocolViolation, "response: \(error.message)"))
    }
  }

  func socketEnded(_ socket: Socket) {
    isOpen = false
    if let parsed = decoder.end() {
      finish(.success(parsed.response))
    } else {
      finish(.failure(NetError(.closed, "the server closed the connection")))
    }
    socket.close(nil)
  }

  func socketDrained(_ socket: Socket) {}

  func socketClosed(_ socket: Socket, error: NetError?) {
    isOpen = false
    finish(.failure(error ?? NetError(.closed, "the connection was closed")))
  }
}
