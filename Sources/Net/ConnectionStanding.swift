import Synchronization

/// Whether it is known who is behind a connection. Those who come over TCP are strangers until a request of theirs was let in; a process of
/// this machine that comes over a Unix socket is known from the first byte. What strangers may cost is bounded (``HTTPLimits``).
///
/// A connection that goes to another loop, or becomes a WebSocket, takes it along.
package final class ConnectionStanding: Sendable {
  private let known: Atomic<Bool>
  private let lease = Mutex<(any Sendable)?>(nil)

  package init(isKnown: Bool = false) { known = Atomic(isKnown) }

  package var isKnown: Bool { known.load(ordering: .acquiring) }

  /// What is kept for as long as the connection lasts.
  package var held: (any Sendable)? { lease.withLock { $0 } }

  /// Says that whoever is behind the connection has shown who he is.
  /// - Parameter lease: what is let go when the connection ends, such as its place in somebody's share.
  package func vouch(keeping lease: (any Sendable)? = nil) {
    if let lease { self.lease.withLock { $0 = lease } }
    known.store(true, ordering: .releasing)
  }
}
