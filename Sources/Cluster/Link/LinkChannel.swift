import Net

/// One stream of a link, as the link keeps it.
final class LinkChannel {
  enum Message {
    case text([UInt8])
    case binary([UInt8])
  }

  struct Outgoing {
    let bytes: [UInt8]
    let isText: Bool
    var sent = 0
  }

  enum Place {
    case idle
    case waiting
  }

  let id: UInt32
  /// What its user holds.
  let stream: LinkStream
  /// A call is given up sooner than other streams when the connection is lost.
  let isCall: Bool
  var handler: (any WebSocketHandler)?

  // What goes out.
  var opening: [UInt8]?
  var outgoing = FIFO<Outgoing>()
  var queuedBytes = 0
  var credit = LinkLimits.window
  var closing: (code: UInt16, reason: String)?
  var hasSentClose = false
  var place = Place.idle
  /// Something was queued since the user was last told that nothing is.
  var owesDrained = false

  // What comes in.
  var assembling: [UInt8] = []
  var isAssembling = false
  var incoming = FIFO<Message>()
  var isPaused = false
  var isDelivering = false
  /// Bytes received that the other side has not been given back.
  var uncredited = 0
  /// Bytes in ``incoming``.
  var waitingBytes = 0
  /// Bytes of it that the link's budget knows of.
  var budgeted = 0
  /// The other side's last word, delivered after what came before it.
  var ending: (code: UInt16, reason: String)?
  var hasReported = false

  init(id: UInt32, stream: LinkStream, isCall: Bool, opening: [UInt8]?) {
    self.id = id
    self.stream = stream
    self.isCall = isCall
    self.opening = opening
  }

  /// Bytes that it holds.
  var held: Int { assembling.count + waitingBytes + queuedBytes }

  /// Neither side has closed it.
  var isOpen: Bool { closing == nil && ending == nil }

  /// Is there something that may be sent now?
  var isReady: Bool {
    if opening != nil { return true }
    if let next = outgoing.first { return credit > 0 || next.bytes.isEmpty }
    return closing != nil && !hasSentClose
  }

  /// Puts the next frame into the batch.
  func fill(_ batch: inout LinkBatch) {
    if let head = take(&opening) { return batch.open(id, head: head) }
    guard var next = outgoing.first else {
      if let closing, !hasSentClose {
        hasSentClose = true
        batch.close(id, code: closing.code, reason: closing.reason)
      }
      return
    }
    let count = min(next.bytes.count - next.sent, credit, LinkLimits.quantum)
    let piece = next.bytes[next.sent..<(next.sent + count)]
    next.sent += count
    let isWhole = next.sent == next.bytes.count
    var ends = false
    if isWhole {
      _ = outgoing.popFirst()
      // The last word and the good-bye in one frame.
      if outgoing.isEmpty, let closing, closing.code == WebSocketCloseCode.normal, closing.reason.isEmpty {
        ends = true
        hasSentClose = true
      }
    } else {
      outgoing.replaceFirst(next)
    }
    credit -= count
    queuedBytes -= count
    batch.data(id, isText: next.isText, more: !isWhole, ends: ends, piece)
  }
}
