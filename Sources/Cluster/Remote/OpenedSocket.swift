import Formats
package import Net

/// A stream on which a backend has opened a socket, as that socket.
///
/// It is its stream's handler only until it has one of its own, so that an end that comes before is not lost; from then on the stream
/// tells that one directly.
package final class OpenedSocket: MessageSocket, @unchecked Sendable {
  // Unchecked: touched on the stream's loop only, which the stream checks.
  private let stream: any MessageSocket
  package let subprotocol: String?
  private var ending: (code: UInt16, reason: String)?
  /// Set after the end: it hears of that, and of nothing else.
  private var late: (any WebSocketHandler)?

  package init(_ stream: any MessageSocket, subprotocol: String?) {
    self.stream = stream
    self.subprotocol = subprotocol
  }

  /// Takes the stream over if the backend's word is that it has opened the socket: `{"opened":{"subprotocol":…|null}}`. Nothing is delivered
  /// before the socket has a handler and is resumed.
  convenience init?(_ stream: any MessageSocket, announced text: [UInt8], offered: [String]) {
    guard let opened = JSONText.members(of: text[...])?.last(where: { $0.name == "opened" })?.value,
      let members = JSONText.members(of: opened)
    else { return nil }
    var chosen: String?
    if let value = members.last(where: { $0.name == "subprotocol" })?.value, !JSONText.isNull(value) {
      // One that nobody offered would end the client's handshake.
      guard let name = JSONText.string(value), offered.contains(name) else { return nil }
      chosen = name
    }
    self.init(stream, subprotocol: chosen)
    stream.pauseReading()
    stream.handler = self
  }

  package var loop: EventLoop { stream.loop }
  package var peer: PeerAddress { stream.peer }

  package var handler: (any WebSocketHandler)? {
    get { ending == nil ? stream.handler : late }
    set { if ending == nil { stream.handler = newValue } else { late = newValue } }
  }

  package func send(text: [UInt8]) { stream.send(text: text) }
  package func send(text: String) { stream.send(text: text) }
  package func send(_ texts: WebSocketTexts) { stream.send(texts) }
  package func send(binary: UnsafeRawBufferPointer) { stream.send(binary: binary) }
  package func send(binary: [UInt8]) { stream.send(binary: binary) }
  package var queuedBytes: Int { stream.queuedBytes }
  package var isOpen: Bool { ending == nil && stream.isOpen }
  package func pauseReading() { stream.pauseReading() }
  package func close(code: UInt16, reason: String) { stream.close(code: code, reason: reason) }

  package func resumeReading() {
    guard let ending else { return stream.resumeReading() }
    loop.execute { [self] in
      let handler = late
      late = nil
      handler?.webSocketClosed(self, code: ending.code, reason: ending.reason)
    }
  }
}

extension OpenedSocket: WebSocketHandler {
  // Paused: only the end can come.
  package func webSocket(_ ws: any MessageSocket, text: [UInt8]) {}
  package func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {}
  package func webSocketDrained(_ ws: any MessageSocket) {}
  package func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) { ending = (code, reason) }
}
