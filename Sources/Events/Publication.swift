import Formats

/// An event as somebody publishes it, in any of the forms that are understood.
///
/// Which form it is shows by its members: `specversion` is a CloudEvent, `payload` or `correlationId` the hub prototype's, anything else ours.
package struct Publication: Sendable {
  package var id: String?
  package var type: String
  package var subject: Subject
  package var origin: EventOrigin?
  package var correlationID: String?
  package var causationID: String?
  /// A JSON value on one line.
  package var data: [UInt8]

  /// Subjects that nobody publishes under: what the server says itself, and what it plays again.
  package static let reserved = ["hub", "replay"]

  /// Most events in one publication.
  package static let maximumBatch = 100

  /// Reads one event. Throws ``EventError/Code/invalidEvent`` and ``EventError/Code/invalidSubject`` with the member at fault.
  package init(_ text: ArraySlice<UInt8>) throws(EventError) {
    guard let members = JSONText.members(of: text) else {
      throw EventError(
        .invalidEvent, "An event is a JSON object in UTF-8, each member given once; this is none, or not well formed.")
    }
    try self.init(Members(members))
  }

  private init(_ members: Members) throws(EventError) {
    if members.has("specversion") {
      try self.init(cloudEvent: members)
    } else if members.has("payload") || members.has("correlationId") || members.has("timestamp") {
      try self.init(hubEvent: members)
    } else {
      try self.init(own: members)
    }
    if let id, !EventRules.isID(id) {
      throw EventError(.invalidEvent, "'id' must be 1 to 128 printable ASCII characters without spaces and quotes.")
    }
    guard EventRules.isType(type) else {
      throw EventError(
        .invalidEvent,
        "'type', which is the subject when none is given, must be 1 to 128 printable ASCII characters without spaces and quotes."
      )
    }
    if let origin {
      guard EventRules.isOriginKind(origin.kind) else {
        throw EventError(.invalidEvent, "The origin's kind must be 1 to 32 of a–z, 0–9, '_' and '-'.")
      }
      guard EventRules.isOriginID(origin.id) else {
        throw EventError(.invalidEvent, "The origin's id must be 1 to 128 bytes without control characters and quotes.")
      }
    }
    for (name, value) in [("correlation_id", correlationID), ("causation_id", causationID)] {
      if let value, !EventRules.isID(value) {
        throw EventError(
          .invalidEvent, "'\(name)' must be 1 to 128 printable ASCII characters without spaces and quotes.")
      }
    }
  }

  private init(own members: Members) throws(EventError) {
    try members.check(["id", "type", "subject", "origin", "correlation_id", "causation_id", "data"])
    let subject = try Subject(try members.text("subject", isRequired: true) ?? "")
    self.subject = subject
    id = try members.text("id")
    type = try members.text("type") ?? subject.text
    correlationID = try members.text("correlation_id")
    causationID = try members.text("causation_id")
    origin = try members.origin(kind: "kind")
    data = try members.value("data")
  }

  private init(hubEvent members: Members) throws(EventError) {
    try members.check(["id", "type", "subject", "origin", "correlationId", "causationId", "timestamp", "payload"])
    id = try members.text("id")
    let type = try members.text("type", isRequired: true) ?? ""
    self.type = type
    correlationID = try members.text("correlationId")
    causationID = try members.text("causationId")
    let origin = try members.origin(kind: "type")
    self.origin = origin
    if let subject = try members.text("subject") {
      self.subject = try Subject(subject)
    } else {
      // The prototype's bridge: `<origin.type>.<origin.id>.<type>`.
      subject = try Subject("\(origin?.kind ?? "tool").\(Publication.token(origin?.id ?? "unknown")).\(type)")
    }
    data = try members.value("payload")
  }

  private init(cloudEvent members: Members) throws(EventError) {
    guard try members.text("specversion") == "1.0" else {
      throw EventError(.invalidEvent, "'specversion' must be \"1.0\": other versions of CloudEvents are not known.")
    }
    if members.has("data_base64") {
      throw EventError(.invalidEvent, "'data_base64' is not taken; send JSON in 'data'.")
    }
    if let kind = try members.text("datacontenttype"), !Publication.isJSON(kind) {
      throw EventError(.invalidEvent, "'datacontenttype' must be JSON.")
    }
    id = try members.text("id", isRequired: true)
    let type = try members.text("type", isRequired: true) ?? ""
    let source = try members.text("source", isRequired: true) ?? ""
    self.type = type
    correlationID = try members.text("correlationid")
    causationID = try members.text("causationid")
    origin = EventOrigin(kind: "source", id: source)
    subject = try Subject(try members.text("subject") ?? type)
    data = try members.value("data")
  }

  /// Text as one token of a subject.
  private static func token(_ text: String) -> String {
    var token = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      token.append(scalar.properties.isWhitespace || [".", "*", ">", "\"", "\\"].contains(scalar) ? "_" : scalar)
    }
    return String(token)
  }

  private static func isJSON(_ mediaType: String) -> Bool {
    let type = mediaType.prefix { $0 != ";" }.lowercased()
    return type == "application/json" || type.hasSuffix("+json") || type == "text/json"
  }

  /// The events of a body: one object, or a list of them.
  package static func all(in text: ArraySlice<UInt8>) throws(EventError) -> [Publication] {
    guard JSONText.firstByte(text) == 0x5B else { return [try Publication(text)] }
    guard let elements = JSONText.elements(of: text), !elements.isEmpty, elements.count <= maximumBatch else {
      throw EventError(.invalidEvent, "A list holds 1 to \(maximumBatch) events.")
    }
    var all: [Publication] = []
    for (index, element) in elements.enumerated() {
      do throws(EventError) {
        all.append(try Publication(element))
      } catch {
        throw EventError(error.code, "Event \(index + 1) of the list: \(error.message)")
      }
    }
    return all
  }
}

