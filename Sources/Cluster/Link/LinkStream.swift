package import Net

/// One stream of messages over a link: to its user it is a socket like any other. It outlives the connection of the link, within limits;
/// what it could not keep closes it with 1012.
///
/// Nothing is delivered before a handler is set.
package final class LinkStream: MessageSocket {
  /// The close code of a stream whose way was lost for good ("service restart", RFC 6455 registry).
  package static let lost = WebSocketCloseCode.serviceRestart

  package let link: Link
  package let peer: PeerAddress
  package let id: UInt32

  init(link: Link, id: UInt32, peer: PeerAddress) {
    self.link = link
    self.id = id
    self.peer = peer
  }

  package var loop: EventLoop { link.loop }
  package var subprotocol: String? { nil }

  package var handler: (any WebSocketHandler)? {
    get { link.assumeIsolated { $0.handler(of: id) } }
    set { link.assumeIsolated { $0.setHandler(newValue, of: id) } }
  }

  package func send(text: [UInt8]) { link.assumeIsolated { $0.send(text, isText: true, on: id) } }
  package func send(text: String) { send(text: Array(text.utf8)) }
  package func send(binary: [UInt8]) { link.assumeIsolated { $0.send(binary, isText: false, on: id) } }
  package func send(binary: UnsafeRawBufferPointer) { send(binary: Array(binary)) }
  package func send(_ texts: WebSocketTexts) { texts.forEach { send(text: Array($0)) } }

  package var queuedBytes: Int { link.assumeIsolated { $0.queuedBytes(of: id) } }
  package var isOpen: Bool { link.assumeIsolated { $0.isOpen(id) } }

  package func pauseReading() { link.assumeIsolated { $0.pauseReading(id) } }
  package func resumeReading() { link.assumeIsolated { $0.resumeReading(id) } }
  package func close(code: UInt16, reason: String) { link.assumeIsolated { $0.close(id, code, reason) } }
}
