/// What goes over a link: each binary message of its transport is one control message or one batch of frames.
///
/// ```
/// batch:   0x01, then frames:  length u32 · kind u8 · flags u8 · stream u32 · payload
/// control: 0x02 · kind u8 · received u64 · token u64
/// ```
///
/// Numbers are little-endian. Batches are counted; `received` is how many the sender of a control message has taken in, so that the
/// other side may forget them. After a drop, what was not taken in is sent again: streams neither lose nor repeat anything.
package enum LinkFrame: Equatable {
  /// A new stream. The payload says what for.
  case open(stream: UInt32, head: ArraySlice<UInt8>)
  /// A piece of a message. `more`: the message goes on in the next frame of the stream. `ends`: the stream is closed after it, with 1000.
  case data(stream: UInt32, isText: Bool, more: Bool, ends: Bool, bytes: ArraySlice<UInt8>)
  case close(stream: UInt32, code: UInt16, reason: String)
  /// So many more bytes of messages may be sent on the stream.
  case credit(stream: UInt32, bytes: UInt32)

  static let batchMark: UInt8 = 0x01
  static let controlMark: UInt8 = 0x02
  static let headerBytes = 10
  /// A frame's payload may be so long. Longer messages go in several frames, so that others have their turn in between.
  package static let maximumPayload = 64 << 10

  fileprivate enum Kind: UInt8 {
    case open = 0
    case data = 1
    case close = 2
    case credit = 3
  }

  fileprivate struct Flags {
    static let text: UInt8 = 1
    static let more: UInt8 = 2
    static let ends: UInt8 = 4
  }
}

/// A message about the link itself. It is not counted and not sent again.
package struct LinkControl: Equatable {
  package enum Kind: UInt8 {
    case acknowledge = 0
    case ping = 1
    case pong = 2
  }

  package var kind: Kind
  /// Batches taken in so far.
  package var received: UInt64
  /// Of a ping, given back by its pong.
  package var token: UInt64

  static let byteCount = 18

  package init(_ kind: Kind, received: UInt64, token: UInt64 = 0) {
    self.kind = kind
    self.received = received
    self.token = token
  }

  package init?(parsing message: ArraySlice<UInt8>) {
    guard message.count == LinkControl.byteCount, message.first == LinkFrame.controlMark,
      let kind = Kind(rawValue: message[message.startIndex + 1])
    else { return nil }
    self.kind = kind
    received = message.dropFirst(2).prefix(8).littleEndian()
    token = message.dropFirst(10).littleEndian()
  }

  package var encoded: [UInt8] {
    var bytes: [UInt8] = [LinkFrame.controlMark, kind.rawValue]
    bytes.append(littleEndian: received)
    bytes.append(littleEndian: token)
    return bytes
  }
}

/// A batch that is being put together.
struct LinkBatch {
  private(set) var bytes: [UInt8]

  init(reserving capacity: Int = 64) {
    bytes = []
    bytes.reserveCapacity(capacity + 1)
    bytes.append(LinkFrame.batchMark)
  }

  var isEmpty: Bool { bytes.count == 1 }
  var count: Int { bytes.count }

  mutating func open(_ stream: UInt32, head: [UInt8]) {
    header(.open, 0, stream, head.count)
    bytes.append(contentsOf: head)
  }

  mutating func data(_ stream: UInt32, isText: Bool, more: Bool, ends: Bool, _ payload: ArraySlice<UInt8>) {
    var flags: UInt8 = 0
    if isText { flags |= LinkFrame.Flags.text }
    if more { flags |= LinkFrame.Flags.more }
    if ends { flags |= LinkFrame.Flags.ends }
    header(.data, flags, stream, payload.count)
    bytes.append(contentsOf: payload)
  }

  mutating func close(_ stream: UInt32, code: UInt16, reason: String) {
    let reason = reason.utf8.prefix(1024)
    header(.close, 0, stream, 2 + reason.count)
    bytes.append(littleEndian: code)
    bytes.append(contentsOf: reason)
  }

  mutating func credit(_ stream: UInt32, _ amount: Int) {
    header(.credit, 0, stream, 4)
    bytes.append(littleEndian: UInt32(amount))
  }

  private mutating func header(_ kind: LinkFrame.Kind, _ flags: UInt8, _ stream: UInt32, _ count: Int) {
    bytes.append(littleEndian: UInt32(count))
    bytes.append(kind.rawValue)
    bytes.append(flags)
    bytes.append(littleEndian: stream)
  }
}

/// Reads the frames of a batch, one after the other. Whatever is not as it should be ends it with ``Fault``.
package struct LinkBatchReader {
  package struct Fault: Error, Equatable {
    package let message: String
  }

  private var rest: ArraySlice<UInt8>

  /// `message` is a whole message of the transport that begins with the mark of a batch.
  package init(_ message: ArraySlice<UInt8>) { rest = message.dropFirst() }

  package mutating func next() throws(Fault) -> LinkFrame? {
    if rest.isEmpty { return nil }
    guard rest.count >= LinkFrame.headerBytes else { throw Fault(message: "a frame is cut short") }
    let start = rest.startIndex
    let length: UInt32 = rest.prefix(4).littleEndian()
    let (kind, flags) = (rest[start + 4], rest[start + 5])
    let stream: UInt32 = rest[(start + 6)..<(start + 10)].littleEndian()
    guard length <= LinkFrame.maximumPayload, rest.count - LinkFrame.headerBytes >= length else {
      throw Fault(message: "a frame is longer than its batch or than allowed")
    }
    let payload = rest[(start + LinkFrame.headerBytes)..<(start + LinkFrame.headerBytes + Int(length))]
    rest = rest[payload.endIndex...]
    switch LinkFrame.Kind(rawValue: kind) {
    case .open: return .open(stream: stream, head: payload)
    case .data:
      let (more, ends) = (flags & LinkFrame.Flags.more != 0, flags & LinkFrame.Flags.ends != 0)
      guard !(more && ends) else { throw Fault(message: "a stream ends in the middle of a message") }
      return .data(
        stream: stream, isText: flags & LinkFrame.Flags.text != 0, more: more, ends: ends, bytes: payload)
    case .close:
      guard payload.count >= 2 else { throw Fault(message: "a close frame without a code") }
      return .close(
        stream: stream, code: payload.prefix(2).littleEndian(),
        reason: String(decoding: payload.dropFirst(2).prefix(1024), as: UTF8.self))
    case .credit:
      guard payload.count == 4 else { throw Fault(message: "a credit frame of the wrong length") }
      return .credit(stream: stream, bytes: payload.littleEndian())
    case nil: throw Fault(message: "a frame of the unknown kind \(kind)")
    }
  }
}

extension ArraySlice<UInt8> {
  /// The number that these bytes are, the lowest first.
  fileprivate func littleEndian<Number: FixedWidthInteger>() -> Number {
    var number: Number = 0
    for byte in reversed() { number = number << 8 | Number(byte) }
    return number
  }
}

extension [UInt8] {
  fileprivate mutating func append(littleEndian number: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
  }
}
