import Causality
import Cluster
import Formats
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
    guard let name = query.first(where: { $0.name == "server" })?.value,
      case .member(let member) = try catalogue.place(of: name)
    else { return nil }
    guard endpoint != .link else {
      throw OperationError(.unsupported, "A link ends at the server that it was opened to; dial \(member.name) itself.")
    }
    var query = query.filter { $0.name != "server" }
    var relayed = RelayedSocket(surface: self, endpoint: endpoint, path: path, member: member, call: call)
    if endpoint == .sessionRaw {
      var rest = query
      relayed.isReadOnly = try takeReadOnly(from: &rest)
    }
    try relayed.checkScope()
    // What the base of this server is called is nothing to another one.
    relayed.target = prefix.remainder(of: Substring(request.path)).map { String($0) } ?? request.path
    query.removeAll { $0.name == "ticket" }
    relayed.query = query
    relayed.offered = offered
    return try await relayed.open()
  }
}

/// A WebSocket that a client of this server has at another one.
private struct RelayedSocket: Sendable {
  let surface: HTTPSurface
  let endpoint: FixedEndpoint
  let path: [(name: String, value: String)]
  let member: Member
  let call: Call
  var isReadOnly = true
  var target = ""
  var query: [(name: String, value: String)] = []
  var offered: [String] = []
  /// The audit event of this hop.
  let id = makeUUID()

  init(
    surface: HTTPSurface, endpoint: FixedEndpoint, path: [(name: String, value: String)], member: Member, call: Call
  ) {
    self.surface = surface
    self.endpoint = endpoint
    self.path = path
    self.member = member
    self.call = call
  }

  private var work: Work { isReadOnly ? .reads : .changes }

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
    let (remote, socket): (any RemoteServer, any MessageSocket)
    do throws(OperationError) {
      remote = try surface.catalogue.way(to: member, for: work, endpoint.name, call)
      do throws(RemoteFailure) {
        socket = try await remote.open(request(to: member, size: nil))
      } catch {
        throw OperationError(error, from: surface.catalogue.ownName, at: member.name)
      }
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

  private func request(to member: Member, size: TerminalSize?) -> RemoteSocketRequest {
    var query = query
    if let size {
      query.removeAll { $0.name == "rows" || $0.name == "cols" }
      query.append(("rows", String(size.rows)))
      query.append(("cols", String(size.columns)))
    }
    return RemoteSocketRequest(
      path: target,
      query: query.map { "\(PercentEncoding.encode($0.name))=\(PercentEncoding.encode($0.value))" }
        .joined(separator: "&"),
      subprotocols: offered,
      context: RemoteAccess.context(
        for: call, member: member, causationID: isRecorded ? id : nil,
        serverID: surface.catalogue.cluster?.serverID ?? ""))
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
        let remote = try surface.catalogue.way(to: member, for: work, endpoint.name, call)
        do throws(RemoteFailure) {
          socket = try await remote.open(request(to: member, size: size))
        } catch {
          throw OperationError(error, from: surface.catalogue.ownName, at: member.name)
        }
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
    surface.refused(error, at: endpoint, path.first?.value, server: member.name, for: call)
  }

  private func record(_ error: OperationError?, since began: ContinuousClock.Instant) {
    let entry = AuditEntry(
      operation: endpoint.name, target: path.first?.value, server: member.name, error: error, address: call.peer,
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
