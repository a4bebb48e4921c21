import Cluster
import Events
import Operations
import Store

/// What the surfaces serve beside the operations of the catalogue.
enum FixedEndpoint: CaseIterable, Sendable {
  case index
  case openAPI
  case operations
  case metrics
  case schema
  case rpc
  case rpcSocket
  case serverJSON
  case sessionJSON
  case sessionRaw
  case eventStream
  case eventSocket
  case link

  var route: Route {
    switch self {
    case .index: Route("GET", "/")
    case .openAPI: Route("GET", "/openapi.json")
    case .operations: Route("GET", "/operations")
    case .metrics: Route("GET", "/metrics")
    case .schema: Route("GET", "/schemas/{name}")
    case .rpc: Route("POST", "/rpc")
    case .rpcSocket: Route("GET", "/rpc")
    case .serverJSON: Route("GET", "/ws/json")
    case .sessionJSON: Route("GET", "/sessions/{session}/ws/json")
    case .sessionRaw: Route("GET", "/sessions/{session}/ws/raw")
    case .eventStream: Route("GET", "/events/stream")
    case .eventSocket: Route("GET", "/events/ws")
    case .link: Route("GET", "/link")
    }
  }

  var summary: String {
    switch self {
    case .index: "Says what this server is."
    case .openAPI: "This document."
    case .operations: "Every operation with the schemas of its input and output."
    case .metrics: "Metrics in the text format of Prometheus."
    case .schema: "JSON Schemas of an event's forms: \(EventSchemas.names.joined(separator: ", "))."
    case .rpc: "JSON-RPC 2.0: every operation as a method, in batches too."
    case .rpcSocket: "WebSocket: JSON-RPC 2.0, answered as the calls end."
    case .serverJSON: "WebSocket: events of all sessions, and every operation by name."
    case .sessionJSON: "WebSocket: one session's screen as events, and every operation by name."
    case .eventStream: "Events as they come, from a place in the log on, as server-sent events."
    case .eventSocket: "WebSocket: events as they come, from a place in the log on."
    case .link: "WebSocket: the link of a hub, with the subprotocol \(LinkHello.subprotocol)."
    case .sessionRaw:
      "WebSocket: one session's terminal bytes; with the subprotocol roost.attach.v1 control messages too."
    }
  }

  var isWebSocket: Bool {
    switch self {
    case .rpcSocket, .serverJSON, .sessionJSON, .sessionRaw, .eventSocket, .link: true
    case .index, .openAPI, .operations, .metrics, .schema, .rpc, .eventStream: false
    }
  }

  /// What to do where one asks for another server's.
  var elsewhere: String {
    switch self {
    case .rpc, .rpcSocket: "give 'server' among the parameters of the call."
    case .serverJSON: "give 'server' beside the method, or open the socket of one session there."
    case .sessionJSON, .sessionRaw, .eventSocket, .eventStream, .link: "open it at that server itself."
    case .openAPI, .operations: "GET /operations at that server itself lists what it serves."
    case .index, .metrics, .schema: "ask that server itself."
    }
  }

  /// Served to anybody.
  var isOpen: Bool { self == .index || self == .schema }

  /// What the caller must be allowed to do; sockets check it message by message.
  var scope: Scope? {
    switch self {
    case .metrics, .eventStream, .eventSocket: .eventsRead
    case .link: .link
    default: nil
    }
  }

  /// All that the caller must be allowed to do to be let in, as the OpenAPI document states it. A socket's calls need their own beside it.
  var scopes: [Scope] {
    switch self {
    case .serverJSON, .sessionJSON: [.sessionsRead]
    // Without 'readonly'; to watch, the first is enough.
    case .sessionRaw: [.sessionsRead, .sessionsInput]
    default: scope.map { [$0] } ?? []
    }
  }

  /// As an operation's name, for audit records and metrics. Metrics are asked for by the server's own name.
  var name: String {
    switch self {
    case .index: "http.index"
    case .openAPI: "http.openapi"
    case .operations: "http.operations"
    case .metrics: "server.metrics"
    case .schema: "http.schema"
    case .rpc: "http.rpc"
    case .rpcSocket: "ws.rpc"
    case .serverJSON: "ws.json"
    case .sessionJSON: "ws.session_json"
    case .sessionRaw: "ws.session_raw"
    case .eventStream: "events.stream"
    case .eventSocket: "ws.events"
    case .link: "ws.link"
    }
  }
}

/// A destination, and where requests for it are counted.
struct Routed: Sendable {
  let destination: Destination
  let series: RequestMetrics.Series
}

/// What a request is for.
enum Destination: Sendable {
  case operation(Operation)
  case fixed(FixedEndpoint)

  /// Served without authentication: what this is, and whether it lives.
  var isOpen: Bool {
    switch self {
    case .operation(let operation): operation.scope == nil && operation.route == Destination.health
    case .fixed(let endpoint): endpoint.isOpen
    }
  }

  var route: Route {
    switch self {
    case .operation(let operation): operation.route
    case .fixed(let endpoint): endpoint.route
    }
  }

  static let health = Route("GET", "/health")
}
