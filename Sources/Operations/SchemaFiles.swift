import Events

/// The JSON Schemas that a server gives to anybody: those of the forms of an event.
package enum SchemaFiles {
  package static let names = EventSchemas.names
  package static let contentType = EventSchemas.contentType

  /// `nil` where there is none of that name.
  package static func text(named name: String) -> String? { EventSchemas.text(named: name) }
}
