import Sys

/// What a paste sends.
enum Paste {
  private static let start = Array("\u{1B}[200~".utf8)
  private static let end = Array("\u{1B}[201~".utf8)

  /// Bytes of a text that is pasted: line ends become what Enter sends, and what a terminal or a line editor would act on becomes blank, so
  /// that a paste neither ends nor runs by itself. That is every control character but TAB and line ends (as with all of
  /// xterm's disallowedPasteControls), DEL, the controls U+0080 to U+009F, and what the terminal's line discipline acts on.
  ///
  /// - Parameters:
  ///   - isBracketed: whether the program has asked to be told of pastes (mode 2004).
  ///   - isRaw: keeps all characters.
  static func bytes(of text: String, isBracketed: Bool, discipline: LineDiscipline?, isRaw: Bool = false) -> [UInt8] {
    var pasted: [UInt8] = isBracketed ? start : []
    pasted.reserveCapacity(text.utf8.count + start.count + end.count)
    let acted = (0...255).map { discipline?.actsOn(UInt8($0), isBracketed: isBracketed) == true }
    var before: Unicode.Scalar = "\0"
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n" where before == "\r": break
      case "\n", "\r": pasted.append(0x0D)
      // A character goes as a whole: half of one would be another.
      case _ where !isRaw && (isControl(scalar) || scalar.utf8.contains { acted[Int($0)] }): pasted.append(0x20)
      default: pasted += scalar.utf8
      }
      before = scalar
    }
    if isBracketed { pasted += end }
    return pasted
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09: false
    case 0x00...0x1F, 0x7F...0x9F: true
    default: false
    }
  }
}
