import Formats
import Operations
import Store

/// The documents that describe the catalogue: OpenAPI 3.1 and the list behind `GET /operations`.
enum OpenAPI {
  /// The OpenAPI 3.1.0 description of everything served.
  static func document(of destinations: [Destination], prefix: BasePrefix, version: String) -> [UInt8] {
    var json = JSONWriter(reserving: 64 * 1024)
    json.beginObject()
    json.key("openapi")
    json.string("3.1.0")
    json.key("info")
    json.beginObject()
    json.key("title")
    json.string("Roost")
    json.key("version")
    json.string(version)
    json.key("description")
    json.string(
      "Terminal sessions for people and programs. Times are RFC 3339 in UTC, durations are milliseconds, sizes are bytes."
    )
    json.endObject()
    json.key("servers")
    json.beginArray()
    json.beginObject()
    json.key("url")
    json.string(prefix.text.isEmpty ? "/" : prefix.text)
    json.endObject()
    json.endArray()
    json.key("security")
    json.beginArray()
    json.beginObject()
    json.key("bearer")
    json.beginArray()
    json.endArray()
    json.endObject()
    json.endArray()
    writePaths(destinations, to: &json)
    writeComponents(to: &json)
    json.endObject()
    return json.finish()
  }

  /// `GET /operations`: what `roost call` and its help are made from.
  static func catalogue(of operations: [Operation]) -> [UInt8] {
    var json = JSONWriter(reserving: 32 * 1024)
    json.beginArray()
    for operation in operations {
      json.beginObject()
      json.key("name")
      json.string(operation.name)
      json.key("summary")
      json.string(operation.summary)
      json.key("scope")
      if let scope = operation.scope { json.string(scope.rawValue) } else { json.null() }
      json.key("method")
      json.string(operation.route.method)
      json.key("path")
      json.string(operation.route.path)
      json.key("status")
      json.integer(operation.status)
      if let field = operation.rawField {
        json.key("raw_field")
        json.string(field)
      }
      json.key("input")
      operation.input.write(to: &json)
      json.key("output")
      if let output = operation.output { output.write(to: &json) } else { json.null() }
      json.endObject()
    }
    json.endArray()
    return json.finish()
  }

  // MARK: Paths

  private static func writePaths(_ destinations: [Destination], to json: inout JSONWriter) {
    var paths: [String] = []
    for path in destinations.map(\.route.path) where !paths.contains(path) { paths.append(path) }
    json.key("paths")
    json.beginObject()
    for path in paths {
      json.key(text: path)
      json.beginObject()
      for destination in destinations where destination.route.path == path {
        json.key(text: destination.route.method.lowercased())
        json.beginObject()
        switch destination {
        case .operation(let operation): write(operation, isOpen: destination.isOpen, to: &json)
        case .stream(let binding, let entrance): write(binding.stream, entrance, to: &json)
        case .fixed(let fixed): write(fixed, to: &json)
        }
        json.endObject()
      }
      json.endObject()
    }
    json.endObject()
  }

  private static func write(_ operation: Operation, isOpen: Bool, to json: inout JSONWriter) {
    writeHead(operation.name, operation.summary, isOpen: isOpen, to: &json)
    json.key("description")
    json.string(
      operation.scope.map { "Needs the scope `\($0.rawValue)`." }
        ?? (isOpen ? "Open to anybody." : "Needs no particular scope."))
    writeScopes(operation.scope.map { [$0] } ?? [], to: &json)
    let inPath = operation.route.parameters
    let rest = operation.input.fields.filter { !inPath.contains($0.name) && $0.name != operation.rawField }
    let takesBody = !["GET", "HEAD", "DELETE"].contains(operation.route.method)
    let inQuery = takesBody && operation.rawField == nil ? [] : rest
    json.key("parameters")
    json.beginArray()
    for name in inPath {
      let field = operation.input.fields.first { $0.name == name } ?? Schema.Field(name, .string())
      writeParameter(field, in: "path", to: &json)
    }
    for field in inQuery { writeParameter(field, in: "query", to: &json) }
    if !isOpen {
      json.beginObject()
      json.key("$ref")
      json.string("#/components/parameters/server")
      json.endObject()
    }
    json.endArray()
    if operation.rawField != nil {
      writeBody("application/octet-stream", required: true, schema: nil, to: &json)
    } else if takesBody, !rest.isEmpty {
      writeBody(
        "application/json", required: rest.contains(where: \.required), schema: .object(rest.map(nullable)), to: &json)
    }
    json.key("responses")
    json.beginObject()
    json.key(text: String(operation.status))
    json.beginObject()
    json.key("description")
    json.string(operation.output == nil ? "Done." : "The answer.")
    if let output = operation.output { writeContent("application/json", output, to: &json) }
    json.endObject()
    writeDefaultResponse(to: &json)
    json.endObject()
  }

