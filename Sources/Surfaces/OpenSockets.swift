import Metrics
import Net
import Operations
import Synchronization

/// The WebSockets that tokens have opened, so that they end with their token: a token that is revoked must not live on in a connection.
///
/// Shared by all loops and touched when a socket opens and closes, hence a mutex and no actor.
final class OpenSockets: Sendable {
  private struct State {
    var sockets: [UInt64: (token: String, socket: WebSocket)] = [:]
    var last: UInt64 = 0
  }

  private let state = Mutex(State())
  /// All that are open, with and without a token.
  private let open = Gauge()

  /// Notes a socket. Returns what must be called when it has closed, once.
  func add(_ socket: WebSocket, _ principal: Principal) -> @Sendable () -> Void {
    open.add(1)
    guard case .token(let id, _) = principal else { return { [open] in open.add(-1) } }
    let number = state.withLock { state in
      state.last += 1
      state.sockets[state.last] = (id, socket)
      return state.last
    }
    return { [weak self, open] in
      open.add(-1)
      self?.remove(number)
    }
  }

  private func remove(_ number: UInt64) { _ = state.withLock { $0.sockets.removeValue(forKey: number) } }

  func close(token id: String) {
    let sockets = state.withLock { state in state.sockets.values.filter { $0.token == id }.map(\.socket) }
    for socket in sockets { socket.loop.execute { socket.close(code: 1008, reason: "token revoked") } }
  }
}

extension OpenSockets: MetricsSource {
  func families() async -> [MetricFamily] {
    [MetricFamily("roost_websockets_open", .gauge, "WebSockets that are open.", value: open.value)]
  }
}
