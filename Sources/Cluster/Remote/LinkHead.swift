import Causality
import Formats
import Store

/// Why the head of a stream was not understood.
package struct LinkHeadError: Error, Sendable, Equatable {
  /// A clause for people: which field, and what is wrong with it.
  package let message: String

  init(_ message: String) { self.message = message }
}

/// What a hub wants of a stream: the first thing said on it, as JSON.
///
/// Whoever reads one reads the text of another server: members that are not known are passed over, everything else must be as it is described
/// here and within the bounds below, or the whole head is refused.
package enum LinkHead: Sendable, Equatable {
  /// An operation. The bytes of a body are no part of the head: they are the stream's first message, and ``RemoteRequest/body`` of a head
  /// that was read only tells of which kind they are.
  case call(RemoteRequest)
  case socket(RemoteSocketRequest)
  /// The sessions of the server, and what becomes of them.
  case directory
  /// The servers behind the server, and what becomes of them.
  case registry

  /// A head is a request line with what goes along; 64 KiB hold a token's limits to a thousand sessions.
  package static let maximumBytes = 64 << 10
  /// The longest path, query or value: that of HTTP's request target.
  static let maximumText = 8 << 10
  /// The longest name of an operation, a parameter, a method, a subprotocol.
  static let maximumName = 128
  static let maximumRoute = 512
  static let maximumPrincipal = 1024
  /// Parameters of a path, and of a query: no operation has a dozen.
  static let maximumParameters = 64
  static let maximumSubprotocols = 16
  /// Hops that a call may have taken.
  static let maximumHops = LinkHello.longestChain
  static let maximumScopes = 64
  /// Sessions or tags that a caller may be limited to.
  static let maximumLimits = 1024

  // MARK: Writing

  package func encoded() -> [UInt8] {
    var json = JSONWriter(reserving: 1024)
    json.beginObject()
    json.key("kind")
    switch self {
    case .call(let request):
      json.string("call")
      LinkHead.write(request, to: &json)
    case .socket(let request):
      json.string("socket")
      json.key("path")
      json.string(request.path)
      json.key("query")
      json.string(request.query)
      json.key("subprotocols")
      LinkHead.write(request.subprotocols, to: &json)
      json.key("context")
      LinkHead.write(request.context, to: &json)
    case .directory: json.string("directory")
    case .registry: json.string("registry")
    }
    json.endObject()
    return json.finish()
  }

  private static func write(_ request: RemoteRequest, to json: inout JSONWriter) {
    json.key("operation")
    json.string(request.operation)
    json.key("path")
    write(request.path, to: &json)
    json.key("query")
    write(request.query, to: &json)
    json.key("body")
    switch request.body {
    case .none: json.string("none")
    case .json: json.string("json")
    case .raw: json.string("raw")
    }
    json.key("method")
    json.string(request.method)
    json.key("route")
    json.string(request.route)
    json.key("context")
    write(request.context, to: &json)
  }

  private static func write(_ parameters: [RemoteRequest.Parameter], to json: inout JSONWriter) {
    json.beginArray()
    for parameter in parameters {
      json.beginArray()
      json.string(parameter.name)
      json.string(parameter.value)
      json.endArray()
    }
    json.endArray()
  }

  private static func write(_ texts: [String], to json: inout JSONWriter) {
    json.beginArray()
    for text in texts { json.string(text) }
    json.endArray()
  }

  private static func write(_ context: CallContext, to json: inout JSONWriter) {
    json.beginObject()
    json.key("correlation_id")
    json.string(context.correlationID)
    if let id = context.causationID {
      json.key("causation_id")
      json.string(id)
    }
    if let trace = context.traceParent {
      json.key("traceparent")
      json.string(trace)
    }
    json.key("principal")
    json.string(context.principal)
    json.key("via")
    write(context.via, to: &json)
    json.key("limits")
    json.beginObject()
    json.key("scopes")
    write(context.limits.scopes, to: &json)
    if let sessions = context.limits.sessions {
      json.key("sessions")
      write(sessions, to: &json)
    }
    if let tags = context.limits.tags {
      json.key("tags")
      write(tags, to: &json)
    }
    json.key("role")
    json.string(context.limits.role.rawValue)
    json.endObject()
    json.endObject()
  }

  // MARK: Reading

  package init(parsing bytes: [UInt8]) throws(LinkHeadError) {
    guard bytes.count <= LinkHead.maximumBytes else { throw LinkHeadError("it is longer than 64 KiB") }
    let head = try LinkHeadFields(bytes[...], "the head")
    switch try head.text("kind", atMost: LinkHead.maximumName) {
    case "call": self = .call(try LinkHead.call(head))
    case "socket":
      self = .socket(
        RemoteSocketRequest(
          path: try head.text("path", atMost: LinkHead.maximumText),
          query: try head.optionalText("query", atMost: LinkHead.maximumText) ?? "",
          subprotocols: try head.texts(
            "subprotocols", count: LinkHead.maximumSubprotocols, atMost: LinkHead.maximumName)
            ?? [],
          context: try LinkHead.context(head)))
    case "directory": self = .directory
    case "registry": self = .registry
    default: throw LinkHeadError("'kind' is none that is known here")
    }
  }

  private static func call(_ head: LinkHeadFields) throws(LinkHeadError) -> RemoteRequest {
    let body: RemoteRequest.Body
    switch try head.text("body", atMost: maximumName) {
    case "none": body = .none
    case "json": body = .json([])
    case "raw": body = .raw([])
    default: throw LinkHeadError("'body' must be none, json or raw")
    }
    return RemoteRequest(
      operation: try head.text("operation", atMost: maximumName), path: try head.parameters("path"),
      query: try head.parameters("query"), body: body,
      method: try head.optionalText("method", atMost: maximumName) ?? "",
      route: try head.optionalText("route", atMost: maximumRoute) ?? "", context: try context(head))
  }

  private static func context(_ head: LinkHeadFields) throws(LinkHeadError) -> CallContext {
    let fields = try head.object("context")
    guard let correlationID = Cause.correlationID(try fields.text("correlation_id", atMost: 36)) else {
      throw LinkHeadError("'correlation_id' must be a UUID")
    }
    var causationID: String?
    if let text = try fields.optionalText("causation_id", atMost: 36) {
      // An event's id is one too.
      causationID = Cause.correlationID(text)
      if causationID == nil { throw LinkHeadError("'causation_id' must be a UUID") }
    }
    let via = try fields.texts("via", count: maximumHops, atMost: maximumName) ?? []
    guard via.allSatisfy(isUUID) else { throw LinkHeadError("'via' must be ids of servers") }
    let limits = try fields.object("limits")
    guard let role = Role(rawValue: try limits.text("role", atMost: maximumName)) else {
      throw LinkHeadError("'role' is none that is known here")
    }
    return CallContext(
      correlationID: correlationID, causationID: causationID,
      // Malformed it counts as absent (W3C Trace Context §4.2).
      traceParent: try fields.optionalText("traceparent", atMost: maximumText).flatMap(Cause.traceParent),
      principal: try fields.text("principal", atMost: maximumPrincipal), via: via,
      limits: CallContext.Limits(
        scopes: try limits.texts("scopes", count: maximumScopes, atMost: maximumName) ?? [],
        sessions: try limits.texts("sessions", count: maximumLimits, atMost: maximumText),
        tags: try limits.texts("tags", count: maximumLimits, atMost: maximumText), role: role))
  }
}