  /// In a body, null says the same as nothing.
  private static func nullable(_ field: Schema.Field) -> Schema.Field {
    var field = field
    if !field.required { field.schema = .optional(field.schema) }
    return field
  }

  private static func write(_ stream: Stream, _ entrance: Stream.Entrance, to json: inout JSONWriter) {
    let isWebSocket = entrance.carrier == .webSocket
    writeHead(entrance.name, entrance.summary, isOpen: false, to: &json)
    writeNeed(stream.scopes, to: &json)
    json.key("parameters")
    json.beginArray()
    let inPath = entrance.route.parameters
    for field in stream.input.fields {
      writeParameter(field, in: inPath.contains(field.name) ? "path" : "query", to: &json)
    }
    if stream.insteadOfHub == nil { writeParameter(server, in: "query", to: &json) }
    if isWebSocket { writeParameter(ticket, in: "query", to: &json) }
    json.endArray()
    json.key("responses")
    json.beginObject()
    json.key(text: isWebSocket ? "101" : "200")
    json.beginObject()
    json.key("description")
    json.string(isWebSocket ? "The connection is a WebSocket from here on." : "The answer.")
    if !isWebSocket { writeContent("text/event-stream", .string(), to: &json) }
    json.endObject()
    writeDefaultResponse(to: &json)
    json.endObject()
  }

  private static func write(_ endpoint: FixedEndpoint, to json: inout JSONWriter) {
    writeHead(endpoint.name, endpoint.summary, isOpen: endpoint.isOpen, to: &json)
    writeNeed(endpoint.scope.map { [$0] } ?? [], to: &json)
    json.key("parameters")
    json.beginArray()
    for name in endpoint.route.parameters { writeParameter(Schema.Field(name, .string()), in: "path", to: &json) }
    json.endArray()
    if endpoint == .rpc { writeBody("application/json", required: true, schema: .any, to: &json) }
    json.key("responses")
    json.beginObject()
    json.key("200")
    json.beginObject()
    json.key("description")
    json.string("The answer.")
    switch endpoint {
    case .index, .metrics: writeContent("text/plain", .string(), to: &json)
    case .openAPI, .operations, .rpc: writeContent("application/json", .any, to: &json)
    case .schema: writeContent("application/schema+json", .any, to: &json)
    }
    json.endObject()
    if endpoint == .rpc {
      json.key("204")
      json.beginObject()
      json.key("description")
      json.string("The message held notifications only.")
      json.endObject()
    }
    writeDefaultResponse(to: &json)
    json.endObject()
  }

  /// What a caller needs who is let in, in words and for programs.
  private static func writeNeed(_ scopes: [Scope], to json: inout JSONWriter) {
    if !scopes.isEmpty {
      json.key("description")
      let names = scopes.map { "`\($0.rawValue)`" }
      json.string("Needs the scope\(names.count == 1 ? "" : "s") \(names.joined(separator: " and ")).")
    }
    writeScopes(scopes, to: &json)
  }

  /// What a caller must be allowed to do, all of it, for programs: OpenAPI has no place for the scopes of bearer tokens. `admin` stands for all.
  private static func writeScopes(_ scopes: [Scope], to json: inout JSONWriter) {
    json.key("x-roost-scopes")
    json.beginArray()
    for scope in scopes { json.string(scope.rawValue) }
    json.endArray()
  }

