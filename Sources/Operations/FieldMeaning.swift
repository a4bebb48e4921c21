package import Formats

/// What one field of an input means to who calls: part of its schema (`description` and `default`), in `GET /operations`, the OpenAPI document
/// and `roost call --describe`.
package struct FieldMeaning: Sendable, Equatable {
  /// The field's name in JSON.
  package let name: String
  /// One sentence without a full stop. Of a field that may be left out it says what then happens, where no value stands for it.
  package let sentence: String
  /// What stands for the field where it is left out; `nil` where no one value does.
  package let standard: JSON?

  package init(_ name: String, _ sentence: String, standard: JSON? = nil) {
    self.name = name
    self.sentence = sentence
    self.standard = standard
  }
}

/// An input that says what its fields mean.
package protocol MeaningTelling {
  /// One for each field, those of nested fields that are read from the same object too.
  static var meanings: [FieldMeaning] { get }
}

extension Schema.Field {
  /// A field of a schema that is stated by hand, with its meaning.
  package init(_ meaning: FieldMeaning, _ schema: Schema, required: Bool = false) {
    self.init(meaning.name, schema, required: required)
    self.meaning = meaning
  }
}

extension Schema {
  /// The same with how long is waited where the caller does not say.
  func giving(_ wait: Wait) -> Schema {
    guard case .object(var fields) = self, let place = fields.firstIndex(where: { $0.name == wait.field }),
      let meaning = fields[place].meaning
    else { return self }
    fields[place].meaning = FieldMeaning(
      wait.field, meaning.sentence, standard: .integer(wait.standard.milliseconds))
    return .object(fields)
  }
}
