// Made from schemas/*.json by EventSchemaTests with ROOST_WRITE_DOCS=1: change those.

/// The JSON Schemas (draft 2020-12) of the forms of an event, by the names of their files.
package enum EventSchemas {
  package static let contentType = "application/schema+json"

  package static let names = ["event.schema.json", "cloudevent.schema.json", "hub-event.schema.json"]

  /// The schema of that name; nil when there is none.
  package static func text(named name: String) -> String? {
    switch name {
    case "event.schema.json":
      #"""
      {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:roost:schema:event",
        "title": "Event",
        "description": "One event as Roost stores and serves it: the envelope of GET /events, of the streams, and of the log's files (there with a checksum, 'crc', as its last member).",
        "type": "object",
        "required": ["id", "seq", "type", "subject", "time", "origin", "correlation_id", "data"],
        "additionalProperties": false,
        "properties": {
          "id": { "$ref": "#/$defs/id", "description": "Names the event; a UUID unless its publisher gave another." },
          "seq": {
            "type": "integer",
            "minimum": 1,
            "description": "Its number in the log of its server: without gaps, and growing across restarts."
          },
          "type": { "$ref": "#/$defs/id", "description": "What happened: 'session.created'." },
          "subject": {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "pattern": "^[^\\s.\"\\\\]+(\\.[^\\s.\"\\\\]+)*$",
            "description": "What it is about, as NATS writes it: tokens separated by dots. Roost's own are 'hub.<server_id>.<domain>.<action>'."
          },
          "time": {
            "type": "string",
            "format": "date-time",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$",
            "description": "When the server took it: UTC, with microseconds."
          },
          "origin": {
            "type": "object",
            "required": ["server_id", "kind", "id"],
            "additionalProperties": false,
            "properties": {
              "server_id": { "$ref": "#/$defs/id" },
              "kind": {
                "type": "string",
                "pattern": "^[a-z0-9_-]{1,32}$",
                "description": "The kind of thing it comes from: 'server', 'session', 'token', 'client', 'tool', 'project'."
              },
              "id": { "type": "string", "minLength": 1, "maxLength": 128 }
            }
          },
          "correlation_id": { "$ref": "#/$defs/id", "description": "Shared by everything that one call caused." },
          "causation_id": { "$ref": "#/$defs/id", "description": "The id of the event that caused this one." },
          "principal": { "type": "string", "description": "Who asked for it: 'user:1000', 'token:ci'." },
          "data": { "description": "Any JSON value; what it holds depends on the type." },
          "crc": {
            "type": "string",
            "pattern": "^[0-9a-f]{8}$",
            "description": "In files only: CRC-32C of the line before this member."
          }
        },
        "$defs": {
          "id": { "type": "string", "pattern": "^[!#-\\[\\]-~]{1,128}$" }
        }
      }

      """#
    case "cloudevent.schema.json":
      #"""
      {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:roost:schema:cloudevent",
        "title": "Event as a CloudEvent",
        "description": "CloudEvents 1.0 in the JSON event format, as format=cloudevents and Accept: application/cloudevents+json give it, and as POST /events takes it.",
        "type": "object",
        "required": ["specversion", "id", "source", "type"],
        "properties": {
          "specversion": { "const": "1.0" },
          "id": { "type": "string", "minLength": 1 },
          "source": { "type": "string", "format": "uri-reference", "minLength": 1 },
          "type": { "type": "string", "minLength": 1 },
          "subject": { "type": "string", "minLength": 1 },
          "time": { "type": "string", "format": "date-time" },
          "datacontenttype": { "type": "string", "pattern": "^[Aa]pplication/([^;]+\\+)?[Jj][Ss][Oo][Nn]|^text/json" },
          "dataschema": { "type": "string", "format": "uri", "minLength": 1 },
          "data": { "description": "Any JSON value." },
          "correlationid": { "type": "string", "minLength": 1, "description": "Shared by everything that one call caused." },
          "causationid": {
            "type": "string",
            "minLength": 1,
            "description": "The id of the event that caused this one (CloudEvents extension 'correlation')."
          },
          "sequence": {
            "type": "string",
            "pattern": "^[0-9]+$",
            "description": "The number in the log of its server (CloudEvents extension 'sequence')."
          },
          "principal": { "type": "string", "description": "Who asked for it." }
        },
        "propertyNames": { "pattern": "^[a-z0-9]+$", "description": "No data_base64: data are JSON." }
      }

      """#
    case "hub-event.schema.json":
      #"""
      {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:roost:schema:hub-event",
        "title": "Event in the hub's form",
        "description": "The form of the hub prototype, as format=hub gives it and as POST /events takes it; id and timestamp may be left out when publishing.",
        "type": "object",
        "required": ["correlationId", "origin", "type"],
        "properties": {
          "id": { "type": "string", "minLength": 1 },
          "correlationId": { "type": "string", "minLength": 1 },
          "origin": {
            "type": "object",
            "required": ["type", "id"],
            "properties": {
              "type": {
                "type": "string",
                "pattern": "^[a-z0-9_-]{1,32}$",
                "description": "Given out as 'tool' or 'project': what is neither is a tool with the id 'kind:id'."
              },
              "id": { "type": "string", "minLength": 1 }
            }
          },
          "timestamp": { "type": "string", "format": "date-time" },
          "type": { "type": "string", "minLength": 1, "maxLength": 128 },
          "payload": { "description": "Any JSON value." }
        }
      }

      """#
    default: nil
    }
  }
}
