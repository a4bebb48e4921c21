/// Base64 (RFC 4648 §4), with padding.
package enum Base64 {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  package static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity((bytes.count + 2) / 3 * 4)
    var iterator = bytes.makeIterator()
    while let first = iterator.next() {
      let second = iterator.next()
      let third = second == nil ? nil : iterator.next()
      output.append(alphabet[Int(first >> 2)])
      output.append(alphabet[Int((first & 3) << 4 | (second ?? 0) >> 4)])
      output.append(second == nil ? 0x3D : alphabet[Int((second! & 15) << 2 | (third ?? 0) >> 6)])
      output.append(third == nil ? 0x3D : alphabet[Int(third! & 63)])
    }
    return output
  }

  /// `nil` for anything that is not canonical Base64: foreign characters, wrong padding, a length that is no multiple of 4.
  package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    guard text.count % 4 == 0 else { return nil }
    var output: [UInt8] = []
    output.reserveCapacity(text.count / 4 * 3)
    var accumulator: UInt32 = 0
    var characters = 0
    var padding = 0
    for character in text {
      let value: UInt32
      switch character {
      case 0x41...0x5A: value = UInt32(character - 0x41)
      case 0x61...0x7A: value = UInt32(character - 0x61) + 26
      case 0x30...0x39: value = UInt32(character - 0x30) + 52
      case 0x2B: value = 62
      case 0x2F: value = 63
      case 0x3D:
        padding += 1
        value = 0
      default: return nil
      }
      if character != 0x3D, padding > 0 { return nil }
      accumulator = accumulator << 6 | value
      characters += 1
      if characters % 4 == 0 {
        guard padding <= 2 else { return nil }
        output.append(UInt8(truncatingIfNeeded: accumulator >> 16))
        if padding < 2 { output.append(UInt8(truncatingIfNeeded: accumulator >> 8)) }
        if padding < 1 { output.append(UInt8(truncatingIfNeeded: accumulator)) }
        if padding > 0, characters != text.count { return nil }
        accumulator = 0
      }
    }
    return output
  }
}
