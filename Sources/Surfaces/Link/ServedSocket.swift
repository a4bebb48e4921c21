import Cluster
import Formats
import Net
import Operations

/// A stream of the catalogue that a hub opens over a stream of its link, on the loop where that lives.
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
      let opening = try await opening()
      if isOver { return }
      start(opening)
    } catch {
      if !isOver { link.refuse(stream, error) }
    }
  }

  private func opening() async throws(OperationError) -> StreamOpening {
    guard let (wanted, entrance, path) = link.linked.stream(at: request.path) else {
      throw OperationError(.notFound, "No WebSocket is served at this path.")
    }
    return try await link.linked.catalogue.open(
      wanted, through: entrance, Arguments(path: path, query: try QueryText.parse(request.query)),
      offering: request.subprotocols, for: call)
  }

  private func start(_ opening: StreamOpening) {
    stream.send(text: ServedSocket.opened(opening.subprotocol))
    let socket = HoppingSocket(stream, on: opening.loop ?? loop, subprotocol: opening.subprotocol)
    let (loop, call, sockets) = (loop, call, link.linked.sockets)
    socket.loop.execute {
      opening.start(socket, sockets.add(socket, call))
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
