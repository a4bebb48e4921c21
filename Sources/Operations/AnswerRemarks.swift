import Synchronization

/// What goes with an answer and is no part of it: surfaces that have a place for it tell it.
package final class AnswerRemarks: Sendable {
  private let state = Mutex<[String]>([])

  package init() {}

  /// Names of the servers that the answer should tell of and does not.
  package var missingServers: [String] {
    get { state.withLock { $0 } }
    set { state.withLock { $0 = newValue } }
  }
}
