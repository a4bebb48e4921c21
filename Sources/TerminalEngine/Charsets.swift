/// A set of 94 characters that G0…G3 can hold.
enum Charset: UInt8 {
  case ascii = 0x42
  /// DEC Special Graphics: lines and corners in place of the small letters.
  case graphics = 0x30
  /// The British set: a pound sign in place of the number sign.
  case british = 0x41
}

/// ISO 2022 as terminals have it: four sets, one of them in the left half of the code table (GL).
struct Charsets {
  private var sets: (Charset, Charset, Charset, Charset) = (.ascii, .ascii, .ascii, .ascii)
  private(set) var left = 0
  /// The set of the next character only (SS2, SS3); 0 when there is none.
  private(set) var single = 0
  /// Whether bytes mean themselves, which is nearly always.
  private(set) var isPlain = true

  private subscript(index: Int) -> Charset {
    switch index {
    case 0: sets.0
    case 1: sets.1
    case 2: sets.2
    default: sets.3
    }
  }

  private mutating func update() { isPlain = single == 0 && self[left] == .ascii }

  mutating func designate(_ index: Int, _ set: Charset) {
    switch index {
    case 0: sets.0 = set
    case 1: sets.1 = set
    case 2: sets.2 = set
    default: sets.3 = set
    }
    update()
  }

  mutating func lockLeft(_ index: Int) {
    left = index
    update()
  }

  mutating func shiftOnce(_ index: Int) {
    single = index
    update()
  }

  /// The character a byte means; ends a single shift.
  mutating func map(_ byte: UInt32) -> UInt32 {
    let set = self[single != 0 ? single : left]
    if single != 0 {
      single = 0
      update()
    }
    switch set {
    case .ascii: return byte
    case .british: return byte == 0x23 ? 0xA3 : byte
    case .graphics: return byte >= 0x5F && byte <= 0x7E ? Self.graphics[Int(byte - 0x5F)] : byte
    }
  }

  /// 0x5F…0x7E of DEC Special Graphics (VT220 reference manual, table 2-4).
  private static let graphics: [UInt32] = [
    0x20, 0x25C6, 0x2592, 0x2409, 0x240C, 0x240D, 0x240A, 0xB0, 0xB1, 0x2424, 0x240B, 0x2518, 0x2510, 0x250C, 0x2514,
    0x253C, 0x23BA, 0x23BB, 0x2500, 0x23BC, 0x23BD, 0x251C, 0x2524, 0x2534, 0x252C, 0x2502, 0x2264, 0x2265, 0x3C0,
    0x2260, 0xA3, 0xB7,
  ]

  /// The escape sequences that lead to this state from a reset terminal.
  func appendSetup(to bytes: inout [UInt8]) {
    for (index, intermediate) in zip(0..<4, [0x28, 0x29, 0x2A, 0x2B] as [UInt8]) where self[index] != .ascii {
      bytes += [0x1B, intermediate, self[index].rawValue]
    }
    switch left {
    case 1: bytes.append(0x0E)
    case 2: bytes += [0x1B, 0x6E]
    case 3: bytes += [0x1B, 0x6F]
    default: break
    }
  }

  /// The escape sequences that bring a terminal in any state to that of a reset one.
  static let plainSetup = "\u{1B}(B\u{1B})B\u{1B}*B\u{1B}+B\u{0F}"

  /// SS2 or SS3, where one waits for its character. Nothing but that character may follow: other sequences might end it.
  func appendSingleShift(to bytes: inout [UInt8]) { appendSingleShift(single, to: &bytes) }

  func appendSingleShift(_ set: Int, to bytes: inout [UInt8]) {
    if set == 2 || set == 3 { bytes += [0x1B, set == 2 ? 0x4E : 0x4F] }
  }

  /// The single shift with which a byte is shown as the ASCII character that it is: 0 when it needs none, nil when there is none.
  func shift(showing byte: UInt8) -> Int? {
    for shift in [0, 2, 3] {
      var sets = self
      sets.shiftOnce(shift)
      if sets.map(UInt32(byte)) == UInt32(byte) { return shift }
    }
    return nil
  }

  /// Whether nothing differs from a reset terminal.
  var isInitial: Bool {
    left == 0 && single == 0 && (0..<4).allSatisfy { self[$0] == .ascii }
  }
}
