// The encoding of a line of history.
//
//     line   := flags  length  text  [count  run*]
//     run    := columns  style × 2 + (has link)  [link]
//
// Numbers are written seven bits to a byte, least significant first, the high bit set on all but the last byte. Styles and links
// are numbers in the page's own tables. Text is UTF-8, in which bytes that UTF-8 never uses tell what text alone would not:
//
//     F8 n  the next n bytes are one narrow cell
//     F9 n  the next n bytes are one wide cell
//     FA    a blank that a wide character left at the end of the line
//     FB n  the next n pairs of bytes are wide characters, U+2E80 to U+D7FF: low byte, high byte. None ends in a byte that
//           could be taken for a blank or a marker.
//
// A scalar without a marker is a cell as wide as its table says.

enum HistoryFlags {
  static let wrapped: UInt8 = 1
  /// Runs follow; without them everything has the default style.
  static let hasRuns: UInt8 = 2
  /// The text is ASCII: a byte a cell.
  static let ascii: UInt8 = 4
  /// There are markers in the text.
  static let hasMarkers: UInt8 = 8
}

enum HistoryMarker {
  static let narrow: UInt8 = 0xF8
  static let wide: UInt8 = 0xF9
  static let leadSpacer: UInt8 = 0xFA
  static let pairs: UInt8 = 0xFB

  /// Below this UTF-8 is no longer.
  static let fewestPairs = 3
  static let longestPairs = 255
}

extension Cell {
  /// A wide character of which runs are written in pairs: U+2E80 to U+D7FF, where the ideographs, kana and syllables are.
  @inline(__always) var isPaired: Bool {
    let bits = self & (CellBits.wide | CellBits.token)
    return bits &- (CellBits.wide | 0x2E80) < 0xD800 - 0x2E80
  }
}

enum Varint {
  @inline(__always)
  static func read(_ bytes: inout UnsafePointer<UInt8>) -> Int {
    var value = 0
    var shift = 0
    while true {
      let byte = Int(bytes.pointee)
      bytes += 1
      value |= (byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
  }

  @inline(__always)
  static func write(_ value: Int, to target: inout UnsafeMutablePointer<UInt8>) {
    var value = value
    while value >= 0x80 {
      target.pointee = UInt8(truncatingIfNeeded: value | 0x80)
      target += 1
      value >>= 7
    }
    target.pointee = UInt8(truncatingIfNeeded: value)
    target += 1
  }

  static func append(_ value: Int, to bytes: inout [UInt8]) {
    var value = value
    while value >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: value | 0x80))
      value >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: value))
  }

  /// Takes a number off bytes that may be anything; nil when there is none of up to five bytes.
  static func take(from bytes: inout UnsafeRawBufferPointer) -> Int? {
    var value = 0
    for index in 0..<min(bytes.count, 5) {
      value |= Int(bytes[index] & 0x7F) << (7 * index)
      if bytes[index] < 0x80 {
        bytes = UnsafeRawBufferPointer(rebasing: bytes[(index + 1)...])
        return value
      }
    }
    return nil
  }

  /// A number in a place of fixed size that was left free for it.
  @inline(__always)
  static func write(_ value: Int, at target: UnsafeMutablePointer<UInt8>, size: Int) {
    var value = value
    for index in 0..<size - 1 {
      target[index] = UInt8(truncatingIfNeeded: value | 0x80)
      value >>= 7
    }
    target[size - 1] = UInt8(truncatingIfNeeded: value)
  }
}

/// A run of equally drawn cells in an encoded line.
struct HistoryRun {
  var columns: Int
  var style: Int
  /// The link's number in the page, -1 for none.
  var link: Int
}

/// An encoded line, taken apart.
struct HistoryLine {
  let flags: UInt8
  let text: UnsafeBufferPointer<UInt8>
  private let runBytes: UnsafePointer<UInt8>?
  let runCount: Int
  /// Where the next line begins.
  let end: UnsafePointer<UInt8>

  var isWrapped: Bool { flags & HistoryFlags.wrapped != 0 }
  var isASCII: Bool { flags & HistoryFlags.ascii != 0 }
  var hasMarkers: Bool { flags & HistoryFlags.hasMarkers != 0 }

  init(at start: UnsafePointer<UInt8>) {
    flags = start.pointee
    var bytes = start + 1
    let length = Varint.read(&bytes)
    text = UnsafeBufferPointer(start: bytes, count: length)
    bytes += length
    if flags & HistoryFlags.hasRuns != 0 {
      runCount = Varint.read(&bytes)
      runBytes = bytes
      for _ in 0..<runCount { _ = Self.readRun(&bytes) }
    } else {
      runCount = 0
      runBytes = nil
    }
    end = bytes
  }

  private static func readRun(_ bytes: inout UnsafePointer<UInt8>) -> HistoryRun {
    let columns = Varint.read(&bytes)
    let style = Varint.read(&bytes)
    let link = style & 1 == 0 ? -1 : Varint.read(&bytes)
    return HistoryRun(columns: columns, style: style >> 1, link: link)
  }

  func forEachRun(_ body: (HistoryRun) -> Void) {
    guard var bytes = runBytes else { return }
    for _ in 0..<runCount { body(Self.readRun(&bytes)) }
  }
}

/// The cells of an encoded text, one after the other.
struct HistoryCells {
  struct Element {
    /// What the cell shows, when it is one of a run of pairs; 0 when it is `text`.
    var scalar: UInt32 = 0
    /// The cell's text; empty for a lead spacer.
    var text = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
    var width: Int
    var isLeadSpacer = false

    func append(to bytes: inout [UInt8]) {
      if scalar == 0 {
        bytes.append(contentsOf: text)
      } else {
        UTF8Text.forEachByte(of: scalar) { bytes.append($0) }
      }
    }
  }

  private var position: UnsafePointer<UInt8>
  private let end: UnsafePointer<UInt8>
  /// Pairs left in the run that stands here.
  private var pairs = 0

  init(_ text: UnsafeBufferPointer<UInt8>) {
    // An empty text of a line still has an address: that of what follows it.
    position = text.baseAddress!
    end = position + text.count
  }

  mutating func next() -> Element? {
    guard position < end else { return nil }
    if pairs > 0 { return nextPair() }
    let byte = position.pointee
    switch byte {
    case HistoryMarker.leadSpacer:
      position += 1
      return Element(width: 1, isLeadSpacer: true)
    case HistoryMarker.pairs:
      pairs = min(Int(position[1]), (end - position - 2) / 2)
      position += 2
      return next()
    case HistoryMarker.narrow, HistoryMarker.wide:
      let count = min(Int(position[1]), end - position - 2)
      let text = UnsafeBufferPointer(start: position + 2, count: count)
      position += 2 + count
      return Element(text: text, width: byte == HistoryMarker.wide ? 2 : 1)
    default:
      let length = min(UTF8Text.length(leading: byte), end - position)
      let text = UnsafeBufferPointer(start: position, count: length)
      let scalar = UTF8Text.decode(position, length)
      position += length
      let width = Int(WidthTable.properties(of: scalar) & WidthTable.widthMask)
      return Element(text: text, width: max(width, 1))
    }
  }

  private mutating func nextPair() -> Element {
    let scalar = UInt32(position[0]) | UInt32(position[1]) << 8
    position += 2
    pairs -= 1
    return Element(scalar: scalar, width: 2)
  }
}
