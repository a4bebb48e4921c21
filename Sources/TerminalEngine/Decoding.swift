// UTF-8, one character at a time: what the runs of `Print.swift` leave, cut and malformed characters among it.

extension Terminal {
  /// Decodes and prints one character, or U+FFFD for each maximal part of a malformed one (Unicode 15, section 3.9,
  /// "U+FFFD Substitution of Maximal Subparts"). A character cut by the end of the bytes is kept for the next call.
  mutating func printCharacter(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    let byte = bytes[start]
    pendingLow = 0x80
    pendingHigh = 0xBF
    switch byte {
    case 0xC2...0xDF:
      pendingLength = 1
      pendingScalar = UInt32(byte & 0x1F)
    case 0xE0...0xEF:
      pendingLength = 2
      pendingScalar = UInt32(byte & 0x0F)
      if byte == 0xE0 { pendingLow = 0xA0 } else if byte == 0xED { pendingHigh = 0x9F }
    case 0xF0...0xF4:
      pendingLength = 3
      pendingScalar = UInt32(byte & 0x07)
      if byte == 0xF0 { pendingLow = 0x90 } else if byte == 0xF4 { pendingHigh = 0x8F }
    default:
      put(0xFFFD)
      return start + 1
    }
    state = .utf8
    return resumeCharacter(bytes, start + 1, count)
  }

  mutating func resumeCharacter(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    var index = start
    while index < count {
      let byte = bytes[index]
      if byte < pendingLow || byte > pendingHigh {
        state = .ground
        put(0xFFFD)
        return index
      }
      index += 1
      pendingScalar = pendingScalar << 6 | UInt32(byte & 0x3F)
      pendingLength -= 1
      pendingLow = 0x80
      pendingHigh = 0xBF
      if pendingLength == 0 {
        state = .ground
        put(pendingScalar)
        return index
      }
    }
    return index
  }
}
