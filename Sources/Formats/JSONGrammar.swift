/// The grammar of JSON (RFC 8259) over bytes, its strings in UTF-8 (RFC 3629: no overlong forms, no surrogates): says where a value
/// ends, and builds nothing.
///
/// What a backend answers passes a hub through this, byte for byte, so it works on pointers, without a call for each byte: what stands
/// for itself in a string goes by eight bytes at a time.
enum JSONGrammar {
  typealias Place = UnsafePointer<UInt8>

  /// Where the value that begins at `start` ends; `nil` when it is malformed.
  /// - Parameter levels: most containers, each within the one before, at most 64; deeper is malformed too.
  static func end(ofValueAt start: Place, before end: Place, levels: Int) -> Place? {
    var at = start
    // The containers around the place, the innermost in the lowest bit: 1 is an object.
    var (containers, depth): (UInt64, Int) = (0, 0)

    while true {
      guard at < end else { return nil }
      let byte = at.pointee
      switch byte {
      case 0x22:
        guard let next = self.end(ofStringAt: at, before: end) else { return nil }
        at = next
      case 0x7B, 0x5B:
        guard depth < levels else { return nil }
        at = skipSpace(at + 1, end)
        // The brackets that close are two above those that open.
        if at < end, at.pointee == byte + 2 {
          at += 1
          break
        }
        containers = containers << 1 | (byte == 0x7B ? 1 : 0)
        depth += 1
        if byte == 0x7B {
          guard let value = place(ofValueNamedAt: at, before: end) else { return nil }
          at = value
        }
        continue
      case 0x74:
        guard let next = passWord("true", at, end) else { return nil }
        at = next
      case 0x66:
        guard let next = passWord("false", at, end) else { return nil }
        at = next
      case 0x6E:
        guard let next = passWord("null", at, end) else { return nil }
        at = next
      default:
        guard let next = self.end(ofNumberAt: at, before: end) else { return nil }
        at = next
      }

      // Behind a value: what closes around it, up to the next value.
      while true {
        if depth == 0 { return at }
        at = skipSpace(at, end)
        guard at < end else { return nil }
        let isObject = containers & 1 != 0
        if at.pointee == 0x2C {
          at = skipSpace(at + 1, end)
          if isObject {
            guard let value = place(ofValueNamedAt: at, before: end) else { return nil }
            at = value
          }
          break
        }
        guard at.pointee == (isObject ? 0x7D : 0x5D) else { return nil }
        at += 1
        containers >>= 1
        depth -= 1
      }
    }
  }

  /// Where the value of the member begins whose name is at `start`.
  private static func place(ofValueNamedAt start: Place, before end: Place) -> Place? {
    guard start < end, start.pointee == 0x22, let name = self.end(ofStringAt: start, before: end) else { return nil }
    let colon = skipSpace(name, end)
    guard colon < end, colon.pointee == 0x3A else { return nil }
    return skipSpace(colon + 1, end)
  }

  /// Where the string whose opening quote is at `start` ends, behind its closing one.
  static func end(ofStringAt start: Place, before end: Place) -> Place? {
    let (low, high): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
    // The high bit of each byte that is below `bound`. A borrow may set those of bytes behind the first such, never of one before it.
    func below(_ bound: UInt64, _ word: UInt64) -> UInt64 { (word &- low &* bound) & ~word }
    var at = start + 1
    while true {
      if end - at >= 8 {
        let word = UInt64(littleEndian: UnsafeRawPointer(at).loadUnaligned(as: UInt64.self))
        let special = (below(0x20, word) | below(1, word ^ low &* 0x22) | below(1, word ^ low &* 0x5C) | word) & high
        if special == 0 {
          at += 8
          continue
        }
        at += special.trailingZeroBitCount / 8
      } else if at == end {
        return nil
      }
      let byte = at.pointee
      at += 1
      switch byte {
      case 0x22: return at
      case 0x5C:
        guard let next = self.end(ofEscapeAt: at, before: end) else { return nil }
        at = next
      case 0..<0x20: return nil
      case 0x80...:
        let length = UTF8Sequence.length(at: at - 1, before: end)
        if length == 0 { return nil }
        at += length - 1
      default: break
      }
    }
  }

  private static func end(ofEscapeAt start: Place, before end: Place) -> Place? {
    guard start < end else { return nil }
    switch start.pointee {
    case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: return start + 1
    case 0x75:
      guard end - start >= 5, (1...4).allSatisfy({ isHexDigit(start[$0]) }) else { return nil }
      return start + 5
    default: return nil
    }
  }

  private static func end(ofNumberAt start: Place, before end: Place) -> Place? {
    var at = start
    func take(_ byte: UInt8) -> Bool {
      guard at < end, at.pointee == byte else { return false }
      at += 1
      return true
    }
    func passDigits() -> Bool {
      let first = at
      while at < end, at.pointee &- 0x30 < 10 { at += 1 }
      return at > first
    }
    _ = take(0x2D)
    if !take(0x30), !passDigits() { return nil }
    if take(0x2E), !passDigits() { return nil }
    if at < end, at.pointee | 0x20 == 0x65 {
      at += 1
      if !take(0x2B) { _ = take(0x2D) }
      if !passDigits() { return nil }
    }
    return at
  }

  private static func passWord(_ word: StaticString, _ at: Place, _ end: Place) -> Place? {
    let count = word.utf8CodeUnitCount
    guard end - at >= count else { return nil }
    for index in 0..<count where at[index] != word.utf8Start[index] { return nil }
    return at + count
  }

  private static func skipSpace(_ start: Place, _ end: Place) -> Place {
    var at = start
    while at < end, at.pointee <= 0x20, isSpace(at.pointee) { at += 1 }
    return at
  }

  static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

  private static func isHexDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 6 }
}
