package import Operations
package import Sessions

// The types of lower floors that operations take, with the schemas that they check themselves against.

extension SessionName: SchemaDescribing {
  /// The characters of ASCII are stated exactly, the others left to the check: `\p{…}` is not known to every validator's regular
  /// expressions.
  package static let schema = Schema.string(
    format: .pattern(#"^[^\x00-,/:-@\[-\^`{-\x7F]+$"#, maximumLength: SessionName.maximumBytes))
  package static let sample: SessionName = {
    guard let name = try? SessionName("a") else { preconditionFailure("'a' is a valid session name") }
    return name
  }()
}

extension Tag: SchemaDescribing {
  package static let schema = SessionName.schema
  package static let sample: Tag = {
    guard let tag = try? Tag("a") else { preconditionFailure("'a' is a valid tag") }
    return tag
  }()
}
