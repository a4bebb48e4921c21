/// How many columns a scalar takes, and how it joins with its neighbours; one byte for each scalar.
package enum WidthTable {
  /// The width in columns: 0, 1 or 2.
  static let widthMask: UInt8 = 3
  /// Joins the character before it when a zero-width joiner (U+200D) stands between them.
  static let pictographic: UInt8 = 4
  /// A skin tone: joins the picture before it.
  static let modifier: UInt8 = 8
  /// One of the letters that make a flag in pairs.
  static let regionalIndicator: UInt8 = 16
  /// A C1 control: not text at all.
  static let control: UInt8 = 32
  /// Shown as a picture two columns wide when U+FE0F follows.
  static let variationCapable: UInt8 = 64

  /// The table covers the first two planes; the rest is decided by ranges.
  static let tableSize: UInt32 = 0x20000

  static let zeroWidthJoiner: UInt32 = 0x200D
  static let emojiPresentation: UInt32 = 0xFE0F

  /// Made once for the process and never written again, so every thread may read it.
  nonisolated(unsafe) static let table: UnsafePointer<UInt8> = {
    let table = UnsafeMutablePointer<UInt8>.allocate(capacity: Int(tableSize))
    table.initialize(repeating: 1, count: Int(tableSize))
    func fill(_ ranges: [ClosedRange<UInt32>], _ change: (inout UInt8) -> Void) {
      for range in ranges {
        for scalar in range where scalar < tableSize { change(&table[Int(scalar)]) }
      }
    }
    fill(WidthRanges.wide) { $0 = 2 }
    fill(WidthRanges.zero) { $0 = 0 }
    fill(WidthRanges.emoji) { $0 |= variationCapable }
    fill([0xA9...0x1FFFF]) { if $0 & variationCapable != 0 { $0 |= pictographic } }
    fill([0x1F1E6...0x1F1FF]) { $0 = 2 | regionalIndicator }
    fill([0x1F3FB...0x1F3FF]) { $0 = 2 | modifier }
    fill([0x80...0x9F]) { $0 = control }
    // The soft hyphen is a format character that terminals show.
    table[0xAD] = 1
    return UnsafePointer(table)
  }()

  @inline(__always)
  static func properties(_ scalar: UInt32, in table: UnsafePointer<UInt8>) -> UInt8 {
    if scalar < tableSize { return table[Int(scalar)] }
    if scalar < 0x40000 { return scalar & 0xFFFE == 0xFFFE ? 1 : 2 }
    return scalar >= 0xE0000 && scalar < 0xE1000 ? 0 : 1
  }

  /// The columns a scalar takes when it stands alone.
  package static func width(of scalar: Unicode.Scalar) -> Int {
    Int(properties(scalar.value, in: table) & widthMask)
  }
}
