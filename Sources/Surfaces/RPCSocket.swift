import Formats
import Net
import Operations

/// `GET /rpc` as a WebSocket: JSON-RPC 2.0, each message answered when its calls have ended, told apart by id.
actor RPCSocket: OperationSocket {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  let webSocket: WebSocket
  let catalogue: Catalogue
  let call: Call
  var requests = RunningRequests()
  var pauses: Set<ReadingPause> = []
  private let rpc: JSONRPC
  private let onClosed: @Sendable () -> Void

  init(_ webSocket: WebSocket, rpc: JSONRPC, call: Call, onClosed: @escaping @Sendable () -> Void) {
    loop = webSocket.loop
    self.webSocket = webSocket
    self.rpc = rpc
    self.call = call
    self.onClosed = onClosed
    catalogue = rpc.catalogue
  }

  func open() { webSocket.handler = self }

  private func received(_ text: [UInt8]) {
    let (rpc, call) = (rpc, call)
    if start(ordered: RPCSocket.isOrdered(text), { await rpc.answer(text, for: call) }) == nil {
      let error = RPCSocket.tooMany
      reply(JSONRPC.failure(error.code.rpcCode, error.code, error.message, id: RPCSocket.id(of: text)))
    }
  }

  private static func isOrdered(_ text: [UInt8]) -> Bool {
    let calls = JSONText.elements(of: text[...]) ?? [text[...]]
    return calls.contains { call in
      guard case .request(let request) = JSONRPC.Request.parse(call) else { return false }
      return RunningRequests.ordered.contains(request.method)
    }
  }

  private static func id(of text: [UInt8]) -> ArraySlice<UInt8>? {
    guard case .request(let request) = JSONRPC.Request.parse(text[...]) else { return nil }
    return request.id
  }

  private func closed() {
    requests.cancelAll()
    onClosed()
  }
}

extension RPCSocket: WebSocketHandler {
  nonisolated func webSocket(_ ws: WebSocket, text: [UInt8]) { assumeIsolated { $0.received(text) } }

  nonisolated func webSocket(_ ws: WebSocket, binary: [UInt8]) {
    assumeIsolated { $0.reply(JSONRPC.failure(-32700, .invalidRequest, "JSON-RPC is text here.", id: nil)) }
  }

  nonisolated func webSocketDrained(_ ws: WebSocket) { assumeIsolated { $0.resume(.output) } }

  nonisolated func webSocketClosed(_ ws: WebSocket, code: UInt16, reason: String) { assumeIsolated { $0.closed() } }
}
