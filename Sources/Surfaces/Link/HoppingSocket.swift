package import Net
import Synchronization

/// A message socket that lives on one loop for its user and on another underneath: a session's socket whose stream belongs to a link.
///
/// Messages cross in batches, in their order, with one wake-up a batch whatever it holds; nothing is sent across only to say that something
/// has arrived. What waits underneath counts as queued here, so a user that stops when its queue grows stops for either reason; a user that
/// does not read stops the stream.
package final class HoppingSocket: MessageSocket, @unchecked Sendable {
  // Unchecked: what is below `shared` is touched on the user's loop only, which every entry checks; the rest is constant or behind the mutex.

  /// Bytes that may be under way, between the loops and in the stream, without counting as queued: a turn's worth of output, so that a flood is
  /// not slowed by the way across, and an echo wakes nobody a second time only to say that it is gone.
  static let window = 64 << 10
  /// Bytes that may wait for the user before the stream is paused.
  static let maximumWaiting = 64 << 10
  /// Counted for each message beside its bytes: empty ones are not free.
  private static let messageCost = 32
  /// As with a socket of the network: whoever lets more pile up should have stopped long before.
  private static let maximumQueued = 16 << 20

  private enum Message: Sendable {
    case text([UInt8])
    case texts(WebSocketTexts)
    case binary([UInt8])
    case end(code: UInt16, reason: String)

    var cost: Int {
      switch self {
      case .text(let bytes), .binary(let bytes): bytes.count + HoppingSocket.messageCost
      case .texts(let texts): texts.count + HoppingSocket.messageCost
      case .end: HoppingSocket.messageCost
      }
    }
  }

  private struct Shared {
    /// From the user to the stream.
    var outgoing: [Message] = []
    var outgoingBytes = 0
    var flushes = false
    /// What the stream had queued when it was last looked at.
    var backlog = 0
    /// The user has been told, or could have seen, that something is queued.
    var owesDrained = false
    /// From the stream to the user.
    var incoming: [Message] = []
    var incomingBytes = 0
    var delivers = false
    var isStreamPaused = false

    var queued: Int { max(0, backlog + outgoingBytes - HoppingSocket.window) }
  }

  private let stream: any MessageSocket
  package let loop: EventLoop
  package let peer: PeerAddress
  package let subprotocol: String?
  private let maximumMessage: Int
  private let shared = Mutex(Shared())

  // ---- only on the user's loop ----
  private var ownHandler: (any WebSocketHandler)?
  private var isPaused = false
  private var isDelivering = false
  private var isClosing = false
  private var hasEnded = false
  /// Taken from the stream's side and not delivered yet, because the user paused.
  private var held: [Message] = []
  private var nextHeld = 0

  /// Takes a stream over; on the stream's loop. The stream must be paused: it is read from the moment the user's side has a handler and
  /// ``begin()`` is called. A larger message than `maximumMessage` bytes closes it with 1009.
  package init(_ stream: any MessageSocket, on loop: EventLoop, subprotocol: String?, maximumMessage: Int = 1 << 20) {
    self.maximumMessage = maximumMessage
    self.stream = stream
    self.loop = loop
    self.subprotocol = subprotocol
    peer = stream.peer
    stream.handler = Underside(self)
  }

  /// Has the stream read; on its loop.
  package func begin() { stream.resumeReading() }

  // MARK: On the user's loop

  package var handler: (any WebSocketHandler)? {
    get {
      loop.preconditionCurrent()
      return ownHandler
    }
    set {
      loop.preconditionCurrent()
      if !hasEnded { ownHandler = newValue }
    }
  }

  package func send(text: [UInt8]) { give(.text(text)) }
  package func send(text: String) { give(.text(Array(text.utf8))) }
  package func send(_ texts: WebSocketTexts) { if !texts.isEmpty { give(.texts(texts)) } }
  package func send(binary: UnsafeRawBufferPointer) { give(.binary(Array(binary))) }
  package func send(binary: [UInt8]) { give(.binary(binary)) }

  package var queuedBytes: Int {
    loop.preconditionCurrent()
    return shared.withLock { shared in
      let queued = shared.queued
      if queued > 0 { shared.owesDrained = true }
      return queued
    }
  }

  package var isOpen: Bool {
    loop.preconditionCurrent()
    return !isClosing && !hasEnded
  }

  package func close(code: UInt16, reason: String) {
    loop.preconditionCurrent()
    guard isOpen else { return }
    isClosing = true
    pass(.end(code: code, reason: reason))
    // The stream's end has still to be heard of.
    resumeReading()
  }

  private func give(_ message: Message) {
    loop.preconditionCurrent()
    guard isOpen else { return }
    if pass(message) > HoppingSocket.maximumQueued {
      close(code: WebSocketCloseCode.tryAgainLater, reason: "the peer does not read")
    }
  }

  /// Returns the bytes that are queued with it.
  @discardableResult
  private func pass(_ message: Message) -> Int {
    let (mustFlush, queued) = shared.withLock { shared in
      shared.outgoing.append(message)
      shared.outgoingBytes += message.cost
      if shared.queued > 0 { shared.owesDrained = true }
      let mustFlush = !shared.flushes
      shared.flushes = true
      return (mustFlush, shared.queued)
    }
    if mustFlush { stream.loop.execute { [self] in flush() } }
    return queued
  }

  package func pauseReading() {
    loop.preconditionCurrent()
    guard isOpen else { return }
    isPaused = true
  }

  package func resumeReading() {
    loop.preconditionCurrent()
    guard isPaused else { return }
    isPaused = false
    // Not from inside the handler's own call.
    loop.execute { [self] in deliver() }
  }

  /// Hands over what has come, as far as the user takes it.
  private func deliver() {
    if isDelivering || hasEnded { return }
    isDelivering = true
    defer { isDelivering = false }
    while !hasEnded {
      while nextHeld < held.count {
        if isPaused { return }
        let message = held[nextHeld]
        nextHeld += 1
        handOver(message)
        if hasEnded { return }
      }
      held.removeAll(keepingCapacity: true)
      nextHeld = 0
      if isPaused { return }
      let mustResume = shared.withLock { shared in
        swap(&held, &shared.incoming)
        shared.incomingBytes = 0
        shared.delivers = !held.isEmpty
        defer { shared.isStreamPaused = false }
        return shared.isStreamPaused
      }
      if mustResume { stream.loop.execute { [stream] in stream.resumeReading() } }
      if held.isEmpty { return }
    }
  }

  private func handOver(_ message: Message) {
    switch message {
    case .text(let bytes): if isOpen { ownHandler?.webSocket(self, text: bytes) }
    case .binary(let bytes): if isOpen { ownHandler?.webSocket(self, binary: bytes) }
    // A stream delivers no such.
    case .texts: break
    case .end(let code, let reason): ended(code, reason)
    }
  }

  private func ended(_ code: UInt16, _ reason: String) {
    if hasEnded { return }
    hasEnded = true
    held = []
    let handler = ownHandler
    ownHandler = nil
    handler?.webSocketClosed(self, code: code, reason: reason)
  }

  private func drained() {
    guard isOpen, queuedBytes == 0 else { return }
    ownHandler?.webSocketDrained(self)
  }

  // MARK: On the stream's loop

  private func flush() {
    let batch = shared.withLock { shared in
      shared.flushes = false
      let batch = shared.outgoing
      shared.outgoing = []
      shared.outgoingBytes = 0
      return batch
    }
    for message in batch {
      switch message {
      case .text(let bytes): stream.send(text: bytes)
      case .texts(let texts): stream.send(texts)
      case .binary(let bytes): stream.send(binary: bytes)
      case .end(let code, let reason): stream.close(code: code, reason: reason)
      }
    }
    noteBacklog()
  }

  fileprivate func noteBacklog() {
    let backlog = stream.queuedBytes
    let isDrained = shared.withLock { shared in
      shared.backlog = backlog
      if shared.queued > 0 {
        shared.owesDrained = true
        return false
      }
      defer { shared.owesDrained = false }
      return shared.owesDrained
    }
    if isDrained { loop.execute { [self] in drained() } }
  }

  fileprivate func received(_ bytes: [UInt8], isText: Bool) {
    guard bytes.count <= maximumMessage else {
      return stream.close(code: WebSocketCloseCode.tooBig, reason: "a message of more than \(maximumMessage) bytes")
    }
    let message = isText ? Message.text(bytes) : .binary(bytes)
    let (mustDeliver, mustPause) = shared.withLock { shared in
      shared.incoming.append(message)
      shared.incomingBytes += message.cost
      let mustDeliver = !shared.delivers
      shared.delivers = true
      let mustPause = shared.incomingBytes > HoppingSocket.maximumWaiting && !shared.isStreamPaused
      if mustPause { shared.isStreamPaused = true }
      return (mustDeliver, mustPause)
    }
    if mustPause { stream.pauseReading() }
    if mustDeliver { loop.execute { [self] in deliver() } }
  }

  fileprivate func streamEnded(_ code: UInt16, _ reason: String) {
    // A peer that has said good-bye said it after its messages. Where the way was lost nobody waits for a user that does not read.
    if code == WebSocketCloseCode.abnormal || code == WebSocketCloseCode.serviceRestart {
      loop.execute { [self] in ended(code, reason) }
      return
    }
    let mustDeliver = shared.withLock { shared in
      shared.incoming.append(.end(code: code, reason: reason))
      defer { shared.delivers = true }
      return !shared.delivers
    }
    if mustDeliver { loop.execute { [self] in deliver() } }
  }
}

/// Hears for a ``HoppingSocket`` what its stream says.
private final class Underside: WebSocketHandler {
  private let socket: HoppingSocket

  init(_ socket: HoppingSocket) { self.socket = socket }

  func webSocket(_ ws: any MessageSocket, text: [UInt8]) { socket.received(text, isText: true) }
  func webSocket(_ ws: any MessageSocket, binary: [UInt8]) { socket.received(binary, isText: false) }
  func webSocketDrained(_ ws: any MessageSocket) { socket.noteBacklog() }
  func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) { socket.streamEnded(code, reason) }
}
