/// Text that is safe to show on a terminal: control characters, which could move the cursor or set its title, become
/// visible (`^[`, `\u{9b}`), everything else stays.
package func printable(_ text: String) -> String {
  guard text.unicodeScalars.contains(where: isControl) else { return text }
  var result = ""
  for scalar in text.unicodeScalars {
    if !isControl(scalar) {
      result.unicodeScalars.append(scalar)
    } else if scalar.value < 0x20 {
      result += "^"
      result.unicodeScalars.append(Unicode.Scalar(UInt8(scalar.value) + 0x40))
    } else {
      result += "\\u{\(String(scalar.value, radix: 16))}"
    }
  }
  return result
}

/// The same for text of several lines: newlines and tabs stay.
package func printableLines(_ text: String) -> String {
  let isKept: (Unicode.Scalar) -> Bool = { $0 == "\n" || $0 == "\t" || !isControl($0) }
  guard !text.unicodeScalars.allSatisfy(isKept) else { return text }
  var result = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    if isKept(scalar) {
      result.append(scalar)
    } else {
      result.append(contentsOf: printable(String(scalar)).unicodeScalars)
    }
  }
  return String(result)
}

/// JSON that is safe to show on a terminal, and still the same JSON: what our own writer leaves as it is (DEL, the C1 controls, what turns the
/// direction of text) stands in strings only, and is escaped there.
func shownJSON(_ text: String) -> String {
  guard text.unicodeScalars.contains(where: { $0.value >= 0x7f && isControl($0) }) else { return text }
  var result = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    if scalar.value >= 0x7f, isControl(scalar) {
      let digits = String(scalar.value, radix: 16)
      result.append(contentsOf: "\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".unicodeScalars)
    } else {
      result.append(scalar)
    }
  }
  return String(result)
}

private func isControl(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.value {
  case 0..<0x20, 0x7f..<0xa0: true
  // Bidirectional overrides reorder what follows: a name could look like another.
  case 0x61c, 0x200e, 0x200f, 0x202a...0x202e, 0x2066...0x2069: true
  // Line separators, and what takes no room and joins nothing: names with them look as if they were others.
  case 0x200b, 0x2028, 0x2029, 0x2060...0x2064, 0xfeff: true
  default: false
  }
}

/// Columns that the text takes on a terminal.
func displayWidth(_ text: String) -> Int {
  if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return text.utf8.count }
  return text.reduce(0) { $0 + columns(of: $1) }
}

/// A character is as wide as its widest scalar: marks that combine and joiners take no column of their own.
private func columns(of character: Character) -> Int {
  var width = 0
  for scalar in character.unicodeScalars {
    // Variation selector 16 asks for the picture form, which takes two columns.
    if scalar.value == 0xfe0f { return 2 }
    width = max(width, columns(of: scalar))
  }
  return width
}

private func columns(of scalar: Unicode.Scalar) -> Int {
  if scalar.isASCII { return 1 }
  switch scalar.properties.generalCategory {
  case .nonspacingMark, .enclosingMark, .format, .control: return 0
  default: break
  }
  return scalar.properties.isEmojiPresentation || wideRanges.contains { $0.contains(scalar.value) } ? 2 : 1
}

/// Blocks of East Asian wide characters (Unicode Standard Annex 11).
private let wideRanges: [ClosedRange<UInt32>] = [
  0x1100...0x115f, 0x2e80...0x303e, 0x3041...0x33ff, 0x3400...0x4dbf, 0x4e00...0xa4cf, 0xa960...0xa97f, 0xac00...0xd7a3,
  0xf900...0xfaff, 0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6, 0x17000...0x18cff, 0x1b000...0x1b2ff,
  0x1f200...0x1f2ff, 0x20000...0x3fffd,
]

/// The beginning of the text that fits in `columns`, with an ellipsis where something is cut.
func clipped(_ text: String, to columns: Int) -> String {
  guard displayWidth(text) > columns else { return text }
  var result = ""
  var width = 0
  for character in text {
    let next = displayWidth(String(character))
    guard width + next <= columns - 1 else { break }
    result.append(character)
    width += next
  }
  return result + "…"
}
