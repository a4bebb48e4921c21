import Synchronization

/// The hubs that look through this server, and those that look through them: what this server tells its own backends, so that a server which
/// finds itself among them can break the circle.
package final class HubChain: Sendable {
  /// Of this server.
  package let serverID: String
  /// By the link that told them.
  private let upstream = Mutex<[String: [String]]>([:])
  private let observers = Observers()

  package init(serverID: String) { self.serverID = serverID }

  /// The chain as this server tells it: every hub before it, sorted, and itself at the end.
  package var ids: [String] {
    let upstream = upstream.withLock { Set($0.values.joined()) }.subtracting([serverID])
    return upstream.sorted() + [serverID]
  }

  /// Notes the chain that came over an inbound link; `nil` when the link is gone.
  func set(_ chain: [String]?, from link: String) {
    let isChanged = upstream.withLock { upstream in
      let before = Set(upstream.values.joined())
      upstream[link] = chain
      return before != Set(upstream.values.joined())
    }
    if isChanged { observers.tell() }
  }

  /// Calls `changed`, on whatever thread, when ``ids`` has become another.
  package func observe(_ changed: @escaping @Sendable () -> Void) -> Int { observers.add(changed) }

  package func forget(_ observer: Int) { observers.remove(observer) }

  /// Whether this server, told this chain by somebody who has connected, is to refuse him.
  ///
  /// Who dials into a chain that he is in already is refused. When a circle closes by a chain that grows on links that are open, every member
  /// sees it at the same time: then the one with the lowest id refuses, so that the circle is broken at one place.
  func closesCircle(_ chain: [String], atDialling: Bool) -> Bool {
    guard chain.contains(serverID) else { return false }
    return atDialling || chain.min() == serverID
  }
}
