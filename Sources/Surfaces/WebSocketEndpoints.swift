import Cluster
import Formats
import Net
import Operations
import Sessions
import Store
import TerminalEngine

/// How a request becomes one of the WebSockets.
extension HTTPSurface {
  func upgrade(
    _ request: HTTPRequest, to endpoint: FixedEndpoint, _ path: [(name: String, value: String)], _ trace: RequestTrace
  ) async throws(OperationError) -> HTTPReply {
    let parsed = Result { () throws(OperationError) in try QueryText.parse(request.query) }
    var query = (try? parsed.get()) ?? []
    let ticket = take("ticket", from: &query)
    let call = try await authenticate(request, ticket: ticket, for: .fixed(endpoint), path, trace)
    // Not before: a stranger is told that he is one.
    _ = try parsed.get()
    guard request.wantsWebSocket else { return .response(Responses.upgradeRequired()) }
    let offered = HTTPSurface.subprotocols(request)
    if let relayed = try await relay(request, to: endpoint, path, query, offered, for: call) { return relayed }
    if endpoint == .link { return try linkSocket(query, offered, for: call) }
    return try await open(endpoint, path, query, offered, for: call)
  }

  /// Opens a socket of this server for a caller who is known: one that has asked here, or a hub's.
  /// - Parameter offered: the subprotocols that the client knows.
  func open(
    _ endpoint: FixedEndpoint, _ path: [(name: String, value: String)], _ query: [(name: String, value: String)],
    _ offered: [String], for call: Call
  ) async throws(OperationError) -> HTTPReply {
    // Whatever let it in: a socket that is opened too late would tell what it has to tell at once.
    if let refusal = catalogue.tenures?.refusal(of: call) {
      throw refused(refusal, at: endpoint, path.first?.value, for: call)
    }
    try permit(.reads, endpoint, path.first?.value, for: call)
    switch endpoint {
    case .sessionJSON: return try await sessionJSON(path, query, for: call)
    case .sessionRaw: return try await sessionRaw(path, query, offered, for: call)
    case .serverJSON: return try await serverSocket(query, for: call)
    case .eventSocket: return try await eventSocket(query, for: call)
    case .rpcSocket: return try await rpcSocket(query, for: call)
    default: throw OperationError(.notFound, "No such WebSocket is served here.")
    }
  }

  /// Refuses what the role of this server for the hub that asks does not permit.
  private func permit(
    _ work: Work, _ endpoint: FixedEndpoint, _ target: String?, for call: Call
  ) throws(OperationError) {
    guard let error = RemoteAccess.refusal(work, endpoint.name, for: call) else { return }
    throw refused(error, at: endpoint, target, for: call)
  }

  private func sessionJSON(
    _ path: [(name: String, value: String)], _ query: [(name: String, value: String)], for call: Call
  ) async throws(OperationError) -> HTTPReply {
    let session = try await roomySession(path, query, for: call)
    let (catalogue, open) = (catalogue, authenticator.sockets)
    return .upgrade(
      WebSocketUpgrade(loop: session.loop) { webSocket in
        let socket = SessionJSONSocket(
          session, webSocket, catalogue: catalogue, call: call, onClosed: open.add(webSocket, call))
        socket.assumeIsolated { $0.open() }
      })
  }

  private func sessionRaw(
    _ path: [(name: String, value: String)], _ query: [(name: String, value: String)], _ offered: [String],
    for call: Call
  ) async throws(OperationError) -> HTTPReply {
    var query = query
    let isReadOnly = try takeReadOnly(from: &query)
    if !isReadOnly { try permit(.changes, .sessionRaw, path.first?.value, for: call) }
    guard isReadOnly || call.access.allows(.sessionsInput) else {
      throw refusal(
        "This token may not type: it needs the scope '\(Scope.sessionsInput.rawValue)'. Add '?readonly=true' to watch.",
        at: .sessionRaw, path.first?.value, for: call)
    }
    let screen = try takeScreen(from: &query)
    let history = try takeHistory(from: &query)
    let session = try await roomySession(path, query, for: call)
    let (open, audit, accounts) = (authenticator.sockets, catalogue.audit, catalogue.accounts)
    let onEnvironment = surroundings(call, isReadOnly: isReadOnly)
    let isAttach = offered.contains(SessionRawSocket.attachProtocol)
    return .upgrade(
      WebSocketUpgrade(subprotocol: isAttach ? SessionRawSocket.attachProtocol : nil, loop: session.loop) { webSocket in
        let socket = SessionRawSocket(
          session, webSocket, call: call, accounts: accounts, audit: audit, isAttach: isAttach, isReadOnly: isReadOnly,
          onEnvironment: onEnvironment, onClosed: open.add(webSocket, call))
        socket.assumeIsolated { $0.open(screen: screen, history: history) }
      })
  }

  /// What takes the surroundings of a client: those of this server's own user on this machine are what new sessions are to have.
  private func surroundings(_ call: Call, isReadOnly: Bool) -> (@Sendable (ArraySlice<UInt8>) -> Void)? {
    guard !isReadOnly, call.via.isEmpty, case .localUser = call.principal else { return nil }
    let store = sessions
    return { document in
      var values: [String: String?] = [:]
      for (name, value) in JSONText.members(of: document) ?? [] {
        // What is neither a text nor null says nothing.
        guard JSONText.isNull(value) || JSONText.string(value) != nil else { continue }
        values[name] = .some(JSONText.string(value))
      }
      store.take(surroundings: values)
    }
  }

