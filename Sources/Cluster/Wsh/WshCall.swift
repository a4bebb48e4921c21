import Formats

/// A request of wsh's HTTP interface that stands for an operation of ours.
struct WshCall: Equatable {
  var method: String
  /// Path and query, percent-encoded.
  var target: String
  var body: [UInt8] = []
  var contentType: String?
  var timeout = WshCall.standardTimeout

  /// How long wsh may take for what it does at once.
  static let standardTimeout = Duration.seconds(30)
  /// How much longer than a wait its answer may take.
  private static let slack = Duration.seconds(5)
  /// wsh waits so long at most, whatever is asked; and so long when nothing is said.
  private static let (longestWait, standardWait) = (300_000, 30_000)

  /// How a value that came as text is written in JSON.
  private enum Kind { case text, integer, boolean, list }

  /// An operation that wsh has too: the fields it knows of. What it does not know it would pass over in silence, and do something else.
  private struct Known {
    var fields: [String: Kind] = [:]
    /// The field that is the body as it is.
    var rawField: String?
    /// The values that a field may have there.
    var values: [String: Set<String>] = [:]
  }

  private static let formats = ["format": Set(["styled", "plain"])]
  private static let idleFields: [String: Kind] = [
    "timeout_ms": .integer, "max_wait_ms": .integer, "format": .text, "last_generation": .integer, "fresh": .boolean,
  ]

  private static let operations: [String: Known] = [
    "server.health": Known(),
    "server.info": Known(),
    "server.persistence": Known(),
    "server.persist": Known(fields: ["persistent": .boolean]),
    "session.list": Known(fields: ["tag": .list]),
    "session.create": Known(fields: [
      "name": .text, "command": .text, "rows": .integer, "cols": .integer, "cwd": .text, "env": .text, "tags": .list,
    ]),
    "session.get": Known(),
    "session.update": Known(fields: ["name": .text, "add_tags": .list, "remove_tags": .list]),
    "session.remove": Known(),
    "session.detach": Known(),
    "session.input": Known(fields: ["data": .text, "encoding": .text], rawField: "data"),
    "session.screen": Known(fields: ["format": .text], values: formats),
    "session.scrollback": Known(fields: ["format": .text, "offset": .integer, "limit": .integer], values: formats),
    "session.idle": Known(fields: idleFields, values: formats),
    "session.idle_any": Known(
      fields: idleFields.merging(["last_session": .text, "tag": .list]) { own, _ in own }, values: formats),
  ]

  /// A field as it was given: as text in a path or query, or as JSON in a body.
  private enum Value {
    case text(String)
    case json(ArraySlice<UInt8>)

    var text: String? {
      switch self {
      case .text(let text): text
      case .json(let json): JSONText.string(json)
      }
    }

    var isNull: Bool { if case .json(let json) = self { JSONText.isNull(json) } else { false } }
  }

  /// A question without a body.
  init(get target: String) {
    method = "GET"
    self.target = target
  }

