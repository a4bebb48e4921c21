package import Formats

/// One member of an event's data.
package struct EventField: Sendable, Equatable {
  package enum Kind: String, Sendable {
    case string, integer, boolean
    case strings = "list of strings"
    /// RFC 3339 in UTC.
    case time
  }

  package let name: String
  package let kind: Kind
  /// Left out where there is nothing to say.
  package let isOptional: Bool
  /// For people: what it means, with its unit.
  package let meaning: String

  package init(_ name: String, _ kind: Kind, optional isOptional: Bool = false, _ meaning: String) {
    self.name = name
    self.kind = kind
    self.isOptional = isOptional
    self.meaning = meaning
  }
}

/// A kind of event that a server emits of its own, with everything that its data may hold: what is written is checked against it, and the
/// table in `docs/events.md` is made from it.
package struct EventType: Sendable, Equatable {
  /// `domain.what_happened`.
  package let name: String
  /// One sentence for people.
  package let summary: String
  /// The kind of its origin; the origin's id is that thing's.
  package let origin: String
  package let fields: [EventField]

  package init(_ name: String, _ summary: String, from origin: String, _ fields: [EventField]) {
    self.name = name
    self.summary = summary
    self.origin = origin
    self.fields = fields
  }

  /// The data of an event of this type, as JSON. Members that are `nil` are left out.
  package func data(_ members: KeyValuePairs<String, JSON?>) -> [UInt8] {
    data(of: JSON.object(members))
  }

  package func data(of data: JSON) -> [UInt8] {
    assert(fault(in: data) == nil, "\(name): \(fault(in: data) ?? "")")
    return data.bytes
  }

  /// What is wrong with an event's data; `nil` when it is what the table says.
  package func fault(in data: JSON) -> String? {
    guard let members = data.members else { return "the data is no object" }
    for member in members {
      guard let field = fields.first(where: { $0.name == member.name }) else { return "unknown field '\(member.name)'" }
      guard EventType.fits(member.value, field.kind) else { return "'\(field.name)' is no \(field.kind.rawValue)" }
    }
    return fields.first { field in !field.isOptional && !members.contains { $0.name == field.name } }
      .map { "'\($0.name)' is missing" }
  }

  private static func fits(_ value: JSON, _ kind: EventField.Kind) -> Bool {
    switch kind {
    case .string: value.string != nil
    case .integer: value.integer != nil
    case .boolean: value.bool != nil
    case .strings: value.array?.allSatisfy { $0.string != nil } == true
    case .time: value.string.flatMap(Timestamp.init(text:)) != nil
    }
  }
}
