/// Checks that bytes, cut anywhere, are UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
struct UTF8Validator {
  /// Continuation bytes still due.
  private var due: UInt8 = 0
  /// Bounds of the next continuation byte, narrower after some lead bytes.
  private var low: UInt8 = 0x80
  private var high: UInt8 = 0xBF

  /// Is everything so far whole characters?
  var isComplete: Bool { due == 0 }

  /// False at the first byte that cannot be.
  mutating func check(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var at = 0
    let end = bytes.count
    while at < end {
      if due == 0 {
        // Eight ASCII bytes at a time.
        while at + 8 <= end, bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 {
          at += 8
        }
        if at == end { break }
        let byte = bytes[at]
        at += 1
        switch byte {
        case 0x00...0x7F: break
        case 0xC2...0xDF: expect(1, 0x80, 0xBF)
        case 0xE0: expect(2, 0xA0, 0xBF)
        case 0xED: expect(2, 0x80, 0x9F)
        case 0xE1...0xEF: expect(2, 0x80, 0xBF)
        case 0xF0: expect(3, 0x90, 0xBF)
        case 0xF1...0xF3: expect(3, 0x80, 0xBF)
        case 0xF4: expect(3, 0x80, 0x8F)
        default: return false
        }
      } else {
        let byte = bytes[at]
        at += 1
        guard byte >= low, byte <= high else { return false }
        due -= 1
        low = 0x80
        high = 0xBF
      }
    }
    return true
  }

  private mutating func expect(_ count: UInt8, _ low: UInt8, _ high: UInt8) {
    due = count
    self.low = low
    self.high = high
  }

  static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var validator = UTF8Validator()
    return validator.check(bytes) && validator.isComplete
  }
}
