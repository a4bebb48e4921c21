import Formats

/// What a member of a session's record must be, whoever tells of the session.
package enum MemberForm: Sendable, Equatable {
  case text
  /// One of the words of this version; another version may know more.
  case word(Set<String>)
  /// A whole number, not negative where it counts something.
  case number(isCount: Bool)
  case moment
  /// An object; what it must have at least, and may.
  indirect case parts([String: MemberForm], required: Set<String>)
}

/// The form of records, held against what other servers tell. The document of the API states the same; a test holds the two together.
package enum RecordForm {
  /// Members beside those that ``DirectoryRecord`` reads for itself.
  package static let members: [String: MemberForm] = [
    "pid": .number(isCount: true), "command": .text, "rows": .number(isCount: true), "cols": .number(isCount: true),
    "size_policy": .word(["latest", "smallest", "largest", "fixed"]), "clients": .number(isCount: true),
    "state": .word(["exited", "prompt", "password", "reading", "quiet", "busy"]),
    "evidence": .word([
      "exit", "osc133", "osc633", "marker", "termios", "tty_read", "tty_poll", "looks_like_prompt", "screen_quiet",
      "output", "match", "screen_change",
    ]), "exit_status": .number(isCount: false), "exit_signal": .text, "started_at": .moment, "ended_at": .moment,
    "title": .text, "cwd": .text, "foreground": .text, "generation": .number(isCount: true),
    "bells": .number(isCount: true), "bell_at": .moment,
    "notification": .parts(["title": .text, "body": .text, "at": .moment], required: ["body", "at"]),
    "progress": .parts(
      ["state": .word(["normal", "error", "indeterminate", "paused"]), "percent": .number(isCount: true)],
      required: ["state", "percent"]),
  ]

  enum Fit { case fits, isLeftOut, doesNotFit }

  /// Whether a member may stand in a list. What is null says nothing, and neither does a word that only another version knows.
  static func fit(_ member: String, _ value: ArraySlice<UInt8>) -> Fit {
    members[member].map { fit($0, value) } ?? .fits
  }

  private static func fit(_ form: MemberForm, _ value: ArraySlice<UInt8>) -> Fit {
    if JSONText.isNull(value) { return .isLeftOut }
    switch form {
    case .text: return JSONText.string(value) == nil ? .doesNotFit : .fits
    case .word(let words):
      guard let word = JSONText.string(value) else { return .doesNotFit }
      return words.contains(word) ? .fits : .isLeftOut
    case .number(let isCount):
      guard let number = JSONText.integer(value), !isCount || number >= 0 else { return .doesNotFit }
      return .fits
    case .moment: return JSONText.string(value).flatMap { Timestamp(text: $0) } == nil ? .doesNotFit : .fits
    case .parts(let forms, let required):
      guard let parts = JSONText.members(of: value), required.isSubset(of: parts.map(\.name)) else {
        return .doesNotFit
      }
      for part in parts {
        switch forms[part.name].map({ fit($0, part.value) }) ?? .fits {
        case .fits: break
        // What is left out of a whole leaves no whole.
        case .isLeftOut where !required.contains(part.name): break
        case .isLeftOut: return .isLeftOut
        case .doesNotFit: return .doesNotFit
        }
      }
      return .fits
    }
  }
}
