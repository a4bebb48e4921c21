// DECSCL: a terminal that behaves as an older one. What each level leaves out was measured in xterm 379.

extension Terminal {
  /// VT500.
  static let highestLevel = 5

  /// DECSCL (`CSI 6 level ; bits " p`): a soft reset, and from then on only the functions of that level. With 1 as the second parameter
  /// answers are in seven bits, else in eight.
  mutating func setConformanceLevel() {
    guard (61...(60 + Self.highestLevel)).contains(raw(0)) else { return }
    softReset()
    conformanceLevel = raw(0) - 60
    repliesInEightBits = conformanceLevel > 1 && raw(1) != 1
  }

  /// Whether the level has a control sequence with this intermediate and final byte.
  func isKnownAtLevel(intermediate: UInt8, final: UInt8) -> Bool {
    switch (intermediate, final) {
    // Rectangles, their checksum and extent, inserting and deleting columns, lines per screen.
    case (0x24, 0x72), (0x24, 0x74), (0x24, 0x76), (0x24, 0x78), (0x24, 0x7A), (0x24, 0x7B), (0x27, 0x7D), (0x27, 0x7E),
      (0x2A, 0x78), (0x2A, 0x79), (0x2A, 0x7C):
      conformanceLevel >= 4
    // DECRQM, DECSCPP.
    case (0x24, 0x70), (0x24, 0x7C): conformanceLevel >= 3
    default: true
    }
  }

  /// Whether the level has a DEC private mode: left and right margins came with the VT400, DECNCSM with the VT500.
  func isKnownAtLevel(privateMode number: Int) -> Bool {
    switch number {
    case 42: conformanceLevel >= 2
    case 69: conformanceLevel >= 4
    case 95: conformanceLevel >= 5
    default: true
    }
  }

  /// Whether the level has a report of DEC's DSR.
  func isKnownAtLevel(privateStatus number: Int) -> Bool {
    switch number {
    case 15, 25: conformanceLevel >= 2
    case 53, 55, 56: conformanceLevel >= 3
    case 26, 62, 63, 75, 85: conformanceLevel >= 4
    default: true
    }
  }
}