  /// - Parameters:
  ///   - name: how the server is called, for errors.
  ///   - base: the path below which it serves; empty or `/prefix`.
  ///   - hostname: what it calls itself: its list of sessions is asked for by this name, since without one a hub would add those of others.
  init(_ request: RemoteRequest, name: String, base: String, hostname: String?) throws(RemoteFailure) {
    func refusal(_ code: String, _ status: Int, _ message: String) -> RemoteFailure {
      RemoteFailure(code: code, message: message, status: status, path: [name])
    }
    guard let known = WshCall.operations[request.operation] else {
      throw refusal("unsupported", 501, "\(name) is a wsh server, which has no \(request.operation).")
    }
    var given = (request.path + request.query).map { ($0.name, Value.text($0.value)) }
    var raw: [UInt8]?
    switch request.body {
    case .none: break
    case .raw(let bytes): raw = bytes
    case .json(let body):
      guard let members = JSONText.members(of: body[...]) else {
        throw refusal("invalid_request", 400, "Invalid request: the body must be a JSON object.")
      }
      given += members.map { ($0.name, .json($0.value)) }
    }
    var fields: [String: Value] = [:]
    for (field, value) in given where !value.isNull {
      guard fields.updateValue(value, forKey: field) == nil else {
        throw refusal("invalid_request", 400, "Invalid request: '\(field)' is given twice.")
      }
    }

    // Each parameter of the route is one segment, whatever is in it: no name leads to another path (RFC 3986 §3.3).
    var path = base
    for segment in request.route.split(separator: "/") {
      path += "/"
      guard segment.first == "{", segment.last == "}" else {
        path += segment
        continue
      }
      let parameter = String(segment.dropFirst().dropLast())
      guard let text = fields.removeValue(forKey: parameter)?.text, !text.isEmpty else {
        throw refusal("invalid_request", 400, "Invalid request: '\(parameter)' is missing.")
      }
      path += WshCall.segment(text)
    }
    for (field, value) in fields {
      guard known.fields[field] != nil else {
        throw refusal(
          "unsupported", 501, "\(name) is a wsh server, whose \(request.operation) takes no '\(field)'.")
      }
      if let allowed = known.values[field], let text = value.text, !allowed.contains(text) {
        throw refusal(
          "unsupported", 501,
          "\(name) is a wsh server, whose \(request.operation) knows \(allowed.sorted().joined(separator: " and ")) for '\(field)'."
        )
      }
    }
    method = request.method
    target = path
    if known.rawField != nil {
      contentType = "application/octet-stream"
      body = try WshCall.input(raw, fields, refusal)
      return
    }
    guard raw == nil else { throw refusal("invalid_request", 400, "Invalid request: the body must be a JSON object.") }
    if request.method == "GET" {
      var query: [(String, String)] = []
      for (field, value) in fields.sorted(by: { $0.key < $1.key }) {
        guard let text = WshCall.queryText(value) else {
          throw refusal("invalid_request", 400, "Invalid request: '\(field)' cannot be an object.")
        }
        query.append((field, text))
      }
      if request.operation == "session.list", let hostname { query.append(("server", hostname)) }
      if !query.isEmpty {
        target +=
          "?" + query.map { PercentEncoding.encode($0) + "=" + PercentEncoding.encode($1) }.joined(separator: "&")
      }
      if request.operation == "session.idle" || request.operation == "session.idle_any" {
        let wait = fields["max_wait_ms"].flatMap(WshCall.queryText).flatMap { Int($0) } ?? WshCall.standardWait
        timeout = .milliseconds(min(max(0, wait), WshCall.longestWait)) + WshCall.slack
      }
    } else if !known.fields.isEmpty {
      contentType = "application/json"
      var json = JSONWriter()
      json.beginObject()
      for (field, value) in fields.sorted(by: { $0.key < $1.key }) {
        json.key(text: field)
        switch value {
        case .json(let text): json.raw(text)
        case .text(let text): try WshCall.write(text, known.fields[field] ?? .text, field, to: &json, refusal)
        }
      }
      json.endObject()
      body = json.finish()
    }
  }

  /// One segment of a path. A proxy on the way takes dots that stand alone for steps (RFC 3986 §5.2.4).
  static func segment(_ text: String) -> String {
    text == "." || text == ".." ? text.replacing(".", with: "%2E") : PercentEncoding.encode(text)
  }

  private static func input(
    _ raw: [UInt8]?, _ fields: [String: Value], _ refusal: (String, Int, String) -> RemoteFailure
  ) throws(RemoteFailure) -> [UInt8] {
    let text = fields["data"]?.text
    guard let data = raw ?? text.map({ Array($0.utf8) }), raw == nil || text == nil else {
      throw refusal("invalid_request", 400, "Invalid request: 'data' is to be given, once.")
    }
    guard fields["encoding"]?.text == "base64" else { return data }
    guard let bytes = Base64.decode(data) else {
      throw refusal("invalid_request", 400, "Invalid request: 'data' is not Base64.")
    }
    return bytes
  }

  /// A value as a query has it: a list with commas. `nil` for an object.
  private static func queryText(_ value: Value) -> String? {
    guard case .json(let json) = value else { return value.text }
    switch JSONText.firstByte(json) {
    case 0x7B: return nil
    case 0x5B: return JSONText.elements(of: json).map { $0.map(scalar).joined(separator: ",") }
    default: return scalar(json)
    }
  }

  private static func scalar(_ json: ArraySlice<UInt8>) -> String {
    JSONText.string(json) ?? String(decoding: json, as: UTF8.self).filter { !$0.isWhitespace }
  }

  private static func write(
    _ text: String, _ kind: Kind, _ field: String, to json: inout JSONWriter,
    _ refusal: (String, Int, String) -> RemoteFailure
  ) throws(RemoteFailure) {
    switch kind {
    case .text: json.string(text)
    case .integer:
      guard let number = Int(text) else {
        throw refusal("invalid_request", 400, "Invalid request: '\(field)' must be a whole number.")
      }
      json.integer(number)
    case .boolean: json.bool(["true", "1", "yes", ""].contains(text))
    case .list:
      json.beginArray()
      for element in text.split(separator: ",") { json.string(String(element)) }
      json.endArray()
    }
  }
}