  /// Whether the client only watches.
  func takeReadOnly(from query: inout [(name: String, value: String)]) throws(OperationError) -> Bool {
    switch take("readonly", from: &query) {
    case nil, "false", "0": false
    case "", "true", "1": true
    default: throw OperationError(.invalidRequest, "Invalid request: 'readonly' must be true or false.")
    }
  }

  /// `scrollback`: how many lines of history go before the first picture.
  private func takeHistory(from query: inout [(name: String, value: String)]) throws(OperationError) -> Int {
    guard let text = take("scrollback", from: &query) else { return 0 }
    guard let count = Int(text), count >= 0 else {
      throw OperationError(.invalidRequest, "Invalid request: 'scrollback' is a number of lines.")
    }
    return count
  }

  /// `rows` and `cols` of the client's terminal: both or neither. `reserved_rows` below them are its own.
  private func takeScreen(
    from query: inout [(name: String, value: String)]
  ) throws(OperationError) -> ViewerScreen? {
    let reserved = take("reserved_rows", from: &query)
    guard let reservedRows = Int(reserved ?? "0"), (0...Int(UInt16.max)).contains(reservedRows) else {
      throw OperationError(.invalidRequest, "Invalid request: 'reserved_rows' is a number of rows.")
    }
    let (rows, columns) = (take("rows", from: &query), take("cols", from: &query))
    if rows == nil, columns == nil, reserved == nil { return nil }
    guard let rows = rows.flatMap({ Int($0) }), let columns = columns.flatMap({ Int($0) }),
      (1...Int(UInt16.max)).contains(rows), (1...Int(UInt16.max)).contains(columns)
    else {
      throw OperationError(.invalidRequest, "Invalid request: 'rows' and 'cols' are numbers from 1, and go together.")
    }
    return ViewerScreen(TerminalSize(rows: rows, columns: columns), reservedRows: reservedRows)
  }

  /// The session, if it has room for one more client. Joining checks again; here the refusal still has a status.
  private func roomySession(
    _ path: [(name: String, value: String)], _ query: [(name: String, value: String)], for call: Call
  ) async throws(OperationError) -> Session {
    let session = try await lookup.find(path.first?.value ?? "", query: query, for: call)
    do throws(SessionError) {
      try await session.requireRoom(forClientOf: call.principal.holder)
    } catch {
      throw OperationError(wrapping: error)
    }
    return session
  }

  private func serverSocket(_ query: [(name: String, value: String)], for call: Call) async throws(OperationError)
    -> HTTPReply
  {
    guard call.access.allows(.sessionsRead) else {
      throw refusal(
        "This token may not watch sessions: it needs the scope '\(Scope.sessionsRead.rawValue)'.", at: .serverJSON, nil,
        for: call)
    }
    let lookup = lookup
    return try serverLevel(query, at: .serverJSON, for: call) { webSocket, onClosed in
      let socket = ServerJSONSocket(webSocket, lookup: lookup, call: call, onClosed: onClosed)
      socket.assumeIsolated { $0.open() }
    }
  }

  private func rpcSocket(_ query: [(name: String, value: String)], for call: Call) async throws(OperationError)
    -> HTTPReply
  {
    let (rpc, feeds) = (rpc, events)
    return try serverLevel(query, at: .rpcSocket, for: call) { webSocket, onClosed in
      let socket = RPCSocket(webSocket, rpc: rpc, call: call, feeds: feeds, onClosed: onClosed)
      socket.assumeIsolated { $0.open() }
    }
  }

  /// An upgrade to a socket that is about the whole server, if there is room for one more.
  private func serverLevel(
    _ query: [(name: String, value: String)], at endpoint: FixedEndpoint, for call: Call,
    _ start: @escaping @Sendable (any MessageSocket, @escaping @Sendable () -> Void) -> Void
  ) throws(OperationError) -> HTTPReply {
    try checkQuery(query, at: endpoint)
    let place = try catalogue.accounts.take(.serverSockets, for: call.principal)
    let open = authenticator.sockets
    return .upgrade(
      WebSocketUpgrade { webSocket in
        let forget = open.add(webSocket, call)
        start(webSocket) {
          place.leave()
          forget()
        }
      })
  }

  /// What is no operation and the caller's scopes do not open: it is recorded here.
  func refusal(_ message: String, at endpoint: FixedEndpoint, _ target: String?, for call: Call)
    -> OperationError
  {
    refused(OperationError(.insufficientScope, message), at: endpoint, target, for: call)
  }

  /// Records a refusal that the catalogue does not see.
  func refused(
    _ error: OperationError, at endpoint: FixedEndpoint, _ target: String?, server: String? = nil, for call: Call
  ) -> OperationError {
    catalogue.audit?.refuse(
      AuditEntry(
        operation: endpoint.name, target: target, server: server, error: error, address: call.peer, via: call.via),
      call)
    return error
  }

  private var lookup: SessionLookup { SessionLookup(catalogue: catalogue, store: sessions) }

  func take(_ name: String, from query: inout [(name: String, value: String)]) -> String? {
    guard let index = query.firstIndex(where: { $0.name == name }) else { return nil }
    return query.remove(at: index).value
  }

  /// The subprotocols that a request offers (RFC 6455 §11.3.4).
  private static func subprotocols(_ request: HTTPRequest) -> [String] {
    request.headers.all("sec-websocket-protocol").flatMap { header in
      header.split(separator: ",").map { String($0.drop { $0 == " " }.prefix { $0 != " " }) }
    }
  }
}
