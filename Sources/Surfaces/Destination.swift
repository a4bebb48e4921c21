import Operations

/// What the surfaces serve beside the operations of the catalogue.
enum FixedEndpoint: CaseIterable, Sendable {
  case index
  case openAPI
  case operations
  case rpc
  case rpcSocket
  case serverJSON
  case sessionJSON
  case sessionRaw

  var route: Route {
    switch self {
    case .index: Route("GET", "/")
    case .openAPI: Route("GET", "/openapi.json")
    case .operations: Route("GET", "/operations")
    case .rpc: Route("POST", "/rpc")
    case .rpcSocket: Route("GET", "/rpc")
    case .serverJSON: Route("GET", "/ws/json")
    case .sessionJSON: Route("GET", "/sessions/{session}/ws/json")
    case .sessionRaw: Route("GET", "/sessions/{session}/ws/raw")
    }
  }

  var summary: String {
    switch self {
    case .index: "Says what this server is."
    case .openAPI: "This document."
    case .operations: "Every operation with the schemas of its input and output."
    case .rpc: "JSON-RPC 2.0: every operation as a method, in batches too."
    case .rpcSocket: "WebSocket: JSON-RPC 2.0, answered as the calls end."
    case .serverJSON: "WebSocket: events of all sessions, and every operation by name."
    case .sessionJSON: "WebSocket: one session's screen as events, and every operation by name."
    case .sessionRaw:
      "WebSocket: one session's terminal bytes; with the subprotocol roost.attach.v1 control messages too."
    }
  }

  var isWebSocket: Bool {
    switch self {
    case .rpcSocket, .serverJSON, .sessionJSON, .sessionRaw: true
    case .index, .openAPI, .operations, .rpc: false
    }
  }

  /// Served to anybody.
  var isOpen: Bool { self == .index }

  /// What audit records call it.
  var name: String {
    switch self {
    case .index: "http.index"
    case .openAPI: "http.openapi"
    case .operations: "http.operations"
    case .rpc: "http.rpc"
    case .rpcSocket: "ws.rpc"
    case .serverJSON: "ws.json"
    case .sessionJSON: "ws.session_json"
    case .sessionRaw: "ws.session_raw"
    }
  }
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

  /// What audit records call it.
  var name: String {
    switch self {
    case .operation(let operation): operation.name
    case .fixed(let endpoint): endpoint.name
    }
  }

  static let health = Route("GET", "/health")
}
