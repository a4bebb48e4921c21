/// Writes JSON (RFC 8259) straight into bytes.
///
/// For documents that are asked for often: a hand-written encode of a full screen costs about a tenth of a general encoder's.
/// The caller is trusted to pair `begin…` with `end…`; commas are placed by the writer.
package struct JSONWriter: ~Copyable {
  package private(set) var bytes: [UInt8]
  /// True when the next value or key in the current container must be preceded by a comma.
  private var needsComma = false

  package init(reserving capacity: Int = 256) {
    bytes = []
    bytes.reserveCapacity(capacity)
  }

  /// Hands the bytes over without a copy.
  package consuming func finish() -> [UInt8] { bytes }

  @inline(__always) private mutating func separate() {
    if needsComma { bytes.append(0x2C) }
    needsComma = true
  }

  package mutating func beginObject() {
    separate()
    bytes.append(0x7B)
    needsComma = false
  }

  package mutating func endObject() {
    bytes.append(0x7D)
    needsComma = true
  }

  package mutating func beginArray() {
    separate()
    bytes.append(0x5B)
    needsComma = false
  }

  package mutating func endArray() {
    bytes.append(0x5D)
    needsComma = true
  }

  /// A key known at compile time. It must need no escaping.
  @inline(__always) package mutating func key(_ name: StaticString) {
    separate()
    bytes.append(0x22)
    bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    bytes.append(0x22)
    bytes.append(0x3A)
    needsComma = false
  }

  /// A key that comes from data.
  package mutating func key(text name: String) {
    string(name)
    bytes.append(0x3A)
    needsComma = false
  }

  package mutating func string(_ text: String) {
    separate()
    bytes.append(0x22)
    var text = text
    text.withUTF8 { appendEscaped($0) }
    bytes.append(0x22)
  }

  /// A string given as UTF-8. Bytes that are not valid UTF-8 become U+FFFD, so that the document stays valid.
  package mutating func string(utf8: UnsafeBufferPointer<UInt8>) {
    separate()
    bytes.append(0x22)
    appendEscaped(utf8)
    bytes.append(0x22)
  }

  package mutating func integer(_ value: some BinaryInteger) {
    separate()
    if value >= 0, value < 10 {
      bytes.append(0x30 &+ UInt8(truncatingIfNeeded: value))
    } else {
      bytes.append(contentsOf: String(value).utf8)
    }
  }

  package mutating func bool(_ value: Bool) {
    separate()
    literal(value ? "true" : "false")
  }

  package mutating func null() {
    separate()
    literal("null")
  }

  /// A value that is JSON already.
  package mutating func raw(_ json: some Sequence<UInt8>) {
    separate()
    bytes.append(contentsOf: json)
  }

  @inline(__always) private mutating func literal(_ text: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Runs without anything to escape are copied whole; the rest goes byte by byte.
  private mutating func appendEscaped(_ utf8: UnsafeBufferPointer<UInt8>) {
    var index = 0
    let count = utf8.count
    while index < count {
      var end = index
      while end < count, JSONWriter.isPlain(utf8[end]) { end += 1 }
      if end > index {
        bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[index..<end]))
        index = end
        if index == count { return }
      }
      let byte = utf8[index]
      if byte >= 0x80 {
        let length = JSONWriter.validLength(utf8, at: index)
        if length == 0 {
          bytes.append(contentsOf: [0xEF, 0xBF, 0xBD])
          index += 1
        } else {
          bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[index..<(index + length)]))
          index += length
        }
        continue
      }
      switch byte {
      case 0x22, 0x5C:
        bytes.append(0x5C)
        bytes.append(byte)
      case 0x0A: literal("\\n")
      case 0x0D: literal("\\r")
      case 0x09: literal("\\t")
      default:
        literal("\\u00")
        bytes.append(hexDigit(byte >> 4))
        bytes.append(hexDigit(byte & 15))
      }
      index += 1
    }
  }

  @inline(__always) private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte < 0x7F && byte != 0x22 && byte != 0x5C
  }

  /// Length of the well-formed UTF-8 sequence at `index` (Unicode 15, table 3-7), or 0.
  private static func validLength(_ utf8: UnsafeBufferPointer<UInt8>, at index: Int) -> Int {
    let lead = utf8[index]
    let length: Int
    var low: UInt8 = 0x80
    var high: UInt8 = 0xBF
    switch lead {
    case 0xC2...0xDF: length = 2
    case 0xE0: (length, low) = (3, 0xA0)
    case 0xED: (length, high) = (3, 0x9F)
    case 0xE1...0xEF: length = 3
    case 0xF0: (length, low) = (4, 0x90)
    case 0xF1...0xF3: length = 4
    case 0xF4: (length, high) = (4, 0x8F)
    default: return 0
    }
    guard index + length <= utf8.count, (low...high).contains(utf8[index + 1]) else { return 0 }
    for k in 2..<max(length, 2) where utf8[index + k] & 0xC0 != 0x80 { return 0 }
    return length
  }
}

@inline(__always) func hexDigit(_ nibble: UInt8) -> UInt8 {
  nibble < 10 ? 0x30 &+ nibble : 0x57 &+ nibble
}
