package import Formats
package import Net

/// A way to a server that has no link, over its plain HTTP and WebSocket interface: a wsh server, or a Roost server that serves the same.
///
/// Such a server knows nothing of callers, roles and limits, so they are held here: what it would let pass is refused before it is asked.
package actor WshServer: RemoteServer {
  /// Calls that may be under way at once: agents wait on many sessions, and each wait takes a connection.
  static let maximumCalls = 64
  /// Connections that are kept for the next call.
  static let maximumIdle = 4
  /// How long the handshake of a WebSocket may take.
  private static let handshakeTimeout = Duration.seconds(10)
  /// A server that is gone without a word is noticed within twice this time.
  private static let pingInterval = Duration.seconds(20)

  package nonisolated let loop: EventLoop
  package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  private let base: String
  private let token: String?
  private let makeClient: @Sendable () -> HTTPClient
  private var idle: [HTTPClient] = []
  private var calls = 0
  private var info: WshInfo?
  /// How it is called in errors: by its address until it has said its name.
  private var name: String

  /// - Parameters:
  ///   - address: how it is called until it has said its name.
  ///   - base: the path below which it serves; empty, or `/prefix` without a slash at its end.
  ///   - client: makes a client for its endpoint on `loop`, with whatever TLS and address filter it needs, and answers of at most
  ///     ``maximumResponseBytes``.
  package init(
    address: String, base: String = "", token: String?, loop: EventLoop, client: @escaping @Sendable () -> HTTPClient
  ) {
    name = address
    self.base = base
    self.token = token
    self.loop = loop
    makeClient = client
  }

  /// What a client for such a server should take at most.
  package static let maximumResponseBytes = WshAnswer.maximumBytes

  // MARK: Calls

  package func perform(_ request: RemoteRequest) async throws(RemoteFailure) -> RemoteAnswer {
    try checkLimits(request)
    let isList = request.operation == "session.list"
    if isList, info == nil { _ = try await probe() }
    let call = try WshCall(request, name: name, base: base, hostname: info?.hostname)
    let answer = try await send(call, request.context)
    guard isList, case .json(let document) = answer, let hostname = info?.hostname else { return answer }
    guard let own = WshSessions.own(document, of: hostname) else { throw garbled("a list of sessions") }
    var json = JSONWriter(reserving: document.count)
    json.beginArray()
    for record in WshSessions.limited(own, to: request.context.limits.sessions) { json.raw(record) }
    json.endArray()
    return .json(json.finish())
  }

  /// Asks the server who it is. Remembered: its sessions are asked for by its name.
  package func probe() async throws(RemoteFailure) -> WshInfo {
    let answer = try await send(WshCall(get: base + "/server/info"), nil)
    guard case .json(let document) = answer, let info = WshInfo(document) else {
      throw garbled("the name and id of a server")
    }
    self.info = info
    name = info.hostname
    return info
  }

  /// The server's own sessions, each record as it gives it; at most ten thousand. ``probe()`` comes first.
  package func sessions() async throws(RemoteFailure) -> [JSON] {
    let hostname: String
    if let info { hostname = info.hostname } else { hostname = try await probe().hostname }
    let target = "\(base)/sessions?server=\(PercentEncoding.encode(hostname))"
    guard case .json(let document) = try await send(WshCall(get: target), nil),
      let own = WshSessions.own(document, of: hostname)
    else { throw garbled("a list of sessions") }
    return own.compactMap { try? JSON(parsing: Array($0)) }
  }

  /// Ends the connections that nobody uses. Calls and WebSockets under way go on.
  package func close() async {
    let idle = idle
    self.idle = []
    for client in idle { await client.close() }
  }

  private func send(_ call: WshCall, _ context: CallContext?) async throws(RemoteFailure) -> RemoteAnswer {
    guard calls < WshServer.maximumCalls else {
      throw RemoteFailure(
        code: "resource_limit_reached",
        message: "Resource limit reached: \(calls) calls to \(name) are under way.", status: 429, path: [name])
    }
    calls += 1
    let client = idle.popLast() ?? makeClient()
    defer { calls -= 1 }
    var headers = headers(context)
    if let type = call.contentType { headers.append("Content-Type", type) }
    let response: HTTPResponse
    do throws(NetError) {
      response = try await client.send(
        HTTPClientRequest(call.method, call.target, headers: headers, body: call.body, timeout: call.timeout))
    } catch {
      await client.close()
      throw WshAnswer.failure(error, from: name)
    }
    if idle.count < WshServer.maximumIdle { idle.append(client) } else { await client.close() }
    return try WshAnswer.read(response, from: name)
  }

  private func headers(_ context: CallContext?) -> HTTPHeaders {
    var headers = HTTPHeaders()
    headers.append("Accept", "application/json")
    if let token { headers.append("Authorization", "Bearer \(token)") }
    if let context {
      headers.append("X-Correlation-Id", context.correlationID)
      if let trace = context.traceParent { headers.append("traceparent", trace) }
    }
    return headers
  }

  private func garbled(_ expected: String) -> RemoteFailure {
    RemoteFailure(
      code: "internal_error", message: "\(name) has answered with something that is not \(expected).", status: 500,
      path: [name])
  }

  // MARK: Sockets

  package func open(_ request: RemoteSocketRequest) async throws(RemoteFailure) -> any MessageSocket {
    let target = try socketTarget(request)
    let client = makeClient()
    do throws(NetError) {
      return try await client.webSocket(
        target: target, headers: headers(request.context), subprotocols: request.subprotocols,
        timeout: WshServer.handshakeTimeout, pingInterval: WshServer.pingInterval, handler: nil)
    } catch {
      throw WshAnswer.failure(error, from: name)
    }
  }

  /// The path is taken apart and written anew, so that it is one of those that are meant, whatever was in it.
  private func socketTarget(_ request: RemoteSocketRequest) throws(RemoteFailure) -> String {
    var segments: [String] = []
    for segment in request.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
      guard let text = PercentEncoding.decode(segment), !text.isEmpty else {
        throw refusal("invalid_request", 400, "Invalid request: the path is not well-formed percent-encoded UTF-8.")
      }
      segments.append(text)
    }
    let path: String
    switch (segments.count, segments.first, segments.dropFirst(2)) {
    case (4, "sessions", ["ws", "raw"]), (4, "sessions", ["ws", "json"]):
      try requireTyping(request.context, on: segments[1])
      path = "/sessions/\(WshCall.segment(segments[1]))/ws/\(segments[3])"
    case (2, "ws", _) where segments[1] == "json":
      try requireTyping(request.context, on: nil)
      path = "/ws/json"
    default:
      throw refusal("unsupported", 501, "\(name) is a wsh server, which serves no WebSocket at \(request.path).")
    }
    // What a caller promises not to type nobody there would hold it to.
    guard !request.query.split(separator: "&").contains(where: { $0.hasPrefix("readonly") }) else {
      throw refusal("unsupported", 501, "\(name) is a wsh server, which has no streams that can only be watched.")
    }
    return base + path + (request.query.isEmpty ? "" : "?" + request.query)
  }

  // MARK: What a caller may do

  private func refusal(_ code: String, _ status: Int, _ message: String) -> RemoteFailure {
    RemoteFailure(code: code, message: message, status: status, path: [name])
  }

  private func checkLimits(_ request: RemoteRequest) throws(RemoteFailure) {
    guard request.operation.hasPrefix("session.") else { return }
    let limits = request.context.limits
    try refuseTagLimit(limits)
    guard limits.sessions != nil, request.operation != "session.list" else { return }
    try require(request.name(request.operation == "session.create" ? "name" : "session"), within: limits)
  }

  /// Whoever opens a socket of wsh's can type on it, and on that of the whole server do everything.
  private func requireTyping(_ context: CallContext, on session: String?) throws(RemoteFailure) {
    let limits = context.limits
    let needed =
      session == nil ? ["sessions:read", "sessions:input", "sessions:manage"] : ["sessions:read", "sessions:input"]
    if !limits.scopes.contains("admin"), let missing = needed.first(where: { !limits.scopes.contains($0) }) {
      throw refusal(
        "insufficient_scope", 403,
        "\(name) is a wsh server, where whoever opens a stream can type: that needs the scope '\(missing)'.")
    }
    let work: Work = session == nil ? .places : .changes
    guard limits.role.permits(work) else {
      throw refusal(
        "role_refused", 403,
        "\(name) is a wsh server, where whoever opens a stream can type: that needs the role '\(Role.needed(for: work).rawValue)'."
      )
    }
    try refuseTagLimit(limits)
    if limits.sessions != nil { try require(session, within: limits) }
  }

  private func require(_ session: String?, within limits: CallContext.Limits) throws(RemoteFailure) {
    guard let session, limits.sessions?.contains(session) == true else {
      throw refusal("insufficient_scope", 403, "This token is limited to other sessions.")
    }
  }

  private func refuseTagLimit(_ limits: CallContext.Limits) throws(RemoteFailure) {
    guard limits.tags == nil else {
      throw refusal(
        "insufficient_scope", 403,
        "This token is limited to sessions with certain tags, which \(name), a wsh server, cannot hold to.")
    }
  }
}

extension RemoteRequest {
  /// The text of a field, wherever it was given.
  fileprivate func name(_ field: String) -> String? {
    if let given = (path + query).first(where: { $0.name == field }) { return given.value }
    guard case .json(let body) = body, let members = JSONText.members(of: body[...]) else { return nil }
    return members.last { $0.name == field }.flatMap { JSONText.string($0.value) }
  }
}
