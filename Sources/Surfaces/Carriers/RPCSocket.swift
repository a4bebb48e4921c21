import Formats
import Net
import Operations

/// `GET /rpc` as a WebSocket: JSON-RPC 2.0, each message answered when its calls have ended, told apart by id.
actor RPCSocket: OperationSocket {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  let webSocket: any MessageSocket
  let catalogue: Catalogue
  let call: Call
  var requests = RunningRequests()
  var pauses: Set<ReadingPause> = []
  private let rpc: JSONRPC
  private let onClosed: @Sendable () -> Void

  private let subscriptions: Subscriptions

  init(
    _ webSocket: any MessageSocket, rpc: JSONRPC, call: Call, sockets: OpenSockets,
    onClosed: @escaping @Sendable () -> Void
  ) {
    loop = webSocket.loop
    self.webSocket = webSocket
    self.rpc = rpc
    subscriptions = Subscriptions(webSocket, catalogue: rpc.catalogue, sockets: sockets, call: call)
    self.call = call
    self.onClosed = onClosed
    catalogue = rpc.catalogue
  }

  func open() { webSocket.handler = self }

  private func received(_ text: [UInt8]) {
    if case .request(let request) = JSONRPC.Request.parse(text[...]), carries(request) { return }
    var call = call
    let remarks = AnswerRemarks()
    call.remarks = remarks
    let (rpc, asked) = (rpc, call)
    let operations = RPCSocket.methods(of: text).compactMap { catalogue.operation(named: $0) }
    let number = start(
      ordered: operations.contains(where: \.isOrdered), isLong: RPCSocket.isLong(operations), keeping: remarks
    ) { await rpc.answer(text, for: asked) }
    if number == nil {
      let error = RPCSocket.tooMany
      reply(JSONRPC.failure(error, id: RPCSocket.id(of: text)))
    }
  }

  /// Begins or ends a stream, where a request asks for that: over plain HTTP there are none, and `bus.subscribe` lists the newest events.
  private func carries(_ request: JSONRPC.Request) -> Bool {
    if subscriptions.begins(request.method) {
      start(ordered: true) { [self] in
        await subscriptions.subscribe(request, isolation: self) { [self] outcome in
          assumeIsolated { $0.answer(request, outcome) }
        }
        return nil
      }
      return true
    }
    guard subscriptions.ends(request.method) else { return false }
    answer(
      request,
      Result { () throws(OperationError) in
        try subscriptions.unsubscribe(request)
        return SocketMessage.emptyResult
      })
    return true
  }

  private func answer(_ request: JSONRPC.Request, _ outcome: Result<[UInt8], OperationError>) {
    guard let id = request.id else { return }
    switch outcome {
    case .success(let document): reply(JSONRPC.success(document[...], id: id))
    case .failure(let error): reply(JSONRPC.failure(error, id: id))
    }
  }

  private func drained() {
    outputDrained()
    subscriptions.drained()
  }

  private static func methods(of text: [UInt8]) -> [String] {
    let calls = JSONText.elements(of: text[...]) ?? [text[...]]
    return calls.compactMap { call in
      guard case .request(let request) = JSONRPC.Request.parse(call) else { return nil }
      return request.method
    }
  }

  /// What waits for something by itself is in nobody's way meanwhile, and others are not to wait for it.
  private static func isLong(_ operations: [Operation]) -> Bool {
    operations.contains(where: \.answersAtLength) && !operations.contains { $0.wait != nil }
  }

  private static func id(of text: [UInt8]) -> ArraySlice<UInt8>? {
    guard case .request(let request) = JSONRPC.Request.parse(text[...]) else { return nil }
    return request.id
  }

  private func closed() {
    requests.cancelAll()
    subscriptions.stop()
    onClosed()
  }
}

extension RPCSocket: WebSocketHandler {
  nonisolated func webSocket(_ ws: any MessageSocket, text: [UInt8]) { assumeIsolated { $0.received(text) } }

  nonisolated func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {
    assumeIsolated { $0.reply(JSONRPC.failure(-32700, .invalidRequest, "JSON-RPC is text here.", id: nil)) }
  }

  nonisolated func webSocketDrained(_ ws: any MessageSocket) { assumeIsolated { $0.drained() } }

  nonisolated func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { $0.closed() }
  }
}
