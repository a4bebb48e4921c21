import Operations

/// What a socket has been handed to show and its client has not taken, held against its caller's ``Share/answerBytes``: pictures of large screens
/// are megabytes, and are made also for who never reads them.
struct UnreadOutput {
  private let accounts: Accounts
  private let principal: Principal
  private var counted = 0
  private var leases: [Accounts.Lease] = []

  /// What is told to a client that is sent away for it.
  static let reason = "too much of what this token asked for has not been read"

  init(_ accounts: Accounts, _ principal: Principal) {
    self.accounts = accounts
    self.principal = principal
  }

  /// Counts what waits for the client now, in bytes. False when its caller has too much of it on all his sockets: this one must be closed.
  mutating func counts(_ bytes: Int) -> Bool {
    guard principal.holder != nil, bytes > max(counted, Catalogue.uncountedAnswer) else { return true }
    guard let lease = accounts.lease(.answerBytes, bytes - counted, for: principal) else { return false }
    leases.append(lease)
    counted = bytes
    return true
  }

  /// So much of what was counted waits still.
  mutating func remains(_ bytes: Int) {
    guard counted > bytes else { return }
    clear()
    guard bytes > Catalogue.uncountedAnswer else { return }
    if let lease = accounts.lease(.answerBytes, bytes, for: principal, isOwed: true) { leases = [lease] }
    counted = bytes
  }

  /// The client has taken all of it, or is gone.
  mutating func clear() {
    guard counted > 0 else { return }
    leases = []
    counted = 0
  }
}
