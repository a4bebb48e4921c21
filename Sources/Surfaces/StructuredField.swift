/// Items of structured fields (RFC 9651), as far as our headers need them.
enum StructuredField {
  /// A name as a token where it is one, else as a string, else, beyond ASCII, as a display string.
  static func item(_ text: String) -> String {
    if isToken(text) { return text }
    if text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) {
      return "\"" + text.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }.joined() + "\""
    }
    var shown = ""
    for byte in text.utf8 {
      switch byte {
      case 0x22, 0x25, 0..<0x20, 0x7F...: shown += "%" + hex(byte >> 4) + hex(byte & 15)
      default: shown.unicodeScalars.append(Unicode.Scalar(byte))
      }
    }
    return "%\"" + shown + "\""
  }

  /// §3.3.4: a letter or `*`, then characters of HTTP's tokens, `:` and `/`.
  private static func isToken(_ text: String) -> Bool {
    func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }
    guard let first = text.utf8.first, isLetter(first) || first == 0x2A else { return false }
    return text.utf8.allSatisfy { byte in
      isLetter(byte) || (0x30...0x39).contains(byte) || "!#$%&'*+-.^_`|~:/".utf8.contains(byte)
    }
  }

  private static func hex(_ nibble: UInt8) -> String { String(nibble, radix: 16) }
}
