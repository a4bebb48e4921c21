import Operations

/// What one WebSocket keeps of a message that is not whole, counted with the bodies of requests (``Share/bodyBytes``): it is the same to the server.
///
/// Bound to the socket's loop.
final class UnfinishedMessage: @unchecked Sendable {
  // Unchecked: touched on the socket's loop only.
  private let accounts: Accounts
  private let principal: Principal
  private var leases: [Accounts.Lease] = []
  private var held = 0

  init(accounts: Accounts, principal: Principal) {
    self.accounts = accounts
    self.principal = principal
  }

  /// - Parameter bytes: all that is to be kept; less than before lets go of everything first.
  /// - Returns: whether there is room for it.
  func hold(_ bytes: Int) -> Bool {
    if bytes < held {
      leases = []
      held = 0
    }
    guard bytes > held else { return true }
    guard let lease = accounts.lease(.bodyBytes, bytes - held, for: principal) else { return false }
    leases.append(lease)
    held = bytes
    return true
  }
}
