import Glibc

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

private func isControl(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.value {
  case 0..<0x20, 0x7f..<0xa0: true
  // Bidirectional overrides reorder what follows: a name could look like another.
  case 0x202a...0x202e, 0x2066...0x2069: true
  default: false
  }
}

/// Columns that the text takes on a terminal, as the C library's tables have it.
func displayWidth(_ text: String) -> Int {
  if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return text.utf8.count }
  useUnicodeWidths()
  var width = 0
  for scalar in text.unicodeScalars {
    width += max(0, Int(wcwidth(wchar_t(scalar.value))))
  }
  return width
}

private let unicodeLocaleIsSet = setlocale(LC_CTYPE, "C.UTF-8") != nil

/// `wcwidth` knows only ASCII until a UTF-8 locale is chosen.
private func useUnicodeWidths() {
  _ = unicodeLocaleIsSet
}

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
