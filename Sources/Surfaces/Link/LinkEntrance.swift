import Cluster
package import Net
package import Operations
import Store

/// The way in for the links of hubs.
package struct LinkEntrance: Sendable {
  /// Takes a hub's link, on its loop, when its WebSocket is open; what the hub asks for is served by the surface. Sets the socket's handler, and calls `closed` once, on that loop, when the
  /// socket has closed for good: until then the socket ends with its token.
  package typealias Acceptor =
    @Sendable (
      _ surface: HTTPSurface, _ socket: any MessageSocket, _ call: Call, _ closed: @escaping @Sendable () -> Void
    ) -> Void

  /// Where the link lives that goes on under this name, or a new one is to live; `nil` for where its connection is.
  let loop: @Sendable (_ session: String?) -> EventLoop?
  let accept: Acceptor

  package init(loop: @escaping @Sendable (String?) -> EventLoop?, accept: @escaping Acceptor) {
    self.loop = loop
    self.accept = accept
  }
}

extension HTTPSurface {
  /// `/link`. Who opened it is who asks on all its streams; what the hub is called it says on the link itself.
  /// - Parameter query: `session` names the link that is to go on.
  func linkSocket(
    _ query: [(name: String, value: String)], _ offered: [String], for call: Call
  ) throws(OperationError) -> HTTPReply {
    guard let links else { throw OperationError(.notFound, "This server takes no links.") }
    guard call.access.allows(.link) else {
      throw refusal(
        "This token may not open a link: it needs the scope '\(Scope.link.rawValue)'. Make one for the hub with 'roost token create --scope link', and the scopes that its users are to have.",
        at: .link, nil, for: call)
    }
    guard offered.contains(LinkHello.subprotocol) else {
      throw OperationError(
        .invalidRequest, "Invalid request: a link is opened with the subprotocol \(LinkHello.subprotocol).")
    }
    let open = authenticator.sockets
    let loop = links.loop(query.first { $0.name == "session" }?.value)
    return .upgrade(
      WebSocketUpgrade(subprotocol: LinkHello.subprotocol, loop: loop) { socket in
        links.accept(self, socket, call, open.add(socket, call))
      })
  }
}
