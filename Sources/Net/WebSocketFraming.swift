/// RFC 6455 §5.2.
enum WebSocketOpcode: UInt8 {
  case continuation = 0x0
  case text = 0x1
  case binary = 0x2
  case close = 0x8
  case ping = 0x9
  case pong = 0xA

  var isControl: Bool { rawValue >= 8 }
}

/// Close codes (RFC 6455 §7.4.1).
package enum WebSocketCloseCode {
  package static let normal: UInt16 = 1000
  package static let goingAway: UInt16 = 1001
  package static let protocolError: UInt16 = 1002
  package static let unsupportedData: UInt16 = 1003
  /// Never on the wire: the peer's close frame had no code.
  package static let noStatus: UInt16 = 1005
  /// Never on the wire: the connection ended without a close frame.
  package static let abnormal: UInt16 = 1006
  package static let invalidPayload: UInt16 = 1007
  package static let policyViolation: UInt16 = 1008
  package static let tooBig: UInt16 = 1009
  package static let internalError: UInt16 = 1011
  package static let serviceRestart: UInt16 = 1012
  /// What is asked for is more than there is room for now (IANA).
  package static let tryAgainLater: UInt16 = 1013
  /// Never on the wire: TLS could not be agreed on.
  package static let tlsFailed: UInt16 = 1015

  /// May this code stand in a close frame? Registered ones and those for applications.
  static func isValidOnWire(_ code: UInt16) -> Bool {
    switch code {
    case 1000...1003, 1007...1014, 3000...4999: true
    default: false
    }
  }
}

/// Why a peer's frames cannot be read further; `code` is what to close with.
struct WebSocketFault: Error, Equatable {
  var code: UInt16
  var reason: String

  init(_ code: UInt16, _ reason: String) {
    self.code = code
    self.reason = reason
  }
}

enum WebSocketEvent: Equatable {
  case text([UInt8])
  case binary([UInt8])
  case ping([UInt8])
  case pong([UInt8])
  /// `code` is 1005 when the frame carried none.
  case close(code: UInt16, reason: String)
}

/// Reads frames and puts messages together: bytes in, cut anywhere, events out. Pure: no socket, no clock.
struct WebSocketDecoder {
  enum Role { case server, client }

  private static let maxControlBytes: UInt8 = 125

  private let role: Role
  private let maxMessageBytes: Int

  // The header of the frame under way, while it is cut.
  private var header = InlineArray<14, UInt8>(repeating: 0)
  private var headerCount = 0

  // The frame under way.
  private var inPayload = false
  private var opcode = WebSocketOpcode.continuation
  private var isFinal = false
  private var remaining = 0
  private var mask: UInt32 = 0
  /// Where in the mask the next payload byte stands.
  private var maskPhase = 0

  // The message under way: nil opcode between messages.
  private var messageOpcode: WebSocketOpcode?
  private var message: [UInt8] = []
  private var utf8 = UTF8Validator()
  private var control: [UInt8] = []

  /// Bytes of a message that has begun and is not whole.
  var unfinishedBytes: Int { message.count }

  /// Lets go of them: nothing more will be read.
  mutating func discard() { message = [] }

  init(role: Role, maxMessageBytes: Int) {
    self.role = role
    self.maxMessageBytes = maxMessageBytes
  }

  /// The next event, taking its bytes off the front of `input`; nil when more is needed. After a fault, or a `.close`,
  /// nothing more may be read.
  mutating func next(_ input: inout UnsafeRawBufferPointer) throws(WebSocketFault) -> WebSocketEvent? {
    while true {
      if !inPayload {
        guard try readHeader(&input) else { return nil }
      }
      let count = min(remaining, input.count)
      if count > 0 {
        let part = UnsafeRawBufferPointer(rebasing: input[..<count])
        input = UnsafeRawBufferPointer(rebasing: input[count...])
        try takePayload(part)
      }
      if remaining > 0 { return nil }
      inPayload = false
      if let event = try endFrame() { return event }
    }
  }

  private mutating func readHeader(_ input: inout UnsafeRawBufferPointer) throws(WebSocketFault) -> Bool {
    var needed = headerCount >= 2 ? fullHeaderCount : 2
    var at = 0
    while headerCount < needed {
      guard at < input.count else {
        input = UnsafeRawBufferPointer(rebasing: input[at...])
        return false
      }
      header[headerCount] = input[at]
      headerCount += 1
      at += 1
      if headerCount == 2 {
        try checkStart()
        needed = fullHeaderCount
      }
    }
    input = UnsafeRawBufferPointer(rebasing: input[at...])
    headerCount = 0
    try beginFrame()
    return true
  }

