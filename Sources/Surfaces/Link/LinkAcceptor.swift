import Cluster
package import Net
package import Operations

/// Takes a hub's link, on its loop, when its WebSocket is open. Sets the socket's handler, and calls `closed` once, on that loop, when the
/// socket has closed for good: until then the socket ends with its token.
package typealias LinkAcceptor =
  @Sendable (_ socket: any MessageSocket, _ call: Call, _ closed: @escaping @Sendable () -> Void) -> Void

extension HTTPSurface {
  /// `/link`. Who opened it is who asks on all its streams; what the hub is called it says on the link itself.
  func linkSocket(_ offered: [String], for call: Call) throws(OperationError) -> HTTPReply {
    guard let links else { throw OperationError(.notFound, "This server takes no links.") }
    guard offered.contains(LinkHello.subprotocol) else {
      throw OperationError(
        .invalidRequest, "Invalid request: a link is opened with the subprotocol \(LinkHello.subprotocol).")
    }
    let open = authenticator.sockets
    return .upgrade(
      WebSocketUpgrade(subprotocol: LinkHello.subprotocol) { socket in links(socket, call, open.add(socket, call)) })
  }
}
