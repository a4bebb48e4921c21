import Net
import Operations

extension StreamOpening {
  /// Begins on what carries it, which lives elsewhere than the stream perhaps; on the carrier's loop. Until it has closed it ends with the token
  /// of the call.
  func begin(on carrier: any MessageSocket, for call: Call, noting sockets: OpenSockets) {
    guard let loop, loop !== carrier.loop else {
      return start(carrier, sockets.add(carrier, call, isWebSocket: false))
    }
    let socket = HoppingSocket(carrier, on: loop, subprotocol: subprotocol)
    let (below, start) = (carrier.loop, start)
    loop.execute {
      start(socket, sockets.add(socket, call, isWebSocket: false))
      below.execute { socket.begin() }
    }
  }
}