  private static func writeHead(_ id: String, _ summary: String, isOpen: Bool, to json: inout JSONWriter) {
    json.key("operationId")
    json.string(id)
    json.key("summary")
    json.string(summary)
    json.key("tags")
    json.beginArray()
    json.string(String(id.prefix { $0 != "." }))
    json.endArray()
    if isOpen {
      json.key("security")
      json.beginArray()
      json.endArray()
    }
  }

  private static let server = Schema.Field(
    FieldMeaning(
      "server", "The server that is to do it, by host name, id or address; without it the one that is asked"), .string()
  )
  private static let ticket = Schema.Field(
    FieldMeaning("ticket", "A ticket in the place of a token, from POST /auth/ws-ticket"), .string())

  private static func writeParameter(_ field: Schema.Field, in place: String, to json: inout JSONWriter) {
    json.beginObject()
    json.key("name")
    json.string(field.name)
    json.key("in")
    json.string(place)
    json.key("required")
    json.bool(field.required)
    if let meaning = field.meaning {
      json.key("description")
      json.string(meaning.sentence)
    }
    if place == "query", isList(field.schema) {
      // A list is written with commas.
      json.key("style")
      json.string("form")
      json.key("explode")
      json.bool(false)
    }
    json.key("schema")
    field.schema.write(to: &json, meaning: field.meaning)
    json.endObject()
  }

  private static func isList(_ schema: Schema) -> Bool {
    switch schema {
    case .array: true
    case .optional(let inner): isList(inner)
    case .either(let choices): choices.contains(where: isList)
    default: false
    }
  }

  private static func writeBody(_ type: StaticString, required: Bool, schema: Schema?, to json: inout JSONWriter) {
    json.key("requestBody")
    json.beginObject()
    json.key("required")
    json.bool(required)
    writeContent(type, schema ?? .any, to: &json)
    json.endObject()
  }

  private static func writeContent(_ type: StaticString, _ schema: Schema, to json: inout JSONWriter) {
    json.key("content")
    json.beginObject()
    json.key(type)
    json.beginObject()
    json.key("schema")
    schema.write(to: &json)
    json.endObject()
    json.endObject()
  }

  private static func writeDefaultResponse(to json: inout JSONWriter) {
    json.key("default")
    json.beginObject()
    json.key("$ref")
    json.string("#/components/responses/Error")
    json.endObject()
  }

  // MARK: Components

  private static let errorSchema = Schema.object([
    .init(
      "error",
      .object([
        .init("code", .string(format: .oneOf(ErrorCode.allCases.map(\.rawValue)))),
        .init("message", .string()),
      ]))
  ])

  private static func writeComponents(to json: inout JSONWriter) {
    json.key("components")
    json.beginObject()
    json.key("securitySchemes")
    json.beginObject()
    json.key("bearer")
    json.beginObject()
    json.key("type")
    json.string("http")
    json.key("scheme")
    json.string("bearer")
    json.key("description")
    json.string("A token with the scopes that the operations name. The Unix socket needs none. Scopes: \(scopes).")
    json.endObject()
    json.endObject()
    json.key("schemas")
    json.beginObject()
    json.key("Error")
    errorSchema.write(to: &json)
    json.endObject()
    json.key("parameters")
    json.beginObject()
    json.key("server")
    writeParameter(server, in: "query", to: &json)
    json.endObject()
    json.key("responses")
    json.beginObject()
    json.key("Error")
    json.beginObject()
    json.key("description")
    json.string("Refused or failed; `code` is stable.")
    json.key("content")
    json.beginObject()
    json.key("application/json")
    json.beginObject()
    json.key("schema")
    json.beginObject()
    json.key("$ref")
    json.string("#/components/schemas/Error")
    json.endObject()
    json.endObject()
    json.endObject()
    json.endObject()
    json.endObject()
    json.endObject()
  }

  private static var scopes: String { Scope.allCases.map(\.rawValue).joined(separator: ", ") }
}
