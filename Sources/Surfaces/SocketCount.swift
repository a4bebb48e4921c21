import Synchronization

/// Counts the open sockets of one kind against a limit.
final class SocketCount: Sendable {
  /// Sockets that follow the whole server, JSON and JSON-RPC together. Each may be sent every event there is, so their number is
  /// bounded apart from the connections'.
  static let maximumServerSockets = 256

  /// Clients that follow events. They cost a place in the log each, and share the bytes that they are sent.
  static let maximumEventFollowers = 2048

  let limit: Int
  private let count = Atomic(0)

  init(limit: Int) { self.limit = limit }

  var isFull: Bool { count.load(ordering: .relaxed) >= limit }

  /// Takes a place; false when there is none.
  func enter() -> Bool {
    if count.add(1, ordering: .relaxed).newValue <= limit { return true }
    leave()
    return false
  }

  /// A place that is left with its last reference; `nil` when there is none.
  func place() -> Place? { enter() ? Place(self) : nil }

  final class Place: Sendable {
    private let count: SocketCount
    fileprivate init(_ count: SocketCount) { self.count = count }
    deinit { count.leave() }
  }

  func leave() { count.subtract(1, ordering: .relaxed) }
}
