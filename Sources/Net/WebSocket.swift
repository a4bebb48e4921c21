/// What a WebSocket tells its user. All calls come on the socket's loop, never from inside a call to the socket, so a
/// handler may send, pause or close while it holds its own state.
/// Handlers are usually actors bound to that loop, which use `assumeIsolated`.
package protocol WebSocketHandler: AnyObject, Sendable {
  func webSocket(_ ws: any MessageSocket, text: [UInt8])
  func webSocket(_ ws: any MessageSocket, binary: [UInt8])
  /// `queuedBytes` fell to 0 after having been above.
  func webSocketDrained(_ ws: any MessageSocket)
  /// The last call, exactly once. `code` is the peer's, or that of the fault it was closed for; 1005: the peer gave none;
  /// 1006: the connection ended without a close frame.
  func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String)
  /// The way to the other side is lost or silent for now, for this reason: what is sent waits for it. `nil`: it goes on. Told only by sockets
  /// that outlive their connection.
  func webSocket(_ ws: any MessageSocket, waits reason: String?)
}

extension WebSocketHandler {
  package func webSocket(_ ws: any MessageSocket, waits reason: String?) {}
}

/// A stream of messages both ways with the manners of a WebSocket: one of the network, or one that goes through a link to another server.
/// Bound to its loop: every call comes from there.
package protocol MessageSocket: AnyObject, Sendable {
  var loop: EventLoop { get }
  var peer: PeerAddress { get }
  /// The subprotocol both sides agreed on.
  var subprotocol: String? { get }
  /// Kept until the socket is closed.
  var handler: (any WebSocketHandler)? { get set }

  /// One message of text. The bytes must be UTF-8.
  func send(text: [UInt8])
  func send(text: String)
  /// Messages of text that are encoded once for many sockets. Only for the side that serves.
  func send(_ texts: WebSocketTexts)
  func send(binary: UnsafeRawBufferPointer)
  func send(binary: [UInt8])

  /// Bytes accepted and not yet on their way. A user with much to say stops when this grows, and goes on at `webSocketDrained`.
  var queuedBytes: Int { get }
  /// Can messages still be sent? False from the moment either side closes.
  var isOpen: Bool { get }

  /// Inbound backpressure: no message is delivered until `resumeReading()`, and the peer has to wait.
  func pauseReading()
  func resumeReading()

  /// Closes after what is queued. Messages that still arrive are dropped.
  func close(code: UInt16, reason: String)
}

/// How to turn a connection into a WebSocket.
package struct WebSocketUpgrade: Sendable {
  /// The subprotocol chosen among those the client offered, if any.
  package var subprotocol: String?
  /// More fields for the `101` response.
  package var headers: HTTPHeaders
  /// Moves the connection to this loop; nil keeps it where it is.
  package var loop: EventLoop?
  /// A larger message closes with 1009.
  package var maxMessageBytes = 1 << 20
  /// Asked on the socket's loop before more of a message that is not whole is kept, in steps of ``WebSocket/holdingStep``; with 0 when that is
  /// over. Where it says no the socket closes with 1013.
  package var holdsMessage: (@Sendable (_ bytes: Int) -> Bool)?
  /// A ping is sent after so long a silence of the peer. Proxies drop idle connections after 60 s.
  package var pingInterval: Duration = .seconds(30)
  /// A peer that stays silent so long after the ping, and takes no output either, is dropped.
  package var pongTimeout: Duration = .seconds(30)
  /// Called on the socket's loop before any message is delivered; sets `handler`.
  package var opened: @Sendable (any MessageSocket) -> Void

  package init(
    subprotocol: String? = nil, headers: HTTPHeaders = .init(), loop: EventLoop? = nil,
    maxMessageBytes: Int = 1 << 20, opened: @escaping @Sendable (any MessageSocket) -> Void
  ) {
    self.subprotocol = subprotocol
    self.headers = headers
    self.loop = loop
    self.maxMessageBytes = maxMessageBytes
    self.opened = opened
  }
}

