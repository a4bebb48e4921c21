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

  /// `nil` where there is no event log.
  private let bus: BusSubscriptions?

  init(
    _ webSocket: any MessageSocket, rpc: JSONRPC, call: Call, feeds: EventFeeds?,
    onClosed: @escaping @Sendable () -> Void
  ) {
    loop = webSocket.loop
    self.webSocket = webSocket
    self.rpc = rpc
    bus = feeds.map { BusSubscriptions(webSocket, feeds: $0, catalogue: rpc.catalogue, call: call) }
    self.call = call
    self.onClosed = onClosed
    catalogue = rpc.catalogue
  }

  func open() { webSocket.handler = self }

  private func received(_ text: [UInt8]) {
    if let bus, case .request(let request) = JSONRPC.Request.parse(text[...]), request.method.hasPrefix("bus."),
      follow(request, bus)
    {
      return
    }
    var call = call
    let remarks = AnswerRemarks()
    call.remarks = remarks
    let (rpc, asked) = (rpc, call)
    let methods = RPCSocket.methods(of: text)
    let number = start(
      ordered: methods.contains(where: RunningRequests.ordered.contains), isLong: isLong(methods), keeping: remarks
    ) { await rpc.answer(text, for: asked) }
    if number == nil {
      let error = RPCSocket.tooMany
      reply(JSONRPC.failure(error, id: RPCSocket.id(of: text)))
    }
  }

  /// Here subscriptions are alive; over plain HTTP `bus.subscribe` lists the newest events. False for what is neither.
  private func follow(_ request: JSONRPC.Request, _ bus: BusSubscriptions) -> Bool {
    switch request.method {
    case "bus.subscribe":
      start(ordered: true) { [self] in
        await subscribe(request, bus)
        return nil
      }
    case "bus.unsubscribe":
      answer(
        request,
        Result { () throws(OperationError) in
          try bus.unsubscribe(request.body)
          return SocketMessage.emptyResult
        })
    default: return false
    }
    return true
  }

  private func subscribe(_ request: JSONRPC.Request, _ bus: BusSubscriptions) async {
    do throws(OperationError) {
      let (subscription, next) = try await bus.subscribe(request.body)
      var json = JSONWriter()
      json.beginObject()
      json.key("subscription")
      json.integer(subscription)
      json.key("next")
      json.integer(next)
      json.endObject()
      answer(request, .success(json.finish()))
      bus.begin(subscription)
    } catch {
      answer(request, .failure(error))
    }
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
    bus?.drained()
  }

  private static func methods(of text: [UInt8]) -> [String] {
    let calls = JSONText.elements(of: text[...]) ?? [text[...]]
    return calls.compactMap { call in
      guard case .request(let request) = JSONRPC.Request.parse(call) else { return nil }
      return request.method
    }
  }

  /// What waits for something by itself is in nobody's way meanwhile, and others are not to wait for it.
  private func isLong(_ methods: [String]) -> Bool {
    methods.contains(where: RunningRequests.long.contains)
      && !methods.contains { catalogue.operation(named: $0)?.wait != nil }
  }

  private static func id(of text: [UInt8]) -> ArraySlice<UInt8>? {
    guard case .request(let request) = JSONRPC.Request.parse(text[...]) else { return nil }
    return request.id
  }

  private func closed() {
    requests.cancelAll()
    bus?.stop()
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
