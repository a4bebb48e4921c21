/// Characters of several bytes in UTF-8 (RFC 3629; Unicode 15, table 3-7): no overlong forms, no surrogates, nothing above U+10FFFF.
enum UTF8Sequence {
  /// Length of the well-formed sequence at `start`, which is before `end`, in bytes; 0 when there is none.
  static func length(at start: UnsafePointer<UInt8>, before end: UnsafePointer<UInt8>) -> Int {
    let length: Int
    var low: UInt8 = 0x80
    var high: UInt8 = 0xBF
    switch start.pointee {
    case 0xC2...0xDF: length = 2
    case 0xE0: (length, low) = (3, 0xA0)
    case 0xED: (length, high) = (3, 0x9F)
    case 0xE1...0xEF: length = 3
    case 0xF0: (length, low) = (4, 0x90)
    case 0xF1...0xF3: length = 4
    case 0xF4: (length, high) = (4, 0x8F)
    default: return 0
    }
    guard length <= end - start, (low...high).contains(start[1]) else { return 0 }
    for index in 2..<length where start[index] & 0xC0 != 0x80 { return 0 }
    return length
  }
}
