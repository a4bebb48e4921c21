import Formats

/// One line of the audit log for people and their tools: `key=value` pairs in a fixed order (logfmt).
///
/// `time=… outcome=refused principal=token:ci address=10.0.0.7:4711 operation=session.remove target=dev code=insufficient_scope
/// correlation_id=…`, then what else is known: `duration_ms`, `calls`, `bytes`, `event` (the id of the audit event).
///
/// Names come from outside, so a value that is not plainly harmless is quoted and escaped: a line can neither be forged by a line break in a
/// name nor do anything to the terminal that it is shown on.
package enum AuditLine {
  /// Longest value; a longer one is cut and ends in `…`.
  static let maximumValue = 256

  /// The line of an audit event, without a line end. `nil` for events that are none, whatever their type says: audit
  /// records are the server's own. `time` is RFC 3339, as the log has it.
  package static func text(of event: EventDraft, at time: String) -> String? {
    guard event.isAudit, let data = try? JSON(parsing: event.data) else { return nil }
    func text(_ name: String) -> String? { data[name].string ?? data[name].integer.map(String.init) }
    let pairs: [(String, String?)] = [
      ("time", time), ("outcome", text("outcome") ?? String(event.type.dropFirst("audit.".count))),
      ("principal", event.principal ?? "-"), ("address", text("address") ?? "-"),
      ("operation", text("operation") ?? "-"), ("target", text("target")), ("code", text("code")),
      ("correlation_id", event.correlationID), ("duration_ms", text("duration_ms")), ("calls", text("calls")),
      ("bytes", text("bytes")), ("event", event.id),
    ]
    return pairs.compactMap { name, value in value.map { "\(name)=\(quoted($0))" } }.joined(separator: " ")
  }

  /// A value as it may stand in a line: as it is when it consists of letters, digits and a few signs, else in quotation marks.
  static func quoted(_ value: String) -> String {
    let shown = value.unicodeScalars.prefix(maximumValue)
    let isCut = shown.endIndex != value.unicodeScalars.endIndex
    if !value.isEmpty, !isCut, shown.allSatisfy(isPlain) { return value }
    var text = "\""
    for scalar in shown {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case _ where isHarmless(scalar): text.unicodeScalars.append(scalar)
      default: text += "\\u{\(String(scalar.value, radix: 16))}"
      }
    }
    return text + (isCut ? "…\"" : "\"")
  }

  private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "-", "_", ".", ":", "/", "@", "+", "[", "]", "%": true
    default: false
    }
  }

  /// Neither a control character nor one that changes how its neighbours look (directional marks, joiners, tags).
  private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
    default: true
    }
  }
}

extension EventDraft {
  /// Whether it is an audit record: one of the server's own making.
  var isAudit: Bool { maker == .server && type.hasPrefix("audit.") }
}
