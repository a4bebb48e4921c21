import Synchronization

/// Ids that belong to somebody and do not stand in the log yet: those that publishers have chosen for what is on its way to the disk, and
/// those that the server has promised to events of its own.
///
/// The id of an audit record is the cause of all that the call brings about, and so is seen before the record is.
final class TakenIDs: Sendable {
  /// Most that are promised at a time: one for each call that is under way, and one for each stream of calls. A promise beyond is not kept
  /// track of, and costs nobody a call.
  private static let maximumPromised = 65_536

  private struct State {
    var claimed: Set<String> = []
    var promised: Set<String> = []
  }

  private let state = Mutex(State())

  func promise(_ id: String) {
    state.withLock { if $0.promised.count < TakenIDs.maximumPromised { $0.promised.insert(id) } }
  }

  /// The promised event is in the log, or will not come.
  func fulfil(_ id: String) { state.withLock { _ = $0.promised.remove(id) } }

  /// Takes all of them for one publisher. Returns the first that is somebody's, or stands in the list twice; then none is taken.
  func claim(_ ids: [String]) -> String? {
    state.withLock { state in
      for (index, id) in ids.enumerated() {
        if state.promised.contains(id) || !state.claimed.insert(id).inserted {
          for taken in ids[..<index] { state.claimed.remove(taken) }
          return id
        }
      }
      return nil
    }
  }

  func release(_ ids: [String]) { state.withLock { $0.claimed.subtract(ids) } }
}
