/// UTF-8 that this module wrote itself, and so is known to be well formed.
enum UTF8Text {
  /// Writes a scalar and moves the pointer behind it; there must be room for four bytes unless the scalar is ASCII. Surrogates
  /// and values beyond U+10FFFF never get into cells.
  @inline(__always)
  static func write(_ scalar: UInt32, to target: inout UnsafeMutablePointer<UInt8>) {
    if scalar < 0x80 {
      target[0] = UInt8(truncatingIfNeeded: scalar)
      target += 1
    } else if scalar < 0x800 {
      let bytes = 0x80C0 | UInt16(truncatingIfNeeded: scalar &>> 6 | (scalar & 0x3F) &<< 8)
      UnsafeMutableRawPointer(target).storeBytes(of: bytes.littleEndian, as: UInt16.self)
      target += 2
    } else if scalar < 0x10000 {
      let bytes = 0x80_80E0 | scalar &>> 12 | (scalar &<< 2 & 0x3F00) | (scalar & 0x3F) &<< 16
      UnsafeMutableRawPointer(target).storeBytes(of: bytes.littleEndian, as: UInt32.self)
      target += 3
    } else {
      let bytes =
        0x8080_80F0 | scalar &>> 18 | (scalar &>> 4 & 0x3F00) | (scalar &<< 10 & 0x3F_0000) | (scalar & 0x3F) &<< 24
      UnsafeMutableRawPointer(target).storeBytes(of: bytes.littleEndian, as: UInt32.self)
      target += 4
    }
  }

  @inline(__always)
  static func forEachByte(of scalar: UInt32, _ body: (UInt8) -> Void) {
    if scalar < 0x80 {
      body(UInt8(truncatingIfNeeded: scalar))
    } else if scalar < 0x800 {
      body(UInt8(truncatingIfNeeded: 0xC0 | scalar >> 6))
      body(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F))
    } else if scalar < 0x10000 {
      body(UInt8(truncatingIfNeeded: 0xE0 | scalar >> 12))
      body(UInt8(truncatingIfNeeded: 0x80 | scalar >> 6 & 0x3F))
      body(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F))
    } else {
      body(UInt8(truncatingIfNeeded: 0xF0 | scalar >> 18))
      body(UInt8(truncatingIfNeeded: 0x80 | scalar >> 12 & 0x3F))
      body(UInt8(truncatingIfNeeded: 0x80 | scalar >> 6 & 0x3F))
      body(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F))
    }
  }

  /// The number of bytes of the sequence that begins with this byte.
  @inline(__always)
  static func length(leading byte: UInt8) -> Int {
    byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
  }

  /// Takes the first scalar off the text; nil at the end. A sequence cut short ends the text.
  @inline(__always)
  static func next(_ text: inout UnsafeBufferPointer<UInt8>) -> UInt32? {
    guard let start = text.baseAddress, text.count > 0 else { return nil }
    let length = length(leading: start[0])
    guard length <= text.count else { return nil }
    let scalar = decode(start, length)
    text = UnsafeBufferPointer(start: start + length, count: text.count - length)
    return scalar
  }

  @inline(__always)
  static func decode(_ start: UnsafePointer<UInt8>, _ length: Int) -> UInt32 {
    switch length {
    case 1: UInt32(start[0])
    case 2: UInt32(start[0] & 0x1F) << 6 | UInt32(start[1] & 0x3F)
    case 3: UInt32(start[0] & 0x0F) << 12 | UInt32(start[1] & 0x3F) << 6 | UInt32(start[2] & 0x3F)
    default:
      UInt32(start[0] & 0x07) << 18 | UInt32(start[1] & 0x3F) << 12 | UInt32(start[2] & 0x3F) << 6
        | UInt32(start[3] & 0x3F)
    }
  }
}
