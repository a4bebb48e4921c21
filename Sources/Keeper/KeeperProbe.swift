import Glibc
import Sys

/// Asks a keeper what it holds, without an event loop: for a command that has to know whether a server is worth starting.
package enum KeeperProbe {
  /// A keeper answers within a millisecond; one that is stopped must not stop the command.
  private static let patience: CInt = 1000

  /// How many sessions the keeper at this socket holds for a server to come; nil when none answers, or a server is connected to it.
  package static func sessionsWaiting(at socketPath: String) -> Int? {
    guard let socket = try? UnixSocket.connect(socketPath, .packets),
      // Another user's program says what it likes.
      UnixSocket.peerCredentials(socket.raw)?.uid == Host.userID,
      case .bytes = UnixSocket.send(socket.raw, KeeperRequest.hello(version: KeeperLimits.version).encoded(number: 1))
    else { return nil }
    var entry = pollfd(fd: socket.raw, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, patience) == 1 else { return nil }
    let buffer = PacketBuffer()
    guard case .message(let message) = UnixSocket.receive(socket.raw, buffer: buffer.bytes) else { return nil }
    message.closeDescriptors()
    guard case .welcome(_, _, let sessions)? = try? KeeperReply.decode(message.bytes).reply else { return nil }
    return Int(sessions)
  }
}
