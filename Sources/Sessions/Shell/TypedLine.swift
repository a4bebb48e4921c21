/// What has been typed at a terminal since the last line was sent off, as far as the bytes tell. Pure.
struct TypedLine: Equatable {
  /// Of a longer line only that it is there is remembered.
  static let limit = 4096

  /// The unfinished line.
  private(set) var unfinished: [UInt8] = []
  /// Whether something may stand before it that an earlier server was given.
  var isUnknown = false
  /// Lines that were sent off, and interrupts: each makes a shell print another prompt, sooner or later.
  private(set) var submitted: UInt64 = 0
  /// The last key was ctrl+c: what was begun before is to go.
  private(set) var isInterrupted = false

  var isEmpty: Bool { unfinished.isEmpty }

  /// Whether typing the same bytes again makes the same line: nothing in it but text.
  var isPlainText: Bool { unfinished.count < TypedLine.limit && unfinished.allSatisfy { $0 >= 0x20 && $0 != 0x7F } }

  mutating func take(_ bytes: [UInt8]) {
    if let last = bytes.last { isInterrupted = last == 0x03 }
    // What stands behind the last line's end is all that is left.
    var rest = bytes[...]
    if let end = bytes.lastIndex(where: TypedLine.endsLine) {
      let count = bytes[...end].count { $0 == 0x0A || $0 == 0x0D || $0 == 0x03 }
      submitted += UInt64(count)
      if count > 0 { isUnknown = false }
      unfinished = []
      rest = bytes[(end + 1)...]
    }
    unfinished += rest.prefix(TypedLine.limit - unfinished.count)
  }

  /// It is seen to be empty.
  mutating func clear() { unfinished = [] }

  /// Its interrupt is seen to.
  mutating func clearInterrupt() { isInterrupted = false }

  /// A line was sent off that was not typed: a run's.
  mutating func countRun() { submitted += 1 }

  /// CR and LF send a line off; ctrl+c, ctrl+d, ctrl+z and ctrl+\ take it away; ctrl+u empties it.
  private static func endsLine(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x0A, 0x0D, 0x03, 0x04, 0x15, 0x1A, 0x1C: true
    default: false
    }
  }
}
