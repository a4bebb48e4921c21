/// What an event is about: tokens separated by dots, as in NATS. `hub.<server_id>.session.created`.
///
/// A token is not empty and holds no white space, no control character, no dot, no quotation mark and no backslash; `*` and `>` alone are
/// wildcards and no tokens of a subject.
package struct Subject: Sendable, Hashable, CustomStringConvertible {
  package static let maximumBytes = 255
  package static let maximumTokens = 32

  package let text: String

  /// Throws ``EventError/Code/invalidSubject`` with the reason.
  package init(_ text: String) throws(EventError) {
    if let fault = SubjectRules.fault(in: text, allowingWildcards: false) {
      throw EventError(.invalidSubject, "The subject '\(text.prefix(80))' \(fault).")
    }
    self.text = text
  }

  /// A subject made of tokens that are known to be good.
  package init(own tokens: String...) {
    text = tokens.joined(separator: ".")
    precondition(SubjectRules.fault(in: text, allowingWildcards: false) == nil, "not a subject: \(text)")
  }

  package var description: String { text }

  /// What stands before the first dot.
  package var firstToken: String { String(text.unicodeScalars.prefix { $0 != "." }) }
}

/// Which subjects are meant: `*` stands for exactly one token, `>` as the last token for one or more (NATS protocol, "Subject-Based
/// Messaging"). A `*` or `>` inside a longer token is an ordinary character, as in NATS.
package struct SubjectPattern: Sendable, Hashable, CustomStringConvertible {
  package let text: String
  private let hasWildcards: Bool

  /// Throws ``EventError/Code/invalidSubject`` with the reason.
  package init(_ text: String) throws(EventError) {
    if let fault = SubjectRules.fault(in: text, allowingWildcards: true) {
      throw EventError(.invalidSubject, "The subject pattern '\(text.prefix(80))' \(fault).")
    }
    self.text = text
    hasWildcards = text.unicodeScalars.split(separator: ".").contains {
      $0.elementsEqual("*".unicodeScalars) || $0.elementsEqual(">".unicodeScalars)
    }
  }

  package var description: String { text }

  package func matches(_ subject: Subject) -> Bool {
    var text = subject.text
    return text.withUTF8 { matches($0) }
  }

  /// Matches the bytes of a valid subject.
  package func matches(_ subject: UnsafeBufferPointer<UInt8>) -> Bool {
    var own = text
    return own.withUTF8 { pattern in
      if !hasWildcards {
        return pattern.count == subject.count && (0..<pattern.count).allSatisfy { pattern[$0] == subject[$0] }
      }
      return SubjectPattern.matches(pattern, subject)
    }
  }

  private static let dot = UInt8(ascii: ".")

  private static func matches(_ pattern: UnsafeBufferPointer<UInt8>, _ subject: UnsafeBufferPointer<UInt8>) -> Bool {
    var (p, s) = (0, 0)
    while p < pattern.count {
      if s >= subject.count { return false }
      let isLoneWildcard = p + 1 == pattern.count || pattern[p + 1] == dot
      if isLoneWildcard, pattern[p] == UInt8(ascii: ">"), p + 1 == pattern.count { return true }
      if isLoneWildcard, pattern[p] == UInt8(ascii: "*") {
        while s < subject.count, subject[s] != dot { s += 1 }
        p += 1
      } else {
        while p < pattern.count, pattern[p] != dot {
          guard s < subject.count, subject[s] == pattern[p] else { return false }
          p += 1
          s += 1
        }
        if s < subject.count, subject[s] != dot { return false }
      }
      // Both stand at a dot or at their ends.
      if p == pattern.count { return s == subject.count }
      if s == subject.count { return false }
      p += 1
      s += 1
    }
    return false
  }
}

enum SubjectRules {
  /// What is wrong with a subject, as the rest of a sentence; `nil` when nothing is.
  static func fault(in text: String, allowingWildcards: Bool) -> String? {
    if text.isEmpty { return "is empty" }
    if text.utf8.count > Subject.maximumBytes { return "is longer than \(Subject.maximumBytes) bytes" }
    // By scalars, as the matcher goes by bytes: a mark that joins with the dot before it would hide it from a split by characters.
    let tokens = text.unicodeScalars.split(separator: ".", omittingEmptySubsequences: false)
    if tokens.count > Subject.maximumTokens { return "has more than \(Subject.maximumTokens) tokens" }
    for (index, token) in tokens.enumerated() {
      if token.isEmpty { return "has an empty token" }
      for scalar in token {
        if scalar.properties.isWhitespace || scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) {
          return "holds white space or a control character"
        }
        if scalar == "\"" || scalar == "\\" { return "holds a quotation mark or a backslash" }
      }
      if token.elementsEqual(">".unicodeScalars) {
        if !allowingWildcards { return "holds a wildcard" }
        if index != tokens.count - 1 { return "has '>' before its last token" }
      }
      if token.elementsEqual("*".unicodeScalars), !allowingWildcards { return "holds a wildcard" }
    }
    return nil
  }
}