  private var fullHeaderCount: Int {
    let length: Int
    switch header[1] & 0x7F {
    case 126: length = 2
    case 127: length = 8
    default: length = 0
    }
    return 2 + length + (header[1] & 0x80 != 0 ? 4 : 0)
  }

  /// What the first two bytes already tell.
  private mutating func checkStart() throws(WebSocketFault) {
    guard header[0] & 0x70 == 0 else { throw .init(WebSocketCloseCode.protocolError, "reserved bits are set") }
    guard let opcode = WebSocketOpcode(rawValue: header[0] & 0x0F) else {
      throw .init(WebSocketCloseCode.protocolError, "unknown opcode")
    }
    self.opcode = opcode
    isFinal = header[0] & 0x80 != 0
    guard (header[1] & 0x80 != 0) == (role == .server) else {
      throw .init(
        WebSocketCloseCode.protocolError,
        role == .server ? "frames from clients must be masked" : "frames from servers must not be masked")
    }
    if opcode.isControl {
      guard isFinal else { throw .init(WebSocketCloseCode.protocolError, "a fragmented control frame") }
      guard header[1] & 0x7F <= WebSocketDecoder.maxControlBytes else {
        throw .init(WebSocketCloseCode.protocolError, "a control frame of more than 125 bytes")
      }
    } else if opcode == .continuation {
      guard messageOpcode != nil else {
        throw .init(WebSocketCloseCode.protocolError, "a continuation of no message")
      }
    } else {
      guard messageOpcode == nil else {
        throw .init(WebSocketCloseCode.protocolError, "a new message within a fragmented one")
      }
    }
  }

  private mutating func beginFrame() throws(WebSocketFault) {
    var at = 2
    switch header[1] & 0x7F {
    case 126:
      remaining = Int(header[2]) << 8 | Int(header[3])
      at = 4
      guard remaining > 125 else { throw .init(WebSocketCloseCode.protocolError, "length not in its shortest form") }
    case 127:
      var length: UInt64 = 0
      for index in 2..<10 { length = length << 8 | UInt64(header[index]) }
      at = 10
      guard length >> 63 == 0, length > 0xFFFF else {
        throw .init(WebSocketCloseCode.protocolError, "length not in its shortest form")
      }
      remaining = Int(length)
    case let length:
      remaining = Int(length)
    }
    if role == .server {
      mask = 0
      for index in 0..<4 { mask |= UInt32(header[at + index]) << UInt32(8 * index) }
      maskPhase = 0
    }
    if !opcode.isControl {
      guard remaining <= maxMessageBytes - message.count else {
        throw .init(WebSocketCloseCode.tooBig, "a message of more than \(maxMessageBytes) bytes")
      }
      if opcode != .continuation {
        messageOpcode = opcode
        utf8 = UTF8Validator()
      }
    }
    inPayload = true
  }

  private mutating func takePayload(_ part: UnsafeRawBufferPointer) throws(WebSocketFault) {
    if opcode.isControl {
      WebSocketMask.append(part, mask: nextMask(part.count), to: &control)
    } else {
      WebSocketMask.append(part, mask: nextMask(part.count), to: &message)
      if messageOpcode == .text {
        let from = message.count - part.count
        let valid = message.withUnsafeBytes { bytes in
          utf8.check(UnsafeRawBufferPointer(rebasing: bytes[from...]))
        }
        guard valid else { throw .init(WebSocketCloseCode.invalidPayload, "text that is not UTF-8") }
      }
    }
    remaining -= part.count
  }

  /// The mask rotated so that its first byte meets the first byte of a part of `count` bytes. 0 masks nothing.
  private mutating func nextMask(_ count: Int) -> UInt32 {
    guard mask != 0 else { return 0 }
    let shift = UInt32(8 * maskPhase)
    maskPhase = (maskPhase + count) & 3
    return shift == 0 ? mask : mask >> shift | mask << (32 - shift)
  }

