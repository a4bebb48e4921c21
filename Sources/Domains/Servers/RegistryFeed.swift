package import Cluster
package import Net
package import Operations
import Store

/// Tells a hub which servers are behind this one, and again whenever that changes: the stream of a link with the head
/// `{"kind":"registry"}`. Every message is the whole list, so one that is not read yet is replaced by the next.
package actor RegistryFeed {
  /// Changes that come within so long of each other are told once.
  private static let pause = Duration.milliseconds(250)

  package nonisolated let loop: EventLoop
  package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  private let socket: any MessageSocket
  private let map: ClusterMap
  private var observer: Int?
  private var timer: LoopTimer?
  private var told: [UInt8] = []
  private var isDirty = false

  private init(_ socket: any MessageSocket, _ map: ClusterMap) {
    loop = socket.loop
    self.socket = socket
    self.map = map
  }

  /// What a link serves the streams of the registry with.
  package static func serving(_ map: ClusterMap) -> LinkPeer.Directory {
    { stream, peer in
      let feed = RegistryFeed(stream, map)
      feed.assumeIsolated { $0.open(isAllowed: peer.access.allows(.sessionsRead)) }
    }
  }

  private func open(isAllowed: Bool) {
    socket.handler = self
    guard isAllowed else {
      return socket.close(
        code: WebSocketCloseCode.policyViolation, reason: "this needs the scope '\(Scope.sessionsRead.rawValue)'")
    }
    observer = map.observe { [weak self, loop] in
      loop.execute { [weak self] in self?.assumeIsolated { $0.changed() } }
    }
    tell()
  }

  private func changed() {
    isDirty = true
    guard timer == nil else { return }
    timer = loop.schedule(after: RegistryFeed.pause) { [weak self] in self?.assumeIsolated { $0.tell() } }
  }

  private func tell() {
    timer = nil
    // It is told when what was told before has been read.
    guard socket.queuedBytes == 0 else { return }
    isDirty = false
    let message = ServersBehind.message(map.members)
    guard message != told else { return }
    told = message
    socket.send(text: message)
  }

  private func closed() {
    if let observer { map.forget(observer) }
    observer = nil
    timer?.cancel()
  }
}

extension RegistryFeed: WebSocketHandler {
  package nonisolated func webSocket(_ ws: any MessageSocket, text: [UInt8]) {}
  package nonisolated func webSocket(_ ws: any MessageSocket, binary: [UInt8]) {}
  package nonisolated func webSocketDrained(_ ws: any MessageSocket) {
    assumeIsolated { if $0.isDirty { $0.tell() } }
  }
  package nonisolated func webSocketClosed(_ ws: any MessageSocket, code: UInt16, reason: String) {
    assumeIsolated { $0.closed() }
  }
}
