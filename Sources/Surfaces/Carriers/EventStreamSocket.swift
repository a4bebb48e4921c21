import Net
import Operations

/// A stream as server-sent events (HTML §9.2): what is said over it becomes events, and nothing comes back.
///
/// Bound to the loop of its client's connection.
final class EventStreamSocket: MessageSocket, @unchecked Sendable {
  // Unchecked: what changes is touched on the loop only.

  /// A comment so often keeps proxies from closing a silent stream, and shows a server that the client is gone.
  static let keepalive = Duration.seconds(15)
  /// Whoever lets more pile up should have stopped long before.
  private static let maximumQueued = 16 << 20

  let loop: EventLoop
  let peer: PeerAddress
  let subprotocol: String? = nil
  private let writer: HTTPBodyWriter
  private let event: @Sendable ([UInt8]) -> [UInt8]?
  private let own: Stream.OwnEvent?
  private var ownHandler: (any WebSocketHandler)?
  private var isEnding = false
  private var hasEnded = false
  private var timer: LoopTimer?
  private var waiter: CheckedContinuation<Void, Never>?

  /// - Parameters:
  ///   - event: a message as an event; `nil` for one that ends the stream.
  ///   - own: a shorter way, where the messages are this server's own.
  init(
    _ writer: HTTPBodyWriter, peer: PeerAddress, event: @escaping @Sendable ([UInt8]) -> [UInt8]?, own: Stream.OwnEvent?
  ) {
    loop = writer.loop
    self.writer = writer
    self.peer = peer
    self.event = event
    self.own = own
  }

  /// Carries a stream until it or its client ends.
  /// - Parameters:
  ///   - start: Begins the stream, on the loop.
  ///   - isAllowed: Asked at every keepalive whether whoever opened the stream may still read it.
  func carry(
    _ start: @escaping @Sendable (EventStreamSocket) -> Void, while isAllowed: @escaping @Sendable () async -> Bool
  ) async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        loop.execute { [self] in
          waiter = continuation
          begin(start, isAllowed)
        }
      }
    } onCancel: {
      loop.execute { self.ended(WebSocketCloseCode.abnormal, "") }
    }
  }

  private func begin(
    _ start: (EventStreamSocket) -> Void, _ isAllowed: @escaping @Sendable () async -> Bool
  ) {
    if hasEnded { return leave() }
    writer.onDrained = { [weak self] in self?.drained() }
    timer = loop.schedule(after: EventStreamSocket.keepalive, every: EventStreamSocket.keepalive) { [weak self] in
      guard let self else { return }
      Task { [loop] in
        let isAllowed = await isAllowed()
        loop.execute { self.keepAlive(isAllowed) }
      }
    }
    start(self)
  }

  private func leave() {
    timer?.cancel()
    timer = nil
    writer.onDrained = {}
    waiter?.resume()
    waiter = nil
  }

  private func keepAlive(_ isAllowed: Bool) {
    guard isOpen else { return }
    guard isAllowed else { return close(code: WebSocketCloseCode.policyViolation, reason: "") }
    // Who has not read what there is need not be told that there may be more.
    if queuedBytes == 0 { put(ServerSentEvent.comment("keepalive")) }
  }

  private func drained() {
    if isOpen { ownHandler?.webSocketDrained(self) }
  }

  private func put(_ bytes: [UInt8]) {
    do throws(NetError) {
      try writer.put(bytes)
    } catch {
      // Not from inside the user's own call.
      loop.execute { self.ended(WebSocketCloseCode.abnormal, "") }
    }
  }

  private func ended(_ code: UInt16, _ reason: String) {
    if hasEnded { return }
    hasEnded = true
    let handler = ownHandler
    ownHandler = nil
    handler?.webSocketClosed(self, code: code, reason: reason)
    leave()
  }

  // MARK: MessageSocket

  var handler: (any WebSocketHandler)? {
    get {
      loop.preconditionCurrent()
      return ownHandler
    }
    set {
      loop.preconditionCurrent()
      if !hasEnded { ownHandler = newValue }
    }
  }

  func send(text: [UInt8]) {
    guard isOpen else { return }
    guard let event = event(text) else { return close(code: WebSocketCloseCode.unsupportedData, reason: "no event") }
    put(event)
    if queuedBytes > EventStreamSocket.maximumQueued {
      close(code: WebSocketCloseCode.tryAgainLater, reason: "the client does not read")
    }
  }

  func send(text: String) { send(text: Array(text.utf8)) }

  func send(_ texts: WebSocketTexts) {
    guard isOpen else { return }
    var piece: [UInt8] = []
    piece.reserveCapacity(texts.count * 3 / 2)
    texts.forEach { text in
      if let own, own(text, &piece) { return }
      if let event = event(Array(text)) { piece += event }
    }
    if !piece.isEmpty { put(piece) }
  }

  // Bytes are no text, and an event is text.
  func send(binary: UnsafeRawBufferPointer) { close(code: WebSocketCloseCode.unsupportedData, reason: "no event") }
  func send(binary: [UInt8]) { close(code: WebSocketCloseCode.unsupportedData, reason: "no event") }

  var queuedBytes: Int { hasEnded ? 0 : writer.queuedBytes }

  var isOpen: Bool {
    loop.preconditionCurrent()
    return !isEnding && !hasEnded
  }

  // Nothing comes from the client.
  func pauseReading() {}
  func resumeReading() {}

  func close(code: UInt16, reason: String) {
    guard isOpen else { return }
    isEnding = true
    loop.execute { self.ended(code, reason) }
  }
}