  private mutating func endFrame() throws(WebSocketFault) -> WebSocketEvent? {
    if opcode.isControl {
      let payload = control
      control = []
      switch opcode {
      case .ping: return .ping(payload)
      case .pong: return .pong(payload)
      default: return try closeEvent(payload)
      }
    }
    guard isFinal, let kind = messageOpcode else { return nil }
    messageOpcode = nil
    let payload = message
    message = []
    if kind == .text {
      guard utf8.isComplete else { throw .init(WebSocketCloseCode.invalidPayload, "text that is not UTF-8") }
      return .text(payload)
    }
    return .binary(payload)
  }

  private func closeEvent(_ payload: [UInt8]) throws(WebSocketFault) -> WebSocketEvent {
    if payload.isEmpty { return .close(code: WebSocketCloseCode.noStatus, reason: "") }
    guard payload.count >= 2 else { throw .init(WebSocketCloseCode.protocolError, "a close frame of one byte") }
    let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
    guard WebSocketCloseCode.isValidOnWire(code) else {
      throw .init(WebSocketCloseCode.protocolError, "a close code that may not be sent")
    }
    let valid = payload.withUnsafeBytes { UTF8Validator.isValid(UnsafeRawBufferPointer(rebasing: $0[2...])) }
    guard valid else { throw .init(WebSocketCloseCode.invalidPayload, "a close reason that is not UTF-8") }
    return .close(code: code, reason: String(decoding: payload[2...], as: UTF8.self))
  }
}

/// Masking of payloads (RFC 6455 §5.3), eight bytes at a time.
enum WebSocketMask {
  /// Appends `part` to `target`, each byte XORed with the mask's bytes in turn, the lowest first.
  static func append(_ part: UnsafeRawBufferPointer, mask: UInt32, to target: inout [UInt8]) {
    let start = target.count
    target.append(contentsOf: part)
    if mask == 0 { return }
    target.withUnsafeMutableBytes { bytes in
      apply(mask, to: UnsafeMutableRawBufferPointer(rebasing: bytes[start...]))
    }
  }

  private static func apply(_ mask: UInt32, to bytes: UnsafeMutableRawBufferPointer) {
    let wide = (UInt64(mask) << 32 | UInt64(mask)).littleEndian
    let count = bytes.count
    var at = 0
    while at + 8 <= count {
      let word = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      bytes.storeBytes(of: word ^ wide, toByteOffset: at, as: UInt64.self)
      at += 8
    }
    while at < count {
      bytes[at] ^= UInt8(truncatingIfNeeded: mask >> UInt32(8 * (at & 3)))
      at += 1
    }
  }
}

/// Writes frames. Messages go out in one frame each.
enum WebSocketEncoder {
  static let maxHeaderBytes = 14

  /// Writes a frame header for a payload of `count` bytes into `out` (at least 14 bytes); returns its length. A mask
  /// makes it a client's frame.
  static func header(
    _ opcode: WebSocketOpcode, count: Int, mask: UInt32? = nil, into out: UnsafeMutableRawBufferPointer
  ) -> Int {
    let maskBit: UInt8 = mask == nil ? 0 : 0x80
    var at: Int
    out[0] = 0x80 | opcode.rawValue
    if count < 126 {
      out[1] = maskBit | UInt8(count)
      at = 2
    } else if count <= 0xFFFF {
      out[1] = maskBit | 126
      out[2] = UInt8(truncatingIfNeeded: count >> 8)
      out[3] = UInt8(truncatingIfNeeded: count)
      at = 4
    } else {
      out[1] = maskBit | 127
      for index in 0..<8 { out[2 + index] = UInt8(truncatingIfNeeded: count >> (56 - 8 * index)) }
      at = 10
    }
    if let mask {
      for index in 0..<4 { out[at + index] = UInt8(truncatingIfNeeded: mask >> UInt32(8 * index)) }
      at += 4
    }
    return at
  }

  /// The payload of a close frame; the reason is cut to what fits, at a character's edge.
  static func closePayload(code: UInt16, reason: String) -> [UInt8] {
    guard WebSocketCloseCode.isValidOnWire(code) else { return [] }
    var payload = [UInt8(code >> 8), UInt8(truncatingIfNeeded: code)]
    for scalar in reason.unicodeScalars {
      let bytes = UTF8.encode(scalar)!
      if payload.count + bytes.count > 125 { break }
      payload.append(contentsOf: bytes)
    }
    return payload
  }
}