/// One WebSocket (RFC 6455), server's or client's. Bound to its loop: every call is checked to come from there.
package final class WebSocket: @unchecked Sendable {
  // Unchecked: all state is touched on the loop only, which every entry checks.

  /// A peer that lets more than this pile up is dropped: the sender should have stopped long before. One message must
  /// stay below it too.
  package static let maxQueuedBytes = 16 * 1024 * 1024
  /// How long `close` waits for the peer's answer.
  private static let closeMilliseconds: UInt64 = 2000
  /// How often it is looked whether a peer that is not read is still there.
  private static let lookMilliseconds: UInt64 = 1000
  /// One look in so many is also a ping.
  private static let looksPerPing = 8
  /// For so long a peer that has left is waited for, where neither what it sent is wanted nor anything that it was sent is taken.
  private static let leavingMilliseconds: UInt64 = 2000
  /// Pongs are not added to a queue that is longer than this (RFC 6455 §5.5.3 lets only the latest ping be answered).
  private static let maxQueuedForPong = 64 * 1024

  package let loop: EventLoop
  package let peer: PeerAddress
  /// The subprotocol both sides agreed on.
  package let subprotocol: String?
  /// Kept until the socket is closed. On the loop only.
  package var handler: (any WebSocketHandler)? {
    didSet { loop.preconditionCurrent() }
  }

  private enum State {
    case open
    /// Our close frame is out, the peer's is awaited.
    case closing
    /// Both are out, or the socket is broken.
    case ended
  }

  private let socket: Socket
  private let role: WebSocketDecoder.Role
  private var decoder: WebSocketDecoder
  private var state = State.open
  private var isPaused = false
  /// It has had the loop for a while, and goes on when it has a turn.
  private var isWaiting = false
  private var isConsuming = false
  private var unread: [UInt8] = []
  private var hasReported = false
  /// As ``WebSocketUpgrade/holdsMessage``, and what it was told last.
  var holdsMessage: ((Int) -> Bool)?
  private var held = 0
  private var ending: (code: UInt16, reason: String)?
  private var gone: (() -> Void)?

  private let pingMilliseconds: UInt64
  private let pongMilliseconds: UInt64
  private var silence: Deadline?
  private var closing: Deadline?
  /// Set while a server does not read: the end of its peer comes behind what it sent, and would not be seen.
  private var look: Deadline?
  private var looks = 0
  /// What the peer had taken when it was seen that it has left.
  private var takenAtLeaving: UInt64?
  private var awaitsPong = false
  /// The latest ping; of several that follow each other only that is answered (RFC 6455 §5.5.3).
  private var unansweredPing: [UInt8]?
  private var takenAtPing: UInt64 = 0
  private var random = PooledRandom()

  /// Zero intervals mean no pings.
  init(
    socket: Socket, role: WebSocketDecoder.Role, subprotocol: String?, maxMessageBytes: Int,
    pingInterval: Duration = .zero, pongTimeout: Duration = .zero
  ) {
    self.socket = socket
    self.role = role
    self.subprotocol = subprotocol
    loop = socket.loop
    peer = socket.peer
    decoder = WebSocketDecoder(role: role, maxMessageBytes: maxMessageBytes)
    pingMilliseconds = pingInterval.wholeMilliseconds
    pongMilliseconds = max(1, pongTimeout.wholeMilliseconds)
  }

  /// Has `gone` called when the connection is over, for whoever keeps count of them.
  func whenGone(_ gone: @escaping () -> Void) { self.gone = gone }

  /// Begins to deliver, first the bytes that came along with the handshake.
  func start(unread bytes: [UInt8]) {
    loop.preconditionCurrent()
    socket.setOwner(self)
    if pingMilliseconds > 0 {
      silence = Deadline(loop: loop) { [unowned self] in silencePassed() }
      silence?.set(after: pingMilliseconds)
    }
    unread = bytes
    resumeDelivery()
  }

  // MARK: Sending

  /// One text frame. The bytes must be UTF-8.
  package func send(text: [UInt8]) {
    text.withUnsafeBytes { send(.text, $0) }
  }

  package func send(text: String) {
    var text = text
    text.withUTF8 { send(.text, UnsafeRawBufferPointer($0)) }
  }

  /// Messages that are frames already. Only servers: what a client sends is masked for each socket (RFC 6455 §5.3).
  package func send(_ texts: WebSocketTexts) {
    loop.preconditionCurrent()
    precondition(role == .server, "a client's frames are masked")
    guard state == .open, !texts.isEmpty else { return }
    texts.frames.withUnsafeBytes { socket.write($0, UnsafeRawBufferPointer(start: nil, count: 0)) }
    dropIfUnread()
  }

  /// One binary frame. What the kernel takes at once is not copied.
  package func send(binary: UnsafeRawBufferPointer) {
    send(.binary, binary)
  }

  package func send(binary: [UInt8]) {
    binary.withUnsafeBytes { send(.binary, $0) }
  }

  /// Bytes accepted, not yet taken by the kernel. A user with much to say stops when this grows, and goes on at
  /// `webSocketDrained`.
  package var queuedBytes: Int {
    loop.preconditionCurrent()
    return socket.queuedBytes
  }

  /// Can messages still be sent? False from the moment either side closes.
  package var isOpen: Bool {
    loop.preconditionCurrent()
    return state == .open
  }

  private func send(_ opcode: WebSocketOpcode, _ payload: UnsafeRawBufferPointer) {
    loop.preconditionCurrent()
    guard state == .open else { return }
    write(opcode, payload)
    dropIfUnread()
  }

  private func dropIfUnread() {
    if socket.queuedBytes > WebSocket.maxQueuedBytes {
      ending = ending ?? (WebSocketCloseCode.tryAgainLater, "the peer does not read")
      state = .ended
      socket.close(NetError(.tooLarge, "the peer does not read"))
    }
  }

  private func write(_ opcode: WebSocketOpcode, _ payload: UnsafeRawBufferPointer) {
    withUnsafeTemporaryAllocation(byteCount: WebSocketEncoder.maxHeaderBytes, alignment: 8) { header in
      switch role {
      case .server:
        let count = WebSocketEncoder.header(opcode, count: payload.count, into: header)
        socket.write(UnsafeRawBufferPointer(rebasing: header[..<count]), payload)
      case .client:
        let mask = UInt32.random(in: .min ... .max, using: &random)
        let count = WebSocketEncoder.header(opcode, count: payload.count, mask: mask, into: header)
        var masked: [UInt8] = []
        WebSocketMask.append(payload, mask: mask, to: &masked)
        masked.withUnsafeBytes { socket.write(UnsafeRawBufferPointer(rebasing: header[..<count]), $0) }
      }
    }
  }

  /// Has the kernel hold no more than about so many bytes that it cannot send yet, where it can be told.
  package func limitUnsent(to bytes: Int) {
    loop.preconditionCurrent()
    socket.limitUnsent(to: CInt(clamping: bytes))
  }

  // MARK: Flow

  /// Inbound backpressure: no message is delivered until `resumeReading()`, and the kernel makes the peer wait. Pongs
  /// are not seen meanwhile, so none is missed. A server lets go of a peer that leaves meanwhile, a moment later.
  package func pauseReading() {
    loop.preconditionCurrent()
    guard state == .open, !isPaused else { return }
    isPaused = true
    socket.stopReading()
    guard role == .server else { return }
    if look == nil { look = Deadline(loop: loop) { [unowned self] in lookForPeer() } }
    takenAtLeaving = nil
    looks = 0
    look?.set(after: WebSocket.lookMilliseconds)
  }

  /// Whoever is gone reads nothing more; one that has only ended its sending may.
  private func lookForPeer() {
    guard isPaused, state == .open else { return }
    guard socket.peerHasLeft else {
      // The end of a peer whose kernel could not send all that it was given does not come. That it is gone is what that kernel answers.
      if looks % WebSocket.looksPerPing == 0, socket.queuedBytes == 0 {
        write(.ping, UnsafeRawBufferPointer(start: nil, count: 0))
      }
      looks += 1
      look?.set(after: WebSocket.lookMilliseconds)
      return
    }
    let taken = socket.takenBytes
    guard taken != takenAtLeaving else { return socket.close(NetError(.closed, "the peer has gone")) }
    takenAtLeaving = taken
    look?.set(after: WebSocket.leavingMilliseconds)
  }

  package func resumeReading() {
    loop.preconditionCurrent()
    guard isPaused else { return }
    isPaused = false
    look?.clear()
    if pingMilliseconds > 0 {
      awaitsPong = false
      silence?.set(after: pingMilliseconds)
    }
    // Not from inside the handler's own call.
    loop.later { [self] in resumeDelivery() }
  }

  private func resumeDelivery() {
    guard !isPaused, !isWaiting, state != .ended, !isConsuming else { return }
    if !unread.isEmpty {
      let bytes = unread
      unread = []
      bytes.withUnsafeBytes { consume($0) }
    }
    if !isPaused, !isWaiting, state != .ended { socket.startReading() }
  }

  private func waitForTurn() {
    isWaiting = true
    socket.stopReading()
    loop.turns.wait(.known) { [self] in
      isWaiting = false
      resumeDelivery()
    }
  }

  private func consume(_ bytes: UnsafeRawBufferPointer) {
    var input = bytes
    isConsuming = true
    defer {
      isConsuming = false
      answerPing()
      countUnfinished()
    }
    do throws(WebSocketFault) {
      while state != .ended {
        if isPaused {
          if !input.isEmpty { unread.append(contentsOf: input) }
          return
        }
        guard let event = try decoder.next(&input) else { break }
        handle(event)
        if !input.isEmpty, !isPaused, state != .ended, loop.isRoundLong {
          unread.append(contentsOf: input)
          waitForTurn()
          break
        }
      }
    } catch {
      fail(error)
    }
  }

  /// Whoever has a thousand sockets and finishes no message would have a gigabyte here; what is less than this on each is not counted.
  package static let holdingStep = 16 << 10

  private func countUnfinished() {
    guard let holdsMessage, state != .ended else { return }
    let steps = decoder.unfinishedBytes / WebSocket.holdingStep * WebSocket.holdingStep
    guard steps != held else { return }
    held = steps
    if !holdsMessage(steps) {
      fail(.init(WebSocketCloseCode.tryAgainLater, "too much is unfinished; send whole messages, or less at once"))
    }
  }

  private func handle(_ event: WebSocketEvent) {
    if case .ping(let payload) = event {
      unansweredPing = payload
      return
    }
    answerPing()
    switch event {
    case .text(let bytes):
      if state == .open { handler?.webSocket(self, text: bytes) }
    case .binary(let bytes):
      if state == .open { handler?.webSocket(self, binary: bytes) }
    case .ping, .pong:
      break
    case .close(let code, let reason):
      if state == .open {
        let echo = code == WebSocketCloseCode.noStatus ? [] : WebSocketEncoder.closePayload(code: code, reason: "")
        echo.withUnsafeBytes { write(.close, $0) }
      }
      end(code, reason)
      // Who leaves wants no more of it, and might not read on purpose.
      if socket.queuedBytes > WebSocket.maxQueuedForPong { socket.close(nil) }
    }
  }

  private func answerPing() {
    guard let payload = take(&unansweredPing), state == .open, socket.queuedBytes <= WebSocket.maxQueuedForPong else {
      return
    }
    payload.withUnsafeBytes { write(.pong, $0) }
  }

  // MARK: Ending

  /// Closes after queued output, with a close frame; force-closes when the peer has not answered within 2 s.
  /// Messages that still arrive are dropped. Codes that may not be sent (RFC 6455 §7.4) leave the frame empty.
  package func close(code: UInt16, reason: String) {
    loop.preconditionCurrent()
    guard state == .open else { return }
    state = .closing
    WebSocketEncoder.closePayload(code: code, reason: reason).withUnsafeBytes { write(.close, $0) }
    closing = Deadline(loop: loop) { [unowned self] in socket.close(nil) }
    closing?.set(after: WebSocket.closeMilliseconds)
    isPaused = false
    loop.later { [self] in resumeDelivery() }
  }

  private func fail(_ fault: WebSocketFault) {
    if state == .open {
      WebSocketEncoder.closePayload(code: fault.code, reason: fault.reason).withUnsafeBytes { write(.close, $0) }
    }
    end(fault.code, fault.reason)
  }

  /// Nothing more to say: the connection goes down, the handler hears of it now.
  private func end(_ code: UInt16, _ reason: String) {
    state = .ended
    if held > 0 { _ = holdsMessage?(0) }
    holdsMessage = nil
    // The peer may be in no hurry to leave.
    decoder.discard()
    unread = []
    if ending == nil { ending = (code, reason) }
    silence?.close()
    closing?.close()
    look?.close()
    socket.finish()
    loop.later { [self] in report() }
  }

  private func report() {
    guard !hasReported else { return }
    hasReported = true
    let (code, reason) = ending ?? (WebSocketCloseCode.abnormal, "")
    take(&handler)?.webSocketClosed(self, code: code, reason: reason)
  }

  private func silencePassed() {
    guard state == .open else { return }
    if isPaused {
      silence?.set(after: pingMilliseconds)
    } else if !awaitsPong || takenAtPing != socket.takenBytes {
      if !awaitsPong { write(.ping, UnsafeRawBufferPointer(start: nil, count: 0)) }
      awaitsPong = true
      takenAtPing = socket.takenBytes
      silence?.set(after: pongMilliseconds)
    } else {
      ending = (WebSocketCloseCode.abnormal, "no answer to a ping")
      socket.close(NetError(.timedOut, "no answer to a ping"))
    }
  }
}

extension WebSocket: MessageSocket {}

extension WebSocket: SocketOwner {
  func socket(_ socket: Socket, received bytes: UnsafeRawBufferPointer) {
    if pingMilliseconds > 0 {
      awaitsPong = false
      silence?.set(after: pingMilliseconds)
    }
    if isPaused || isWaiting || !unread.isEmpty {
      unread.append(contentsOf: bytes)
    } else {
      consume(bytes)
    }
  }

  func socketEnded(_ socket: Socket) {
    state = .ended
    socket.close(nil)
  }

  func socketDrained(_ socket: Socket) {
    if state == .open { handler?.webSocketDrained(self) }
  }

  func socketClosed(_ socket: Socket, error: NetError?) {
    state = .ended
    silence?.close()
    closing?.close()
    look?.close()
    unread = []
    if ending == nil { ending = (WebSocketCloseCode.abnormal, error?.message ?? "") }
    report()
    take(&gone)?()
  }
}

extension WebSocket: ServedConnection {
  func shutDown() {
    close(code: WebSocketCloseCode.goingAway, reason: "the server is going away")
  }

  /// Whoever has opened a WebSocket is known, and stays.
  func giveWay() {}

  func abort() {
    socket.close(nil)
  }
}
