import Synchronization

/// What an operation says of its answer beside it, and what is kept for the answer until it is sent: the surface lets go of this once its client has
/// read the answer, or has gone.
package final class AnswerRemarks: Sendable {
  private struct State {
    var missingServers: [String] = []
    var leases: [Accounts.Lease] = []
    var counting: (accounts: Accounts, principal: Principal)?
  }

  private let state = Mutex(State())

  package init() {}

  /// Names of the servers that the answer should tell of and does not.
  package var missingServers: [String] {
    get { state.withLock { $0.missingServers } }
    set { state.withLock { $0.missingServers = newValue } }
  }

  /// The answer will be counted as that principal's (``Share/answerBytes``).
  func count(in accounts: Accounts, for principal: Principal) { state.withLock { $0.counting = (accounts, principal) } }

  /// Refuses a long answer before it is made where it would be refused once it is: an answer was refused, and nothing has been read since.
  package func requireRoom() throws(OperationError) {
    guard let (accounts, principal) = state.withLock({ $0.counting }),
      accounts.isFull(.answerBytes, for: principal)
    else { return }
    throw accounts.refusal(.answerBytes, for: principal)
  }

  /// Keeps a part of somebody's share for as long as this is kept.
  func keep(_ lease: Accounts.Lease) { state.withLock { $0.leases.append(lease) } }
}
