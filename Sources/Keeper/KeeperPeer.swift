import Glibc
import Sys

/// One connection to the keeper. What it is sent is bounded: while an answer waits for room, nothing more is read.
final class KeeperPeer {
  let socket: CInt
  /// It said hello in our version: it is the server.
  var isServer = false
  /// When it must have said hello (monotonic nanoseconds).
  let helloDeadline: UInt64
  /// It is to be closed.
  private(set) var isGone = false
  private var waiting: (bytes: [UInt8], descriptors: [CInt])?
  /// The sessions still to be listed, the last first, and the number of the request.
  private var listing: (ids: [String], number: UInt32)?

  init(socket: CInt, helloDeadline: UInt64) {
    self.socket = socket
    self.helloDeadline = helloDeadline
    UnixSocket.setSendBuffer(socket, bytes: KeeperLimits.longestPacket * 2)
  }

  deinit { close(socket) }

  /// An answer waits for room, or a list is under way.
  var hasOutput: Bool { waiting != nil || listing != nil }

  func drop() { isGone = true }

  /// Whether the other end has closed its side, without taking anything from the socket.
  var isClosedByPeer: Bool {
    var byte: UInt8 = 0
    let count = recv(socket, &byte, 1, CInt(MSG_PEEK) | CInt(MSG_DONTWAIT))
    return count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)
  }

  /// Sends, or keeps it until there is room. The descriptors stay the caller's and must live until the peer's next
  /// request is handled. Nothing else may be waiting.
  func send(_ reply: KeeperReply, number: UInt32, descriptors: [CInt] = []) {
    let bytes = reply.encoded(number: number)
    switch UnixSocket.send(socket, bytes, descriptors: descriptors) {
    case .bytes: return
    case .wouldBlock: waiting = (bytes, descriptors)
    case .endOfFile, .failed: isGone = true
    }
  }

  /// Starts answering a list request.
  func list(_ ids: [String], number: UInt32) {
    listing = (ids.reversed(), number)
  }

  /// Sends what there is room for; `session` finds a session of the list, nil when it is gone by now.
  func flush(session: (String) -> KeeperSession?) {
    while !isGone {
      if let next = waiting {
        waiting = nil
        switch UnixSocket.send(socket, next.bytes, descriptors: next.descriptors) {
        case .bytes: continue
        case .wouldBlock:
          waiting = next
          return
        case .endOfFile, .failed:
          isGone = true
          return
        }
      }
      guard var rest = listing else { return }
      guard let id = rest.ids.popLast() else {
        listing = nil
        send(.done, number: rest.number)
        continue
      }
      listing = rest
      guard let found = session(id) else { continue }
      let (reply, descriptors) = found.listing
      if found.ended != nil { found.announced = true }
      send(reply, number: rest.number, descriptors: descriptors)
    }
  }
}
