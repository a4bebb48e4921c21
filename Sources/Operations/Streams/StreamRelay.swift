import Causality
import Cluster
import Formats
import Net
import Store
import TerminalEngine

/// A stream that a caller of this server has at another one: it is opened there first, so that a refusal is still an answer.
struct StreamRelay: Sendable {
  let catalogue: Catalogue
  let stream: Stream
  let entrance: Stream.Entrance
  let member: Member
  let call: Call
  let needs: Stream.Needs
  let arguments: Arguments
  let subprotocols: [String]
  /// The audit event of this hop.
  private let id = makeUUID()

  /// Over which a client could change something, if its access and the role allow: those leave a record that they were opened.
  private var isRecorded: Bool { stream.carriesCalls || needs.work != .reads }

  func open() async throws(OperationError) -> StreamOpening {
    let began = ContinuousClock.now
    let socket: any MessageSocket
    do throws(OperationError) {
      socket = try await open(arguments, at: member)
    } catch {
      if error.isRefusal { throw catalogue.refused(error, entrance, arguments, server: member.name, for: call) }
      if isRecorded { record(error, since: began) }
      throw error
    }
    if isRecorded { record(nil, since: began) }
    let (unclaimed, name) = (UnclaimedSocket(socket), member.name)
    let reopening = reopening(on: socket.loop, subprotocol: socket.subprotocol)
    var opening = StreamOpening(subprotocol: socket.subprotocol, loop: socket.loop) { client, closed in
      guard let socket = unclaimed.claim() else {
        closed()
        return client.close(code: LinkStream.lost, reason: "")
      }
      let relay = SocketRelay(client, socket, server: name, reopening: reopening, onClosed: closed)
      relay.assumeIsolated { $0.start() }
    }
    opening.isRelayed = true
    return opening
  }

  /// Opens the stream at a backend. An error names the servers on the way.
  private func open(_ arguments: Arguments, at member: Member) async throws(OperationError) -> any MessageSocket {
    let remote = try catalogue.way(to: member, for: needs.work, entrance.name, call)
    guard let route = stream.webSocket?.route else {
      throw OperationError(
        .unsupported, "\(entrance.name) is not passed on to other servers: open it at \(member.name).")
    }
    let (path, query) = try arguments.target(at: route)
    let request = RemoteSocketRequest(
      path: path, query: query, subprotocols: subprotocols,
      context: RemoteAccess.context(
        for: call, member: member, causationID: isRecorded ? id : nil, serverID: catalogue.cluster?.serverID ?? ""))
    do throws(RemoteFailure) {
      return try await remote.open(request)
    } catch {
      throw OperationError(error, from: catalogue.ownName, at: member.name)
    }
  }

  /// How it goes on after a loss. The backend is looked up anew: it may be reached in another way by then, or in another role.
  private func reopening(on loop: EventLoop, subprotocol: String?) -> SocketRelay.Reopening? {
    guard let reopening = stream.reopening else { return nil }
    let name = member.serverID ?? member.address
    let isAttach = subprotocol == reopening.controlProtocol
    return SocketRelay.Reopening(isAttach: isAttach) { [self] (size) async throws(RemoteFailure) in
      let socket: any MessageSocket
      do throws(OperationError) {
        socket = try await open(reopening.arguments(arguments, size), at: try usableMember(name))
      } catch {
        throw RemoteFailure(
          code: error.codeText, message: error.message, status: error.httpStatus, path: error.serverPath)
      }
      guard socket.loop === loop else {
        socket.loop.execute { socket.close(code: WebSocketCloseCode.goingAway, reason: "") }
        throw .unavailable("\(member.name) is reached in another way now.", server: member.name)
      }
      return socket
    }
  }

  private func usableMember(_ name: String) throws(OperationError) -> Member {
    guard case .member(let member) = try catalogue.place(of: name) else {
      throw OperationError(.serverNotFound, "Server not found: \(name).")
    }
    guard !member.report.health.isLasting else {
      // Not tried for a minute: the one who is there now is not to be used.
      let reason = member.report.reason.map { ": \($0)" } ?? ""
      throw OperationError(
        .linkRefused, "\(member.name) cannot be used any more (\(member.report.health.rawValue)\(reason)).")
    }
    return member
  }

  private func record(_ error: OperationError?, since began: ContinuousClock.Instant) {
    let entry = AuditEntry(
      operation: entrance.name, target: arguments.target(of: entrance.route), server: member.name, error: error,
      address: call.peer, duration: began.duration(to: .now), via: call.via)
    catalogue.audit?.record(entry, id: id, of: call.cause())
  }
}

extension Arguments {
  /// These arguments as the target of a request: the path of a route, and a query without `server`.
  fileprivate func target(at route: Route) throws(OperationError) -> (path: String, query: String) {
    let given = try texts()
    var rest = given.filter { $0.name != "server" }
    let segments = route.path.split(separator: "/").map { segment -> String in
      guard let name = Route.parameter(segment) else { return String(segment) }
      let value = given.first { $0.name == name }?.value ?? ""
      rest.removeAll { $0.name == name }
      return PercentEncoding.encode(value)
    }
    return ("/" + segments.joined(separator: "/"), QueryText.encode(rest))
  }

  /// All that was given, as text; lists with commas.
  private func texts() throws(OperationError) -> [(name: String, value: String)] {
    guard case .json(let body) = body else { return path + query }
    guard let members = JSONText.members(of: body[...]) else {
      throw OperationError(.invalidRequest, "Invalid request: the parameters must be an object.")
    }
    return path + query
      + members.compactMap { name, value in
        if JSONText.isNull(value) { return nil }
        if let text = JSONText.string(value) { return (name, text) }
        if let elements = JSONText.elements(of: value) {
          return (name, elements.map { JSONText.string($0) ?? "" }.joined(separator: ","))
        }
        return (name, String(decoding: value, as: UTF8.self))
      }
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
    socket.loop.execute { socket.close(code: WebSocketCloseCode.goingAway, reason: "the client is gone") }
  }
}
