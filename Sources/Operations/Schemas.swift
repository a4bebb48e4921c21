package import Sessions

// The types of lower floors that operations take, with the schemas that they check themselves against.

extension SessionName: SchemaDescribing {
  package static let schema = Schema.string(
    format: .pattern(#"^[\p{L}\p{N}._-]+$"#, maximumLength: SessionName.maximumBytes))
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
