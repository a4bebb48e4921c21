/// The path under which everything is served (`--base-prefix /p`), for a server behind a proxy that hands on one folder of its own.
package struct BasePrefix: Sendable, Equatable {
  /// Empty, or `/p`, `/p/q`: starts with a slash, does not end with one.
  package let text: String

  /// Served at the root.
  package static let none = BasePrefix(unchecked: "")

  private init(unchecked text: String) { self.text = text }

  /// `nil` when the text does not start with `/`, ends with `/`, has an empty segment or `.`, `..`, or holds anything but the
  /// unreserved characters of RFC 3986 §2.3: a prefix is compared byte by byte with what a client sends.
  package init?(_ text: String) {
    guard text.utf8.first == 0x2F, text.utf8.count <= BasePrefix.maximumBytes else { return nil }
    for segment in text.utf8.dropFirst().split(separator: 0x2F, omittingEmptySubsequences: false) {
      if segment.isEmpty || segment.elementsEqual(".".utf8) || segment.elementsEqual("..".utf8) { return nil }
      let isUnreserved = segment.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
        default: false
        }
      }
      if !isUnreserved { return nil }
    }
    self.text = text
  }

  /// More would eat into the 8 KiB that a request target may have, for no use anybody has shown.
  private static let maximumBytes = 256

  /// What is left of a path below the prefix, starting with `/`; `nil` for a path outside.
  func remainder(of path: Substring) -> Substring? {
    if text.isEmpty { return path }
    guard path.utf8.starts(with: text.utf8) else { return nil }
    let rest = path.utf8.dropFirst(text.utf8.count)
    if rest.isEmpty { return "/" }
    return rest.first == 0x2F ? Substring(rest) : nil
  }
}
