import Synchronization

/// Those who are called when something has changed.
final class Observers: Sendable {
  private struct State {
    var calls: [Int: @Sendable () -> Void] = [:]
    var last = 0
  }

  private let state = Mutex(State())

  /// Returns the number by which the call is taken out again.
  func add(_ changed: @escaping @Sendable () -> Void) -> Int {
    state.withLock { state in
      state.last += 1
      state.calls[state.last] = changed
      return state.last
    }
  }

  func remove(_ number: Int) { state.withLock { $0.calls[number] = nil } }

  /// Calls all of them here and now. They may look at what has changed: no lock may be held.
  func tell() { for changed in state.withLock({ Array($0.calls.values) }) { changed() } }
}
