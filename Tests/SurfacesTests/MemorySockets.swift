import Net

/// Two ends of one stream of messages in memory, on one loop. What is sent waits at the other end until that reads, as on a link whose
/// credit is used up.
final class MemorySocket: MessageSocket, @unchecked Sendable {
  // Unchecked: everything is touched on the loop alone.

  let loop: EventLoop
  let peer = PeerAddress.unix(uid: 0, pid: 0)
  let subprotocol: String? = nil
  var handler: (any WebSocketHandler)?
  private(set) var isOpen = true
  /// Bytes of the messages that the other end has not read.
  var queuedBytes: Int { other?.waiting.reduce(0) { $0 + $1.bytes.count } ?? 0 }

  /// Bytes that have come and have not been read.
  var unreadBytes: Int { waiting.reduce(0) { $0 + $1.bytes.count } }

  private weak var other: MemorySocket?
  private var waiting: [(bytes: [UInt8], isText: Bool)] = []
  private var closing: (code: UInt16, reason: String)?
  private var isPaused = false
  private var isDelivering = false
  private var wasClosed = false

  init(loop: EventLoop) { self.loop = loop }

  static func pair(on loop: EventLoop) -> (MemorySocket, MemorySocket) {
    let (first, second) = (MemorySocket(loop: loop), MemorySocket(loop: loop))
    first.other = second
    second.other = first
    return (first, second)
  }

  func send(text: [UInt8]) { send(text, isText: true) }
  func send(text: String) { send(Array(text.utf8), isText: true) }
  func send(_ texts: WebSocketTexts) { preconditionFailure("nobody sends these here") }
  func send(binary: UnsafeRawBufferPointer) { send(Array(binary), isText: false) }
  func send(binary: [UInt8]) { send(binary, isText: false) }

  private func send(_ bytes: [UInt8], isText: Bool) {
    loop.preconditionCurrent()
    guard isOpen, let other else { return }
    other.waiting.append((bytes, isText))
    other.deliverSoon()
  }

  func pauseReading() { isPaused = true }

  func resumeReading() {
    isPaused = false
    deliverSoon()
  }

  private func deliverSoon() {
    if isDelivering { return }
    isDelivering = true
    loop.execute { [self] in deliver() }
  }

  private func deliver() {
    isDelivering = false
    let hadSome = !waiting.isEmpty
    while !isPaused, !waiting.isEmpty {
      let (bytes, isText) = waiting.removeFirst()
      if isText { handler?.webSocket(self, text: bytes) } else { handler?.webSocket(self, binary: bytes) }
    }
    if waiting.isEmpty, hadSome, let other, other.isOpen { other.handler?.webSocketDrained(other) }
    if waiting.isEmpty, let closing { end(closing) }
  }

  func close(code: UInt16, reason: String) {
    loop.preconditionCurrent()
    guard isOpen else { return }
    isOpen = false
    other?.closing = (code, reason)
    other?.deliverSoon()
    loop.execute { [self] in end((code, reason)) }
  }

  private func end(_ closing: (code: UInt16, reason: String)) {
    isOpen = false
    if wasClosed { return }
    wasClosed = true
    handler?.webSocketClosed(self, code: closing.code, reason: closing.reason)
    handler = nil
  }
}
