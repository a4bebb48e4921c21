import Cluster
package import Net
package import Operations
import Store

/// The way in for the links of hubs.
package struct LinkEntrance: Sendable {
  /// Takes a hub's link, on its loop, when its WebSocket is open; what the hub asks for is in the catalogue. Sets the socket's handler, and calls
  /// `closed` once, on that loop, when the socket has closed for good: until then the socket ends with its token.
  package typealias Acceptor =
    @Sendable (
      _ catalogue: LinkedCatalogue, _ socket: any MessageSocket, _ call: Call, _ closed: @escaping @Sendable () -> Void
    ) -> Void

  /// Where the link lives that goes on under this name, or a new one is to live; `nil` for where its connection is.
  let loop: @Sendable (_ session: String?) -> EventLoop?
  let accept: Acceptor

  package init(loop: @escaping @Sendable (String?) -> EventLoop?, accept: @escaping Acceptor) {
    self.loop = loop
    self.accept = accept
  }
}

/// What the hubs of links find here: the operations by their names, the streams by their paths.
package struct LinkedCatalogue: Sendable {
  let catalogue: Catalogue
  let sockets: OpenSockets
  private let streams: Router<(StreamBinding, Stream.Entrance)>

  init(_ catalogue: Catalogue, streams: [StreamBinding], sockets: OpenSockets) {
    self.catalogue = catalogue
    self.sockets = sockets
    self.streams = Router(
      streams.flatMap { binding in
        binding.stream.entrances.filter { $0.carrier == .webSocket }.map { ($0.route, (binding, $0)) }
      })
  }

  /// The stream at a path below the base.
  func stream(
    at path: String
  ) -> (binding: StreamBinding, entrance: Stream.Entrance, path: [(name: String, value: String)])? {
    guard case .found((let binding, let entrance), let parameters) = streams.match(method: "GET", path: Substring(path))
    else { return nil }
    return (binding, entrance, parameters)
  }
}

/// What opens a link.
private struct LinkInput: Decodable, Sendable, MeaningTelling {
  static let meanings = [FieldMeaning("session", "The link that is to go on; without it a new one begins")]

  var session: String?
}

extension StreamBinding {
  /// `/link`. Who opened it is who asks on all its streams; what the hub is called it says on the link itself.
  static func link(_ links: LinkEntrance, _ linked: LinkedCatalogue) -> StreamBinding {
    TypedStream(
      .init(
        .webSocket, "ws.link", "/link", "WebSocket: the link of a hub, with the subprotocol \(LinkHello.subprotocol)."),
      scopes: [.link], takes: LinkInput.self
    )
    .notThroughHubs("A link ends at the server that it was opened to; dial that one itself.")
    .hinting(
      "Make one for the hub with 'roost token create --scope link', and the scopes that its users are to have.",
      without: .link
    )
    .on { request, input in
      guard request.subprotocols.contains(LinkHello.subprotocol) else {
        throw OperationError(
          .invalidRequest, "Invalid request: a link is opened with the subprotocol \(LinkHello.subprotocol).")
      }
      return StreamOpening(subprotocol: LinkHello.subprotocol, loop: links.loop(input.session)) { socket, closed in
        links.accept(linked, socket, request.call, closed)
      }
    }
  }
}
