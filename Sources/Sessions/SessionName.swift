import Formats
import Store

/// The name of a session, unique on its server: 1 to 64 bytes of letters, digits, `-`, `_` and `.`, in any script.
///
/// `.` and `..` are refused: they mean something else wherever a name becomes part of a path.
package struct SessionName: Sendable, Hashable, Codable, CustomStringConvertible {
  package let text: String

  /// Longest name, in bytes of UTF-8.
  package static let maximumBytes = Label.maximumBytes

  package init(_ text: String) throws(SessionError) {
    guard Label.isName(text) else {
      throw SessionError(
        .invalidSessionName, "Invalid session name: use 1 to 64 letters, digits, '.', '_' or '-' (but not '.' or '..')."
      )
    }
    self.text = text
  }

  package var description: String { text }

  /// Whether it has the form of a session's id (a UUID, in any case of its letters): no session is called so.
  package var isIDLike: Bool { isUUID(text.lowercased()) }

  package init(from decoder: any Decoder) throws {
    try self.init(try decoder.singleValueContainer().decode(String.self))
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}

/// A label of a session, by which sessions are found together. The rule for its characters is that of ``SessionName``.
package struct Tag: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
  package let text: String

  package init(_ text: String) throws(SessionError) {
    guard Label.isWellFormed(text) else {
      throw SessionError(.invalidTag, "Invalid tag: use 1 to 64 letters, digits, '.', '_' or '-'.")
    }
    self.text = text
  }

  package var description: String { text }

  package static func < (left: Tag, right: Tag) -> Bool { left.text < right.text }

  package init(from decoder: any Decoder) throws {
    try self.init(try decoder.singleValueContainer().decode(String.self))
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}
