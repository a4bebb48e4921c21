import Synchronization

/// The hubs that look through this server, and those that look through them: what this server tells its own backends, so that a server which
/// finds itself among them can break the circle.
package final class HubChain: Sendable {
  private struct State {
    /// By the link that told them.
    var upstream: [String: [String]] = [:]
    var observers: [Int: @Sendable () -> Void] = [:]
    var nextObserver = 0
  }

  /// Of this server.
  package let serverID: String
  private let state = Mutex(State())

  package init(serverID: String) { self.serverID = serverID }

  /// The chain as this server tells it: every hub before it, sorted, and itself at the end.
  package var ids: [String] {
    let upstream = state.withLock { Set($0.upstream.values.joined()) }.subtracting([serverID])
    return upstream.sorted() + [serverID]
  }

  /// Notes the chain that came over an inbound link; `nil` when the link is gone.
  func set(_ chain: [String]?, from link: String) {
    let observers: [@Sendable () -> Void] = state.withLock { state in
      let before = Set(state.upstream.values.joined())
      state.upstream[link] = chain
      return before == Set(state.upstream.values.joined()) ? [] : Array(state.observers.values)
    }
    for observer in observers { observer() }
  }

  /// Calls `changed`, on whatever thread, when ``ids`` has become another.
  package func observe(_ changed: @escaping @Sendable () -> Void) -> Int {
    state.withLock { state in
      state.nextObserver += 1
      state.observers[state.nextObserver] = changed
      return state.nextObserver
    }
  }

  package func forget(_ observer: Int) { state.withLock { $0.observers[observer] = nil } }

  /// Whether this server, told this chain by somebody who has connected, is to refuse him.
  ///
  /// Who dials into a chain that he is in already is refused. When a circle closes by a chain that grows on links that are open, every member
  /// sees it at the same time: then the one with the lowest id refuses, so that the circle is broken at one place.
  func closesCircle(_ chain: [String], atDialling: Bool) -> Bool {
    guard chain.contains(serverID) else { return false }
    return atDialling || chain.min() == serverID
  }
}
