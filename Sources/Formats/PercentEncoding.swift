/// Percent-encoding of URI components (RFC 3986 §2.1).
package enum PercentEncoding {
  /// The text that a component stands for, or `nil` when an escape is cut short, is not hexadecimal, stands for NUL, or the bytes
  /// are not well-formed UTF-8. `plusIsSpace` decodes `+` as a space, as HTML forms write it in queries.
  package static func decode(_ component: Substring, plusIsSpace: Bool = false) -> String? {
    // Most components stand for themselves.
    if !component.utf8.contains(where: { $0 == 0x25 || $0 == 0 || ($0 == 0x2B && plusIsSpace) }) {
      return String(component)
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(component.utf8.count)
    var iterator = component.utf8.makeIterator()
    while let byte = iterator.next() {
      switch byte {
      case 0x25:
        guard let high = iterator.next().flatMap(nibble), let low = iterator.next().flatMap(nibble) else { return nil }
        let value = high << 4 | low
        if value == 0 { return nil }
        bytes.append(value)
      case 0x2B where plusIsSpace: bytes.append(0x20)
      case 0: return nil
      default: bytes.append(byte)
      }
    }
    return String(validating: bytes, as: UTF8.self)
  }

  /// Escapes everything but the unreserved characters, so the result is one path segment or one query value.
  package static func encode(_ text: String) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    for byte in text.utf8 {
      switch byte {
      case 0x41...0x5A, 0x61...0x7A, 0x30...0x39, 0x2D, 0x2E, 0x5F, 0x7E: bytes.append(byte)
      default:
        bytes.append(0x25)
        bytes.append(upperHexDigit(byte >> 4))
        bytes.append(upperHexDigit(byte & 15))
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func nibble(_ character: UInt8) -> UInt8? {
    switch character {
    case 0x30...0x39: character - 0x30
    case 0x41...0x46: character - 0x37
    case 0x61...0x66: character - 0x57
    default: nil
    }
  }

  private static func upperHexDigit(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 0x30 + nibble : 0x37 + nibble }
}
