import Cluster
import Net
import Operations
import Store

/// How a request becomes a stream.
extension HTTPSurface {
  func carry(
    _ binding: StreamBinding, _ entrance: Stream.Entrance, _ request: HTTPRequest,
    _ path: [(name: String, value: String)],
    _ trace: RequestTrace
  ) async throws(OperationError) -> HTTPReply {
    let parsed = Result { () throws(OperationError) in try QueryText.parse(request.query) }
    var arguments = Arguments(path: path, query: (try? parsed.get()) ?? [])
    let ticket = entrance.carrier == .webSocket ? arguments.take("ticket") : nil
    let call = try await authenticate(request, ticket: ticket, for: .stream(binding, entrance), path, trace)
    // Not before: a stranger is told that he is one.
    _ = try parsed.get()
    switch entrance.carrier {
    case .webSocket: return try await upgrade(request, binding, entrance, arguments, for: call)
    case .serverSentEvents: return try await eventStream(request, binding, entrance, arguments, for: call)
    }
  }

  private func upgrade(
    _ request: HTTPRequest, _ binding: StreamBinding, _ entrance: Stream.Entrance, _ arguments: Arguments,
    for call: Call
  ) async throws(OperationError) -> HTTPReply {
    guard request.wantsWebSocket else { return .response(Responses.upgradeRequired()) }
    let opening = try await catalogue.open(
      binding, through: entrance, arguments, offering: HTTPSurface.subprotocols(request), for: call)
    let sockets = authenticator.sockets
    var upgrade = WebSocketUpgrade(subprotocol: opening.subprotocol, loop: opening.loop) { webSocket in
      opening.start(webSocket, sockets.add(webSocket, call))
    }
    if call.principal.holder != nil {
      let unfinished = UnfinishedMessage(accounts: catalogue.accounts, principal: call.principal)
      upgrade.holdsMessage = { unfinished.hold($0) }
    }
    return .upgrade(upgrade)
  }

  private func eventStream(
    _ request: HTTPRequest, _ binding: StreamBinding, _ entrance: Stream.Entrance, _ arguments: Arguments,
    for call: Call
  ) async throws(OperationError) -> HTTPReply {
    let stream = binding.stream
    var arguments = arguments
    // With it a browser goes on where it was (HTML §9.2.6).
    if let field = stream.resumesBy, let last = request.headers[first: "last-event-id"] {
      arguments.query.removeAll { $0.name == field }
      arguments.query.append((field, last))
    }
    let opening = try await catalogue.open(binding, through: entrance, arguments, for: call)
    let authenticator = authenticator
    return .stream(Responses.eventStream()) { writer in
      let socket = EventStreamSocket(
        writer, peer: request.peer, event: stream.serverSentEvent,
        own: opening.isRelayed ? nil : stream.ownServerSentEvent)
      await socket.carry {
        opening.begin(on: $0, for: call, noting: authenticator.sockets)
      } while: {
        // The file of the tokens may be another's work.
        (try? await authenticator.authenticate(request)) != nil
      }
    }
  }

  /// The subprotocols that a request offers (RFC 6455 §11.3.4).
  private static func subprotocols(_ request: HTTPRequest) -> [String] {
    request.headers.all("sec-websocket-protocol").flatMap { header in
      header.split(separator: ",").map { String($0.drop { $0 == " " }.prefix { $0 != " " }) }
    }
  }
}

extension StreamBinding {
  /// `GET /rpc` as a WebSocket.
  static func rpc(_ rpc: JSONRPC, _ sockets: OpenSockets) -> StreamBinding {
    TypedStream(
      .init(.webSocket, "ws.rpc", "/rpc", "WebSocket: JSON-RPC 2.0, answered as the calls end."), scopes: [],
      takes: NoInput.self
    )
    .sharing(.serverSockets)
    .carryingCalls()
    .on { request, _ in
      StreamOpening { webSocket, closed in
        let socket = RPCSocket(webSocket, rpc: rpc, call: request.call, sockets: sockets, onClosed: closed)
        socket.assumeIsolated { $0.open() }
      }
    }
  }
}

extension Arguments {
  /// A parameter of the query, which is none of the stream's.
  fileprivate mutating func take(_ name: String) -> String? {
    guard let index = query.firstIndex(where: { $0.name == name }) else { return nil }
    return query.remove(at: index).value
  }
}
