import Cluster
import Formats
import Net
import Operations

/// A WebSocket that a hub opens over a stream: the same one that a request over HTTP becomes, on the loop where that lives.
actor ServedSocket {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  private let stream: any MessageSocket
  private let request: RemoteSocketRequest
  private let call: Call
  private let link: LinkSurface
  private var isOver = false

  init(_ stream: any MessageSocket, _ request: RemoteSocketRequest, _ call: Call, _ link: LinkSurface) {
    loop = stream.loop
    self.stream = stream
    self.request = request
    self.call = call
    self.link = link
  }

  func begin() {
    stream.handler = self
    // What the hub says before the socket is open waits.
    stream.pauseReading()
    Task { [self] in await open() }
  }

  private func open() async {
    do throws(OperationError) {
      let upgrade = try await upgrade()
      if isOver { return }
      start(upgrade)
    } catch {
      if !isOver { link.refuse(stream, error) }
    }
  }

  private func upgrade() async throws(OperationError) -> WebSocketUpgrade {
    guard let (endpoint, path) = link.surface.webSocket(at: request.path) else {
      throw OperationError(.notFound, "No WebSocket is served at this path.")
    }
    let reply = try await link.surface.open(
      endpoint, path, try QueryText.parse(request.query), request.subprotocols, for: call)
    guard case .upgrade(let upgrade) = reply else {
      throw OperationError(.internalError, "Something failed inside the server: the socket was not opened.")
    }
    return upgrade
  }

  private func start(_ upgrade: WebSocketUpgrade) {
    stream.send(text: ServedSocket.opened(upgrade.subprotocol))
    let socket = HoppingSocket(
      stream, on: upgrade.loop ?? loop, subprotocol: upgrade.subprotocol, maximumMessage: upgrade.maxMessageBytes)
    let loop = loop
    socket.loop.execute {
      upgrade.opened(socket)
      loop.execute { socket.begin() }
    }
  }

  private static func opened(_ subprotocol: String?) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.key("opened")
    json.beginObject()
    json.key("subprotocol")
    if let subprotocol { json.string(subprotocol) } else { json.null() }
    json.endObject()
    json.endObject()
    return json.finish()
  }

  private func closed() { isOver = true }
}

extension ServedSocket: WebSocketHandler {
  nonisolated func webSocket(_ ws: any MessageSocket, text: [UInt8]) {}
  nonisolated func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {}
  nonisolated func webSocketDrained(_ ws: any MessageSocket) {}
  nonisolated func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { $0.closed() }
  }
}
