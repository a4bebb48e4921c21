/// One complete control sequence (ECMA-48 §5.4, `CSI … final`) at the beginning of some bytes.
struct ControlSequence: Equatable {
  /// Longest one looked at; keyboards and mode settings send far less.
  static let longest = 64

  /// `<`, `=`, `>` or `?` right after the introducer.
  var prefix: UInt8?
  /// Parameters and, inside each, what colons separate. An empty one is 0.
  var parameters: [[Int]] = []
  var intermediates: [UInt8] = []
  var final: UInt8
  /// Bytes that it takes, introducer included.
  var length: Int

  /// Nil when the bytes begin with anything else, or end before it does.
  init?(_ bytes: ArraySlice<UInt8>) {
    let bytes = bytes.prefix(ControlSequence.longest)
    guard bytes.count >= 3, bytes.first == 0x1b, bytes[bytes.startIndex + 1] == UInt8(ascii: "[") else { return nil }
    var index = bytes.startIndex + 2
    if (0x3c...0x3f).contains(bytes[index]) {
      prefix = bytes[index]
      index += 1
    }
    let parameterStart = index
    while index < bytes.endIndex, (0x30...0x3b).contains(bytes[index]) { index += 1 }
    let text = bytes[parameterStart..<index]
    while index < bytes.endIndex, (0x20...0x2f).contains(bytes[index]) {
      intermediates.append(bytes[index])
      index += 1
    }
    guard index < bytes.endIndex, (0x40...0x7e).contains(bytes[index]) else { return nil }
    final = bytes[index]
    length = index + 1 - bytes.startIndex
    if !text.isEmpty {
      parameters = text.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false).map { parameter in
        parameter.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map(ControlSequence.number)
      }
    }
  }

  /// Saturating: a hostile parameter is only a large one.
  private static func number(_ digits: ArraySlice<UInt8>) -> Int {
    digits.reduce(0) { min($0 * 10 + Int($1 & 0x0f), 1 << 30) }
  }
}
