import Causality
import Cluster
import Net
import Operations
import Store
import TerminalEngine

/// How a request for a WebSocket of another server becomes one: the backend opens it first, so that a refusal has a status.
extension HTTPSurface {
  /// The answer to a request whose `server` names a backend; `nil` for one that is for this server.
  func relay(
    _ request: HTTPRequest, to endpoint: FixedEndpoint, _ path: [(name: String, value: String)],
    _ query: [(name: String, value: String)], _ offered: [String], for call: Call
  ) async throws(OperationError) -> HTTPReply? {
    guard let member = try backend(in: query) else { return nil }
    guard endpoint != .link else {
      throw OperationError(.unsupported, "A link ends at the server that it was opened to; dial \(member.name) itself.")
    }
    let passedOn = query.filter { $0.name != "server" }
    var isReadOnly = true
    if endpoint == .sessionRaw {
      // Looked at, and left for the backend.
      var rest = passedOn
      isReadOnly = try takeReadOnly(from: &rest)
    }
    // What the base of this server is called is nothing to another one.
    let target = prefix.remainder(of: Substring(request.path)).map { String($0) } ?? request.path
    let relayed = RelayedSocket(
      surface: self, member: member, session: path.first?.value, call: call, isReadOnly: isReadOnly,
      wanted: RelayedRequest(
        endpoint: endpoint, work: isReadOnly ? .reads : .changes, path: target, query: passedOn, offered: offered))
    try relayed.checkScope()
    return try await relayed.open()
  }
}

/// A WebSocket that a client of this server has at another one.
private struct RelayedSocket: Sendable {
  let surface: HTTPSurface
  let member: Member
  /// The name of the session that the socket is of, if it is of one.
  let session: String?
  let call: Call
  let isReadOnly: Bool
  let wanted: RelayedRequest
  /// The audit event of this hop.
  let id = makeUUID()

  private var endpoint: FixedEndpoint { wanted.endpoint }

  /// Over which a client could change something, if its access and the role allow: those leave a record that they were opened.
  private var isRecorded: Bool { endpoint != .eventSocket && !(endpoint == .sessionRaw && isReadOnly) }

  /// The backend asks the same; a scope that is missing need not go there to be told so.
  func checkScope() throws(OperationError) {
    var scopes: [Scope] = [endpoint == .eventSocket ? .eventsRead : .sessionsRead]
    // JSON-RPC asks for each call.
    if endpoint == .rpcSocket { scopes = [] }
    if !isReadOnly { scopes.append(.sessionsInput) }
    for scope in scopes where !call.access.allows(scope) {
      let hint = scope == .sessionsInput ? " Add '?readonly=true' to watch." : ""
      throw refused(
        OperationError(
          .insufficientScope,
          "This token may not do \(endpoint.name): it needs the scope '\(scope.rawValue)'.\(hint)"))
    }
  }

  func open() async throws(OperationError) -> HTTPReply {
    let began = ContinuousClock.now
    let socket: any MessageSocket
    do throws(OperationError) {
      socket = try await open(at: member, size: nil)
    } catch {
      if error.isRefusal { throw refused(error) }
      if isRecorded { record(error, since: began) }
      throw error
    }
    if isRecorded { record(nil, since: began) }
    let unclaimed = UnclaimedSocket(socket)
    let (sockets, call, name) = (surface.authenticator.sockets, call, member.name)
    let reopening = reopening(
      on: socket.loop, isAttach: socket.subprotocol == SessionRawSocket.attachProtocol)
    return .upgrade(
      WebSocketUpgrade(subprotocol: socket.subprotocol, loop: socket.loop) { client in
        guard let socket = unclaimed.claim() else { return client.close(code: LinkStream.lost, reason: "") }
        let relay = SocketRelay(
          client, socket, server: name, reopening: reopening, onClosed: sockets.add(client, call))
        relay.assumeIsolated { $0.start() }
      })
  }

  private func open(
    at member: Member, size: TerminalSize?, again isAgain: Bool = false
  ) async throws(OperationError) -> any MessageSocket {
    var wanted = wanted
    if isRecorded { wanted.causationID = id }
    if isAgain { wanted.query.removeAll { $0.name == "scrollback" } }
    if let size {
      wanted.query.removeAll { $0.name == "rows" || $0.name == "cols" }
      wanted.query.append(("rows", String(size.rows)))
      wanted.query.append(("cols", String(size.columns)))
    }
    return try await surface.open(wanted, at: member, for: call)
  }

  /// Terminal bytes go on after a loss. The backend is looked up anew: it may be reached in another way by then, or in another role.
  private func reopening(on loop: EventLoop, isAttach: Bool) -> SocketRelay.Reopening? {
    guard endpoint == .sessionRaw else { return nil }
    let name = member.serverID ?? member.address
    return SocketRelay.Reopening(isAttach: isAttach) { [self] (size) async throws(RemoteFailure) in
      let socket: any MessageSocket
      do throws(OperationError) {
        guard case .member(let member) = try surface.catalogue.place(of: name) else {
          throw OperationError(.serverNotFound, "Server not found: \(name).")
        }
        if member.report.health.isLasting {
          // Not tried for a minute: the one who is there now is not to be used.
          let reason = member.report.reason.map { ": \($0)" } ?? ""
          throw OperationError(
            .linkRefused, "\(member.name) cannot be used any more (\(member.report.health.rawValue)\(reason)).")
        }
        socket = try await open(at: member, size: size, again: true)
      } catch {
        throw RemoteFailure(
          code: error.codeText, message: error.message, status: error.httpStatus, path: error.serverPath)
      }
      guard socket.loop === loop else {
        socket.loop.execute { socket.close(code: 1001, reason: "") }
        throw .unavailable("\(member.name) is reached in another way now.", server: member.name)
      }
      return socket
    }
  }

  private func refused(_ error: OperationError) -> OperationError {
    surface.refused(error, at: endpoint, session, server: member.name, for: call)
  }

  private func record(_ error: OperationError?, since began: ContinuousClock.Instant) {
    let entry = AuditEntry(
      operation: endpoint.name, target: session, server: member.name, error: error, address: call.peer,
      duration: began.duration(to: .now), via: call.via)
    surface.catalogue.audit?.record(entry, id: id, of: call.cause())
  }
}

/// A backend's socket for which a client is still to come. If none does, since its handshake was none or it went away, it is closed.
final class UnclaimedSocket: @unchecked Sendable {
  // Unchecked: claimed on the socket's loop, once, or not at all.
  private var socket: (any MessageSocket)?

  init(_ socket: any MessageSocket) { self.socket = socket }

  func claim() -> (any MessageSocket)? {
    defer { socket = nil }
    return socket
  }

  deinit {
    guard let socket else { return }
    socket.loop.execute { socket.close(code: 1001, reason: "the client is gone") }
  }
}
