import Formats
import Metrics
import Net
import Operations
import Synchronization

/// The sockets that tokens have opened, so that they end with their token: a token that is revoked, or whose time is over, must not
/// live on in a connection.
///
/// Shared by all loops and touched when a socket opens and closes, hence a mutex and no actor.
final class OpenSockets: Sendable {
  private struct State {
    var sockets: [UInt64: (token: String, socket: any MessageSocket)] = [:]
    var last: UInt64 = 0
  }

  private let state = Mutex(State())
  /// All that are open, with and without a token.
  private let open = Gauge()

  /// Notes a socket; on its loop. Returns what must be called when it has closed, once, there too.
  /// - Parameter isWebSocket: whether it is one to the client: what carries streams otherwise is none that anybody counts.
  func add(_ socket: any MessageSocket, _ call: Call, isWebSocket: Bool = true) -> @Sendable () -> Void {
    let count = isWebSocket ? 1 : 0
    open.add(count)
    guard let id = call.principal.tokenID else { return { [open] in open.add(-count) } }
    let expiry = call.access.expiresAt.map { Expiry(of: socket, at: $0) }
    let number = state.withLock { state in
      state.last += 1
      state.sockets[state.last] = (id, socket)
      return state.last
    }
    return { [weak self, open] in
      open.add(-count)
      expiry?.cancel()
      self?.remove(number)
    }
  }

  private func remove(_ number: UInt64) { _ = state.withLock { $0.sockets.removeValue(forKey: number) } }

  func close(token id: String) {
    // In the order of their opening: a link before what is open over it.
    let sockets = state.withLock { state in
      state.sockets.filter { $0.value.token == id }.sorted { $0.key < $1.key }.map(\.value.socket)
    }
    for socket in sockets {
      socket.loop.execute { socket.close(code: WebSocketCloseCode.policyViolation, reason: "token revoked") }
    }
  }
}

/// Closes a socket when the time of its token is over.
private final class Expiry: @unchecked Sendable {
  // Safe to share: timer and socket are touched on the socket's loop alone.

  /// As long as timers are set for; a token that lives longer is looked at again then.
  private static let longest = Duration.seconds(24 * 3600)

  private let loop: EventLoop
  private var socket: (any MessageSocket)?
  private let end: Timestamp
  private var timer: LoopTimer?

  init(of socket: any MessageSocket, at end: Timestamp) {
    loop = socket.loop
    self.socket = socket
    self.end = end
    look()
  }

  func cancel() {
    loop.preconditionCurrent()
    timer?.cancel()
    timer = nil
    socket = nil
  }

  private func look() {
    let left = Duration.milliseconds(end.milliseconds - Timestamp.now().milliseconds)
    timer = loop.schedule(after: min(max(left, .zero), Expiry.longest)) { [weak self] in
      guard let self else { return }
      if Timestamp.now() < end {
        look()
      } else {
        socket?.close(code: WebSocketCloseCode.policyViolation, reason: "token expired")
      }
    }
  }
}

extension OpenSockets: MetricsSource {
  func families() async -> [MetricFamily] {
    [MetricFamily("roost_websockets_open", .gauge, "WebSockets that are open.", value: open.value)]
  }
}
