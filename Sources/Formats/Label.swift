/// The rule for names that people give and that become parts of paths: of sessions and of their tags.
package enum Label {
  /// Longest label, in bytes of UTF-8.
  package static let maximumBytes = 64

  /// Whether a text is 1 to 64 bytes of letters, digits, `-`, `_` and `.`, in any script.
  package static func isWellFormed(_ text: String) -> Bool {
    guard !text.isEmpty, text.utf8.count <= maximumBytes else { return false }
    return text.unicodeScalars.allSatisfy { scalar in
      scalar == "-" || scalar == "_" || scalar == "."
        || (scalar.isASCII
          ? (scalar.value >= 0x30 && scalar.value <= 0x39)
            || (scalar.value | 0x20 >= 0x61 && scalar.value | 0x20 <= 0x7A)
          // A letter that nobody sees (U+3164, a filler of Hangul) would make two names look alike.
          : !scalar.properties.isDefaultIgnorableCodePoint
            && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil))
    }
  }

  /// The same without `.` and `..`, which mean something else wherever a name becomes part of a path.
  package static func isName(_ text: String) -> Bool { isWellFormed(text) && text != "." && text != ".." }
}
