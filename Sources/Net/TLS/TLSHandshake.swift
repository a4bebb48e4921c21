/// The first moments of a TLS connection: owns the socket until the other end is known, and then hands it on, or is told why not.
final class TLSHandshake: SocketOwner, Abortable, ServedConnection, @unchecked Sendable {
  // Unchecked: touched on the loop only; `Socket` checks.

  let loop: EventLoop
  private let socket: Socket
  private var deadline: Deadline?
  private let session: TLSSession
  private var done: ((NetError?) -> Void)?

  init(_ socket: Socket, _ session: TLSSession) {
    self.socket = socket
    self.session = session
    loop = socket.loop
  }

  /// `done` is called once, on the loop and not before this returns: with nil and the socket not reading, or with the error that ended it.
  func start(within milliseconds: UInt64, _ done: @escaping (NetError?) -> Void) {
    self.done = done
    if socket.isClosed {
      loop.later { [self] in socketClosed(socket, error: nil) }
      return
    }
    socket.setOwner(self)
    deadline = Deadline(loop: loop) { [unowned self] in
      socket.close(NetError(.timedOut, "the TLS handshake was not over in time"))
    }
    deadline?.set(after: milliseconds)
    socket.secure(with: session)
    socket.startReading()
  }

  func abort(_ error: NetError) { socket.close(error) }
  func abort() { socket.close(nil) }
  func shutDown() { socket.close(nil) }
  func giveWay() { socket.close(nil) }

  func socketSecured(_ socket: Socket) {
    deadline?.close()
    socket.stopReading()
    take(&done)?(nil)
  }

  func socket(_ socket: Socket, received bytes: UnsafeRawBufferPointer) {}

  func socketEnded(_ socket: Socket) {
    socket.close(NetError(.closed, "the peer ended the connection during the TLS handshake"))
  }

  func socketDrained(_ socket: Socket) {}

  func socketClosed(_ socket: Socket, error: NetError?) {
    deadline?.close()
    take(&done)?(error ?? NetError(.closed, "the connection was closed"))
  }
}
