import Cluster
import Operations
import Store

/// What the surfaces serve beside the operations and streams of the catalogue.
enum FixedEndpoint: CaseIterable, Sendable {
  case index
  case openAPI
  case operations
  case metrics
  case schema
  case rpc

  var route: Route {
    switch self {
    case .index: Route("GET", "/")
    case .openAPI: Route("GET", "/openapi.json")
    case .operations: Route("GET", "/operations")
    case .metrics: Route("GET", "/metrics")
    case .schema: Route("GET", "/schemas/{name}")
    case .rpc: Route("POST", "/rpc")
    }
  }

  var summary: String {
    switch self {
    case .index: "Says what this server is."
    case .openAPI: "This document."
    case .operations: "Every operation with the schemas of its input and output."
    case .metrics: "Metrics in the text format of Prometheus."
    case .schema: "JSON Schemas of an event's forms: \(SchemaFiles.names.joined(separator: ", "))."
    case .rpc: "JSON-RPC 2.0: every operation as a method, in batches too."
    }
  }

  /// What to do where one asks for another server's.
  var elsewhere: String {
    switch self {
    case .rpc: "give 'server' among the parameters of the call."
    case .openAPI, .operations: "GET /operations at that server itself lists what it serves."
    case .index, .metrics, .schema: "ask that server itself."
    }
  }

  /// Served to anybody.
  var isOpen: Bool { self == .index || self == .schema }

  /// What the caller must be allowed to do; calls over it need their own beside it.
  var scope: Scope? { self == .metrics ? .eventsRead : nil }

  /// As an operation's name, for audit records and metrics. Metrics are asked for by the server's own name.
  var name: String {
    switch self {
    case .index: "http.index"
    case .openAPI: "http.openapi"
    case .operations: "http.operations"
    case .metrics: "server.metrics"
    case .schema: "http.schema"
    case .rpc: "http.rpc"
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
  case stream(StreamBinding, Stream.Entrance)
  case fixed(FixedEndpoint)

  /// Served without authentication: what this is, and whether it lives.
  var isOpen: Bool {
    switch self {
    case .operation(let operation): operation.scope == nil && operation.route == Destination.health
    case .stream: false
    case .fixed(let endpoint): endpoint.isOpen
    }
  }

  var route: Route {
    switch self {
    case .operation(let operation): operation.route
    case .stream(_, let entrance): entrance.route
    case .fixed(let endpoint): endpoint.route
    }
  }

  static let health = Route("GET", "/health")

  /// All that is served where these operations and streams are.
  static func all(_ operations: [Operation], _ streams: [StreamBinding]) -> [Destination] {
    operations.map(Destination.operation)
      + streams.flatMap { binding in binding.stream.entrances.map { Destination.stream(binding, $0) } }
      + FixedEndpoint.allCases.map(Destination.fixed)
  }
}
