package import Metrics
import Synchronization

/// Who has taken how much of each ``Share``: one account for every token, so that nobody's use is at the cost of the others. The local user has no
/// account, and what is kept for him nobody else can take.
///
/// Of a hub's callers each has an account of his own, as the hub names him, and the hub's token has one for all of them, of three quarters of what there is.
///
/// Shared by all loops and touched when something is taken or let go, hence a mutex and no actor.
package final class Accounts: Sendable {
  /// What the callers of one hub may have of a share, all together.
  private static let hubFraction = (3, 4)

  private struct Account {
    var used = 0
    var byHolder: [String: Int] = [:]
    var refused: UInt64 = 0
    /// For whom there was no more, since something was given back last.
    var full: Set<String> = []
  }

  private let accounts = Mutex<[Share: Account]>([:])

  package init() {}

  /// Takes so much of a share for a principal, until the lease is let go.
  /// Throws `resource_limit_reached` where he, or all together, have too much already.
  package func take(_ share: Share, _ amount: Int = 1, for principal: Principal) throws(OperationError) -> Lease {
    guard let lease = lease(share, amount, for: principal) else {
      throw refusal(share, for: principal)
    }
    return lease
  }

  /// The same, `nil` where there is no more.
  /// - Parameter isOwed: What has been done and cannot be undone is counted also where it is too much.
  package func lease(_ share: Share, _ amount: Int = 1, for principal: Principal, isOwed: Bool = false) -> Lease? {
    let holders = Accounts.holders(principal)
    let limits = share.limits
    let isTaken = accounts.withLock { accounts in
      var account = take(&accounts, share)
      defer { accounts[share] = account }
      let room = holders.isEmpty ? limits.total : limits.total - limits.reserve
      var fits = account.used + amount <= room
      for (index, holder) in holders.enumerated() {
        let most = index == 0 ? limits.each : room * Accounts.hubFraction.0 / Accounts.hubFraction.1
        if account.byHolder[holder, default: 0] + amount > most { fits = false }
      }
      guard fits || isOwed else {
        account.refused += 1
        if let holder = holders.first { account.full.insert(holder) }
        return false
      }
      account.used += amount
      for holder in holders { account.byHolder[holder, default: 0] += amount }
      return true
    }
    return isTaken ? Lease(self, share, amount, holders) : nil
  }

  /// Whether a principal has all that one may have.
  func isExhausted(_ share: Share, for principal: Principal) -> Bool {
    guard let holder = principal.holder else { return false }
    return accounts.withLock { $0[share]?.byHolder[holder, default: 0] ?? 0 } >= share.limits.each
  }

  /// Whether there was no more for a principal, and nothing has been given back since.
  func isFull(_ share: Share, for principal: Principal) -> Bool {
    guard let holder = principal.holder else { return false }
    return accounts.withLock { $0[share]?.full.contains(holder) == true }
  }

  /// Which part of what a principal may have is taken, and 1 at least where all together have everything; 0 for the local user.
  package func fullness(_ share: Share, for principal: Principal) -> Double {
    let holders = Accounts.holders(principal)
    if holders.isEmpty { return 0 }
    let limits = share.limits
    let room = limits.total - limits.reserve
    return accounts.withLock { accounts in
      guard let account = accounts[share], account.used > 0 else { return 0 }
      if account.used >= room { return 1 }
      return holders.enumerated().reduce(0) { fullest, holder in
        let most = holder.offset == 0 ? limits.each : room * Accounts.hubFraction.0 / Accounts.hubFraction.1
        return max(fullest, Double(account.byHolder[holder.element, default: 0]) / Double(most))
      }
    }
  }

  /// The share's account, taken out of the table so that it is not copied while it changes.
  private func take(_ accounts: inout [Share: Account], _ share: Share) -> Account {
    accounts.updateValue(Account(), forKey: share) ?? Account()
  }

  /// What is said to a principal for whom there is no more.
  package func refusal(_ share: Share, for principal: Principal) -> OperationError {
    let limits = share.limits
    let whose =
      principal.holder == nil
      ? "there are \(limits.total) \(share.text)"
      : "one token may have \(limits.each) \(share.text), and all together \(limits.total - limits.reserve)"
    return OperationError(
      .resourceLimitReached, "Resource limit reached: \(whose). Let go of some, or try again later.")
  }

  /// Whose accounts a principal takes from: his own, and where a hub asks for him the hub's. None for the local user.
  package static func holders(_ principal: Principal) -> [String] {
    guard let holder = principal.holder else { return [] }
    if case .relayed(let hub, _) = principal, let hub = hub.holder { return [holder, hub] }
    return [holder]
  }

  fileprivate func give(_ share: Share, _ amount: Int, _ holders: [String]) {
    accounts.withLock { accounts in
      var account = take(&accounts, share)
      account.used -= amount
      account.full = []
      for holder in holders {
        let rest = account.byHolder[holder, default: 0] - amount
        account.byHolder[holder] = rest > 0 ? rest : nil
      }
      accounts[share] = account
    }
  }

  /// Something taken. It is let go when that is said, and with the last reference at the latest.
  package final class Lease: Sendable {
    private let accounts: Accounts
    private let share: Share
    private let amount: Int
    private let holders: [String]
    private let isTaken = Atomic(true)

    fileprivate init(_ accounts: Accounts, _ share: Share, _ amount: Int, _ holders: [String]) {
      self.accounts = accounts
      self.share = share
      self.amount = amount
      self.holders = holders
    }

    package func leave() {
      if isTaken.exchange(false, ordering: .relaxed) { accounts.give(share, amount, holders) }
    }

    deinit { leave() }
  }

  /// How a share stands, without names.
  package struct Standing: Sendable, Equatable {
    package var share: Share
    /// Taken by everybody but the local user's reserve.
    package var used = 0
    /// The most that one has, the local user aside.
    package var most = 0
    /// How many have some.
    package var holders = 0
    /// Times that there was no more for somebody.
    package var refused: UInt64 = 0
  }

  package var standings: [Standing] {
    accounts.withLock { accounts in
      Share.allCases.map { share in
        guard let account = accounts[share] else { return Standing(share: share) }
        return Standing(
          share: share, used: account.used, most: account.byHolder.values.max() ?? 0, holders: account.byHolder.count,
          refused: account.refused)
      }
    }
  }
}

extension Accounts: MetricsSource {
  package func families() async -> [MetricFamily] {
    var used = MetricFamily("roost_share_used", .gauge, "What is taken of what all users share.")
    var limit = MetricFamily("roost_share_limit", .gauge, "How much of it there is for everybody together.")
    var most = MetricFamily("roost_share_most", .gauge, "The most that one token has of it.")
    var refused = MetricFamily(
      "roost_share_refused_total", .counter, "Times that there was no more of it for somebody.")
    for standing in standings {
      let labels: MetricFamily.Labels = ["share": standing.share.rawValue]
      used.add(Double(standing.used), labels)
      limit.add(Double(standing.share.limits.total), labels)
      most.add(Double(standing.most), labels)
      refused.add(Double(standing.refused), labels)
    }
    return [used, limit, most, refused]
  }
}