/// The members of a JSON object, looked at one by one.
private struct Members {
  let members: [(name: String, value: ArraySlice<UInt8>)]

  init(_ members: [(name: String, value: ArraySlice<UInt8>)]) { self.members = members }

  func has(_ name: String) -> Bool { members.contains { $0.name == name } }

  func check(_ known: Set<String>) throws(EventError) {
    var seen: Set<String> = []
    for (name, _) in members {
      guard known.contains(name) else {
        throw EventError(
          .invalidEvent, "Unknown member '\(name.prefix(80))'; known are \(known.sorted().joined(separator: ", ")).")
      }
      guard seen.insert(name).inserted else { throw EventError(.invalidEvent, "'\(name)' is given twice.") }
    }
  }

  private func raw(_ name: String) -> ArraySlice<UInt8>? {
    members.last { $0.name == name && !JSONText.isNull($0.value) }?.value
  }

  func text(_ name: String, isRequired: Bool = false) throws(EventError) -> String? {
    guard let value = raw(name) else {
      if isRequired { throw EventError(.invalidEvent, "'\(name)' is missing.") }
      return nil
    }
    guard let text = JSONText.string(value) else { throw EventError(.invalidEvent, "'\(name)' must be a string.") }
    return text
  }

  func origin(kind: String) throws(EventError) -> EventOrigin? {
    guard let value = raw("origin") else { return nil }
    guard let inner = JSONText.members(of: value).map({ Members($0) }) else {
      throw EventError(.invalidEvent, "'origin' must be an object.")
    }
    try inner.check(kind == "kind" ? ["kind", "id", "server_id"] : ["type", "id"])
    guard let kindText = try inner.text(kind), let id = try inner.text("id") else {
      throw EventError(.invalidEvent, "'origin' needs '\(kind)' and 'id'.")
    }
    return EventOrigin(kind: kindText, id: id)
  }

  /// A value on one line; `null` when it is not given.
  func value(_ name: String) throws(EventError) -> [UInt8] {
    guard let value = raw(name) else { return Array("null".utf8) }
    guard let compact = JSONText.compact(value) else {
      throw EventError(.invalidEvent, "'\(name)' is not well-formed JSON in UTF-8.")
    }
    // Readers must not understand it differently.
    do throws(JSONSyntaxError) {
      _ = try JSON(parsing: compact, ambiguity: .refusedInMembers)
    } catch {
      throw EventError(.invalidEvent, "'\(name)' cannot be taken: \(error.message).")
    }
    return compact
  }
}
