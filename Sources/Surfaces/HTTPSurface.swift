import Causality
import Cluster
package import Metrics
package import Net
package import Operations
import Store

/// The HTTP surface: every operation of the catalogue at its path, JSON-RPC, the documents that describe them, and the WebSockets.
///
/// A request goes through the same steps whatever it is for: where is it going (404, 405), may this page send it (403), who sends it
/// (401, 403), then the operation, which checks its scope and its input itself.
package struct HTTPSurface: HTTPHandler {
  /// What the composition decides.
  package struct Configuration: Sendable {
    /// The version that the OpenAPI document states.
    package var version: String
    /// Names by which the server may be addressed beside `localhost` and addresses: its host name, and those configured.
    package var hostNames: Set<String> = []
    /// Origins of other sites whose pages may use this server (`--cors-origin`), such as `https://tools.example`.
    package var allowedOrigins: Set<String> = []
    package var basePrefix = BasePrefix.none
    /// Who gives the metrics of `/metrics`, beside the surface itself.
    package var metrics: [any MetricsSource] = []
    /// Where requests for a path, below the base, are best answered; `nil` for where they are.
    package var home: @Sendable (_ path: Substring) -> EventLoop? = { _ in nil }
    /// Takes the links of hubs; without it there are none.
    package var links: LinkEntrance?

    package init(version: String) { self.version = version }
  }

  let catalogue: Catalogue
  let authenticator: Authenticator
  let origins: OriginPolicy
  let rpc: JSONRPC
  let router: Router<Routed>
  private let home: @Sendable (_ path: Substring) -> EventLoop?
  private let requests: RequestMetrics
  private let metrics: [any MetricsSource]
  let prefix: BasePrefix
  private let openAPI: Lazy<[UInt8]>
  private let operationList: Lazy<[UInt8]>

  package init(catalogue: Catalogue, authenticator: Authenticator, configuration: Configuration) {
    self.catalogue = catalogue
    home = configuration.home
    self.authenticator = authenticator
    let rpc = JSONRPC(catalogue: catalogue)
    self.rpc = rpc
    origins = OriginPolicy(hostNames: configuration.hostNames, allowedOrigins: configuration.allowedOrigins)
    prefix = configuration.basePrefix
    // What carries calls and links is no domain's.
    var streams = catalogue.streams + [StreamBinding.rpc(rpc, authenticator.sockets)]
    if let links = configuration.links {
      streams.append(.link(links, LinkedCatalogue(catalogue, streams: streams, sockets: authenticator.sockets)))
    }
    let destinations = Destination.all(catalogue.operations, streams)
    let requests = RequestMetrics(destinations)
    self.requests = requests
    metrics = configuration.metrics + [requests, authenticator.sockets, catalogue.accounts]
    router = Router(
      destinations.enumerated().map { ($1.route, Routed(destination: $1, series: requests.series(at: $0))) })
    let prefix = self.prefix
    openAPI = Lazy { OpenAPI.document(of: destinations, prefix: prefix, version: configuration.version) }
    operationList = Lazy { OpenAPI.catalogue(of: catalogue.operations) }
  }

  package func respond(to request: HTTPRequest, on loop: EventLoop) async -> HTTPReply {
    var observed = requests.begin()
    let trace = RequestTrace(request.headers)
    let reply: HTTPReply
    do throws(OperationError) {
      reply = try await self.reply(to: request, trace, &observed)
    } catch {
      reply = .response(Responses.error(error))
    }
    observed.end(status: reply.status)
    return trace.marking(shared(reply, with: request))
  }

  /// The answer to a request that was refused by its head alone.
  func failure(
    _ error: OperationError, of request: HTTPRequest, _ routed: Routed, _ trace: RequestTrace
  ) -> HTTPResponse {
    var observed = requests.begin()
    observed.series = routed.series
    var response = shared(Responses.error(error), with: request)
    observed.end(status: response.status)
    trace.mark(&response.headers)
    return response
  }

  /// Requests about what lives on a loop are best answered there, and those for a backend where the way to it is.
  package func home(of request: HTTPRequest) -> EventLoop? {
    if let query = request.query, let server = QueryText.server(in: query) {
      guard case .member(let member) = try? catalogue.place(of: server) else { return localHome(of: request) }
      return member.remote?.loop
    }
    return localHome(of: request)
  }

  private func localHome(of request: HTTPRequest) -> EventLoop? {
    prefix.remainder(of: Substring(request.path)).flatMap(home)
  }

  /// The answer to a request that never came to be one: the body that `HTTPServer` asks for. `headers` are its fields, if they could be read.
  package func response(to fault: HTTPFault, _ headers: HTTPHeaders?) -> HTTPResponse {
    requests.other.count(status: fault.status)
    return Responses.fault(fault, RequestTrace(headers))
  }

  private func reply(
    to request: HTTPRequest, _ trace: RequestTrace, _ observed: inout RequestMetrics.Observation
  ) async throws(OperationError) -> HTTPReply {
    let found = find(request)
    if case .found(let routed, _) = found { observed.series = routed.series }
    do throws(OperationError) {
      if let preflight = try preflight(request) { return .response(preflight) }
      try origins.check(request)
    } catch {
      if case .found(let routed, let path) = found {
        refused(request, trace, routed.destination.name, target: path.first?.value, error)
      } else {
        refused(request, trace, "http", target: nil, error)
      }
      throw error
    }
    switch found {
    case .found(let routed, let path): return try await reply(to: request, at: routed.destination, path, trace)
    case .malformed:
      throw OperationError(.invalidRequest, "Invalid request: the path is not well-formed percent-encoded UTF-8.")
    case .notFound: throw OperationError(.notFound, "Nothing is served at this path; GET /operations lists what is.")
    case .methodNotAllowed(let allow):
      var response = Responses.error(
        OperationError(.methodNotAllowed, "\(request.method) is not served here; \(allow) are."))
      response.headers.append("Allow", allow)
      return .response(response)
    }
  }

  func find(_ request: HTTPRequest) -> Router<Routed>.Match {
    let path = Substring(request.path)
    if let rest = prefix.remainder(of: path) { return router.match(method: request.method, path: rest) }
    // A load balancer asks for health at the root, whatever the prefix.
    if request.path == Destination.health.path { return router.match(method: request.method, path: path) }
    return .notFound
  }

  private func reply(
    to request: HTTPRequest, at endpoint: Destination, _ path: [(name: String, value: String)], _ trace: RequestTrace
  ) async throws(OperationError) -> HTTPReply {
    if case .stream(let binding, let entrance) = endpoint {
      return try await carry(binding, entrance, request, path, trace)
    }
    let call =
      endpoint.isOpen && !namesServer(request)
      ? Call(
        principal: .anonymous, access: Access(scopes: []), peer: request.peer.shortText,
        correlationID: trace.correlationID, traceParent: trace.traceParent)
      : try await authenticate(request, for: endpoint, path, trace)
    if case .fixed(let fixed) = endpoint {
      try require(fixed.scope, of: call, for: fixed)
      try checkQuery(try QueryText.parse(request.query), at: fixed)
    }
    switch endpoint {
    case .operation(let operation): return .response(try await perform(operation, request, path, for: call))
    case .fixed(.openAPI): return .response(Responses.json(openAPI.value))
    case .fixed(.operations): return .response(Responses.json(operationList.value))
    case .fixed(.schema):
      guard let schema = SchemaFiles.text(named: path.first?.value ?? "") else {
        throw OperationError(
          .notFound, "There is no such schema; there are \(SchemaFiles.names.joined(separator: ", ")).")
      }
      return .response(Responses.schema(schema))
    case .fixed(.metrics):
      guard !call.access.isLimited else {
        throw refusal(
          "This token may not do server.metrics: it is limited to some sessions, and metrics count all.", at: .metrics,
          for: call)
      }
      var families: [MetricFamily] = []
      for source in metrics { families += await source.families() }
      return .response(Responses.metrics(MetricsText.write(families)))
    case .fixed(.rpc):
      var call = call
      let remarks = AnswerRemarks()
      call.remarks = remarks
      guard let answer = await rpc.answer(request.body, for: call) else { return .response(Responses.empty(204)) }
      var response = Responses.json(answer)
      response.keeping = remarks
      return .response(response)
    case .fixed(.index), .stream: return .response(Responses.text(index))
    }
  }

  /// Who asks. Those who are not let in are recorded.
  func authenticate(
    _ request: HTTPRequest, ticket: String? = nil, for endpoint: Destination, _ path: [(name: String, value: String)],
    _ trace: RequestTrace
  ) async throws(OperationError) -> Call {
    do throws(OperationError) {
      return try await authenticator.authenticate(request, ticket: ticket, trace: trace)
    } catch {
      refused(request, trace, endpoint.name, target: path.first?.value, error)
      throw error
    }
  }

  /// Records a request that was refused before any operation saw it.
  private func refused(
    _ request: HTTPRequest, _ trace: RequestTrace, _ operation: String, target: String?, _ error: OperationError
  ) {
    catalogue.audit?.refuseAtDoor(
      AuditEntry(operation: operation, target: target, error: error.asRefusal, address: request.peer.shortText),
      source: AddressKey(request.peer).text,
      of: Cause(correlationID: trace.correlationID, traceParent: trace.traceParent))
  }

  private func perform(
    _ operation: Operation, _ request: HTTPRequest, _ path: [(name: String, value: String)], for call: Call
  ) async throws(OperationError) -> HTTPResponse {
    var arguments = Arguments(path: path, query: try QueryText.parse(request.query))
    if operation.rawField != nil {
      arguments.body = .raw(request.body)
    } else if operation.route.method != "GET", !request.body.isEmpty {
      arguments.body = .json(request.body)
    }
    let mediaType = negotiated(operation, request, &arguments)
    var call = call
    let remarks = AnswerRemarks()
    call.remarks = remarks
    switch try await catalogue.perform(operation, arguments, for: call) {
    case .json(let document):
      var response = Responses.json(document, status: operation.status, type: mediaType)
      Responses.note(missing: remarks.missingServers, in: &response)
      response.keeping = remarks
      return response
    // A server of another kind may have nothing to say where this one answers with a document.
    case .empty: return Responses.empty(operation.status == 200 ? 204 : operation.status)
    }
  }

  private func require(_ scope: Scope?, of call: Call, for endpoint: FixedEndpoint) throws(OperationError) {
    guard let scope, !call.access.allows(scope) else { return }
    throw refusal(
      "This token may not do \(endpoint.name): it needs the scope '\(scope.rawValue)'.", at: endpoint, for: call)
  }

  /// What is no operation and the caller's scopes do not open: it is recorded here.
  private func refusal(_ message: String, at endpoint: FixedEndpoint, for call: Call) -> OperationError {
    let error = OperationError(.insufficientScope, message)
    catalogue.audit?.refuse(
      AuditEntry(operation: endpoint.name, error: error, address: call.peer, via: call.via), call)
    return error
  }

  /// Whether a request says which server it is for. What anybody may ask of this one, only those who are let in may have it ask of others.
  private func namesServer(_ request: HTTPRequest) -> Bool {
    request.query.map { QueryText.server(in: $0) != nil } ?? false
  }

  /// The query of what is no operation: only `server` may stand there, and must mean this one.
  private func checkQuery(_ query: [(name: String, value: String)], at endpoint: FixedEndpoint) throws(OperationError) {
    for (name, value) in query {
      guard name == "server" else {
        throw OperationError(.invalidRequest, "Invalid request: '\(name)' is not a parameter here; known are 'server'.")
      }
      try catalogue.requireHere(value, endpoint.name, hint: endpoint.elsewhere)
    }
  }

  private var index: String {
    """
    Roost: terminal sessions for people and programs.

    \(prefix.text)/openapi.json   what is served here, as OpenAPI 3.1
    \(prefix.text)/operations     the same as a plain list, for `roost call`
    \(prefix.text)/health         whether the server lives
    \(prefix.text)/metrics        for Prometheus
    \(prefix.text)/schemas/event.schema.json   the form of an event

    """
  }

  // MARK: Pages of other sites

  /// The answer to the question that a browser asks before it lets a page of another site send a request (Fetch §3.2.2).
  private func preflight(_ request: HTTPRequest) throws(OperationError) -> HTTPResponse? {
    guard request.method == "OPTIONS", let origin = request.headers[first: "origin"],
      request.headers[first: "access-control-request-method"] != nil
    else { return nil }
    try origins.check(request)
    guard origins.allows(crossOrigin: origin) else { throw OperationError(.originNotAllowed, "Origin not allowed.") }
    var response = Responses.empty(204)
    response.headers.append("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS")
    response.headers.append(
      "Access-Control-Allow-Headers", "authorization, content-type, x-correlation-id, traceparent")
    response.headers.append("Access-Control-Max-Age", "600")
    return response
  }

  /// Makes an answer readable to the page of an allowed origin.
  private func shared(_ reply: HTTPReply, with request: HTTPRequest) -> HTTPReply {
    switch reply {
    case .response(let response): .response(shared(response, with: request))
    case .stream(let response, let body): .stream(shared(response, with: request), body)
    case .upgrade: reply
    }
  }

  private func shared(_ response: HTTPResponse, with request: HTTPRequest) -> HTTPResponse {
    guard !origins.allowedOrigins.isEmpty else { return response }
    var response = response
    response.headers.append("Vary", "Origin")
    if let origin = request.headers[first: "origin"], origins.allows(crossOrigin: origin) {
      response.headers.append("Access-Control-Allow-Origin", origin)
      response.headers.append("Access-Control-Expose-Headers", "\(RequestTrace.header), \(Responses.missingServers)")
    }
    return response
  }
}
