import Formats
package import Operations
import Synchronization

/// Single-use tickets that open one WebSocket each.
///
/// A browser cannot set a header on a WebSocket, and a token must never stand in a URL. So the page asks for a ticket with its token and
/// puts that into the URL: it is good for one upgrade within 30 seconds, with exactly the access of the one who asked.
///
/// Shared by all loops and held for microseconds, hence a mutex and no actor.
package final class Tickets: Sendable {
  /// How long a ticket waits to be used.
  static let lifetime = Duration.seconds(30)
  /// 32 of 62 characters are 190 bits.
  static let length = 32

  private struct Pending {
    let principal: Principal
    let access: Access
    let expires: ContinuousClock.Instant
    /// Its place among all that wait to be used.
    let place: Accounts.Lease
  }

  private let pending = Mutex<[String: Pending]>([:])
  private let accounts: Accounts

  /// - Parameter accounts: of whom ``Share/tickets`` are taken.
  package init(accounts: Accounts) { self.accounts = accounts }

  /// The answer to `auth.ticket`.
  package struct Ticket: Codable, Sendable {
    package let ticket: String
  }

  /// To be put into the catalogue beside the others.
  package var binding: OperationBinding {
    AuthContract.ticket.on { call, _ in Ticket(ticket: try self.issue(to: call.principal, call.access, now: .now)) }
  }

  func issue(to principal: Principal, _ access: Access, now: ContinuousClock.Instant) throws(OperationError) -> String {
    // The system's generator reads the kernel's (getrandom).
    var random = SystemRandomNumberGenerator()
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
    let text = String(
      decoding: (0..<Tickets.length).map { _ in alphabet[Int.random(in: alphabet.indices, using: &random)] },
      as: UTF8.self)
    let place = accounts.lease(.tickets, for: principal) ?? afterExpired(now: now, principal)
    guard let place else { throw accounts.refusal(.tickets, for: principal) }
    pending.withLock {
      $0[text] = Pending(principal: principal, access: access, expires: now + Tickets.lifetime, place: place)
    }
    return text
  }

  /// A place after those whose time is over are gone.
  private func afterExpired(now: ContinuousClock.Instant, _ principal: Principal) -> Accounts.Lease? {
    pending.withLock { pending in pending = pending.filter { $0.value.expires > now } }
    return accounts.lease(.tickets, for: principal)
  }

  func forget(token id: String) {
    pending.withLock { pending in
      pending = pending.filter { $0.value.principal.tokenID != id }
    }
  }

  /// Uses a ticket up; `nil` when there is none such, or no longer.
  func redeem(_ ticket: String, now: ContinuousClock.Instant) -> (Principal, Access)? {
    guard let found = pending.withLock({ $0.removeValue(forKey: ticket) }), found.expires > now else { return nil }
    // The token that it was got with may have come to its end sooner.
    if let end = found.access.expiresAt, end <= .now() { return nil }
    return (found.principal, found.access)
  }
}

/// The `auth` domain, as the world knows it.
package enum AuthContract: Contract {
  static let ticket = TypedOperation(
    "auth.ticket", "Makes a ticket that opens one WebSocket within 30 seconds, as '?ticket='.", nil,
    .post("/auth/ws-ticket"), .changes, takes: NoInput.self, gives: Tickets.Ticket.self
  ).notThroughHubs(
    "Ask the hub for a ticket of its own, and open the WebSocket there with '?server=NAME' beside '?ticket='.")

  package static let operations = [ticket.operation]
}
