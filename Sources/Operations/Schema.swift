package import Formats

/// A JSON Schema (draft 2020-12), as far as operations need one.
package indirect enum Schema: Sendable, Equatable {
  case string(format: StringFormat = .plain)
  case integer(ClosedRange<Int>?)
  case number
  case boolean
  case array(Schema)
  case map(Schema)
  case object([Field])
  /// An object that may have members beside these: what other servers tell, which may know more than this one.
  case open([Field])
  /// This, or null.
  case optional(Schema)
  case either([Schema])
  case any

  package enum StringFormat: Sendable, Equatable {
    case plain
    case pattern(String, maximumLength: Int)
    case oneOf([String])
    case dateTime
  }

  package struct Field: Sendable, Equatable {
    package var name: String
    package var schema: Schema
    package var required: Bool
    /// What it means; `nil` in answers.
    package var meaning: FieldMeaning?

    package init(_ name: String, _ schema: Schema, required: Bool = true) {
      self.name = name
      self.schema = schema
      self.required = required
    }
  }

  /// The fields of an object; empty for anything else.
  package var fields: [Field] {
    switch self {
    case .object(let fields), .open(let fields): fields
    default: []
    }
  }

  /// Writes the schema as JSON.
  /// - Parameter meaning: of the field that has this schema.
  package func write(to json: inout JSONWriter, meaning: FieldMeaning? = nil) {
    json.beginObject()
    writeBody(to: &json)
    if let meaning {
      json.key("description")
      json.string(meaning.sentence)
      if let standard = meaning.standard {
        json.key("default")
        json.raw(standard.bytes)
      }
    }
    json.endObject()
  }

  private static func writeChoice(_ schemas: [Schema], orNull: Bool, to json: inout JSONWriter) {
    json.key("anyOf")
    json.beginArray()
    for schema in schemas { schema.write(to: &json) }
    if orNull {
      json.beginObject()
      json.key("type")
      json.string("null")
      json.endObject()
    }
    json.endArray()
  }

  private func writeBody(to json: inout JSONWriter) {
    func type(_ name: String, _ json: inout JSONWriter) {
      json.key("type")
      json.string(name)
    }
    switch self {
    case .string(let format):
      type("string", &json)
      switch format {
      case .plain: break
      case .pattern(let pattern, let length):
        json.key("pattern")
        json.string(pattern)
        json.key("maxLength")
        json.integer(length)
      case .oneOf(let values):
        json.key("enum")
        json.beginArray()
        for value in values { json.string(value) }
        json.endArray()
      case .dateTime:
        json.key("format")
        json.string("date-time")
      }
    case .integer(let range):
      type("integer", &json)
      if let range {
        json.key("minimum")
        json.integer(range.lowerBound)
        if range.upperBound != Int.max {
          json.key("maximum")
          json.integer(range.upperBound)
        }
      }
    case .number: type("number", &json)
    case .boolean: type("boolean", &json)
    case .array(let element):
      type("array", &json)
      json.key("items")
      element.write(to: &json)
    case .map(let value):
      type("object", &json)
      json.key("additionalProperties")
      value.write(to: &json)
    case .object(let fields), .open(let fields):
      type("object", &json)
      json.key("properties")
      json.beginObject()
      for field in fields {
        json.key(text: field.name)
        field.schema.write(to: &json, meaning: field.meaning)
      }
      json.endObject()
      let required = fields.filter(\.required)
      if !required.isEmpty {
        json.key("required")
        json.beginArray()
        for field in required { json.string(field.name) }
        json.endArray()
      }
      guard case .object = self else { return }
      json.key("additionalProperties")
      json.bool(false)
    case .optional(let schema): Schema.writeChoice([schema], orNull: true, to: &json)
    case .either(let schemas): Schema.writeChoice(schemas, orNull: false, to: &json)
    case .any: break
    }
  }
}

/// A value type that states its own schema: a constrained name, an enumeration, a duration.
///
/// Such a type checks itself while it decodes, so an operation never sees a bad one. `sample` is any valid value: it stands in
/// while the schema of a type that contains this one is read.
package protocol SchemaDescribing {
  static var schema: Schema { get }
  static var sample: Self { get }
}

/// A word of a list.
extension SchemaDescribing where Self: CaseIterable & RawRepresentable<String> {
  package static var schema: Schema { .string(format: .oneOf(allCases.map(\.rawValue))) }
}

/// A type whose answers have some members always, and `null` where nothing is known.
package protocol NullTelling {
  /// Their names in JSON.
  static var nullMembers: Set<String> { get }
}

/// `lastActivityMs` → `last_activity_ms`: Swift's names inside, snake case in JSON.
package func snakeCased(_ name: String) -> String {
  // Most names are one word.
  if name.utf8.allSatisfy({ (0x61...0x7A).contains($0) || $0 == 0x5F }) { return name }
  var result = ""
  result.reserveCapacity(name.utf8.count + 4)
  var previousIsLower = false
  for character in name {
    if character.isUppercase {
      if previousIsLower { result.append("_") }
      result.append(contentsOf: character.lowercased())
      previousIsLower = false
    } else {
      result.append(character)
      previousIsLower = character.isLowercase || character.isNumber
    }
  }
  return result
}
