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

  /// `nil` when there is none.
  func place() -> Place? {
    if count.add(1, ordering: .relaxed).newValue <= limit { return Place(self) }
    leave()
    return nil
  }

  /// Left when that is said, and with its last reference at the latest: also when the socket it is for never opens.
  final class Place: Sendable {
    private let count: SocketCount
    private let isTaken = Atomic(true)

    fileprivate init(_ count: SocketCount) { self.count = count }

    func leave() { if isTaken.exchange(false, ordering: .relaxed) { count.leave() } }

    deinit { leave() }
  }

  private func leave() { count.subtract(1, ordering: .relaxed) }
}
