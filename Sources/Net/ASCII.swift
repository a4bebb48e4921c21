/// ASCII bytes and classes that HTTP is made of (RFC 9110 §5.6).
enum ASCII {
  static let tab: UInt8 = 0x09
  static let lf: UInt8 = 0x0A
  static let cr: UInt8 = 0x0D
  static let space: UInt8 = 0x20
  static let colon: UInt8 = 0x3A
  static let comma: UInt8 = 0x2C
  static let question: UInt8 = 0x3F
  static let slash: UInt8 = 0x2F

  @inline(__always)
  static func lowered(_ byte: UInt8) -> UInt8 {
    byte &- 0x41 < 26 ? byte | 0x20 : byte
  }

  /// `tchar`: what methods and header names are made of. Two 64-bit sets.
  @inline(__always)
  static func isToken(_ byte: UInt8) -> Bool {
    let low: UInt64 = 0x03FF_6CFA_0000_0000  // ! # $ % & ' * + - . 0-9
    let high: UInt64 = 0x57FF_FFFF_C7FF_FFFE  // A-Z ^ _ ` a-z | ~
    if byte < 64 { return low >> UInt64(byte) & 1 != 0 }
    if byte < 128 { return high >> UInt64(byte & 63) & 1 != 0 }
    return false
  }

  /// What a field value may hold: visible, space, tab, and obs-text (RFC 9110 §5.5).
  @inline(__always)
  static func isFieldContent(_ byte: UInt8) -> Bool {
    (byte >= 0x20 && byte != 0x7F) || byte == tab
  }

  static func equal(_ bytes: UnsafeRawBufferPointer, _ lowered: StaticString) -> Bool {
    guard bytes.count == lowered.utf8CodeUnitCount else { return false }
    let other = lowered.utf8Start
    for index in 0..<bytes.count where ASCII.lowered(bytes[index]) != other[index] { return false }
    return true
  }

  /// Is `token` (lower case) one of a comma-separated list, as in `Connection: keep-alive, Upgrade`?
  static func list(_ bytes: UnsafeRawBufferPointer, has token: StaticString) -> Bool {
    var start = 0
    while start <= bytes.count {
      var end = start
      while end < bytes.count, bytes[end] != comma { end += 1 }
      if equal(trimmed(UnsafeRawBufferPointer(rebasing: bytes[start..<end])), token) { return true }
      start = end + 1
    }
    return false
  }

  static func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var start = 0
    var end = bytes.count
    while start < end, bytes[start] == space || bytes[start] == tab { start += 1 }
    while end > start, bytes[end - 1] == space || bytes[end - 1] == tab { end -= 1 }
    return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
  }
}

extension [UInt8] {
  @inline(__always)
  mutating func append(_ text: StaticString) {
    append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Decimal digits.
  mutating func append(decimal value: Int) {
    var digits: InlineArray<20, UInt8> = .init(repeating: 0)
    var rest = value.magnitude
    var at = 20
    repeat {
      at -= 1
      digits[at] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
      rest /= 10
    } while rest > 0
    if value < 0 { append(0x2D) }
    for index in at..<20 { append(digits[index]) }
  }

  /// Lower-case hexadecimal digits without leading zeros.
  mutating func append(hexadecimal value: Int) {
    var shift = 60
    while shift > 0, value >> shift & 15 == 0 { shift -= 4 }
    while shift >= 0 {
      let digit = UInt8(truncatingIfNeeded: value >> shift & 15)
      append(digit < 10 ? 0x30 + digit : 0x57 + digit)
      shift -= 4
    }
  }
}
