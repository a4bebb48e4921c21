import Testing

@testable import Operations

@Suite("Shares of what everybody uses")
struct AccountsTests {
  private let accounts = Accounts()
  private let one = Principal.token(id: "1", name: "ci")
  /// Of the same name, and another token.
  private let two = Principal.token(id: "2", name: "ci")
  private let owner = Principal.localUser(uid: 1000)

  private func take(_ share: Share, _ count: Int, for principal: Principal) -> [Accounts.Lease] {
    (0..<count).compactMap { _ in accounts.lease(share, for: principal) }
  }

  private func standing(_ share: Share) -> Accounts.Standing? { accounts.standings.first { $0.share == share } }

  @Test("one token has its share, and the others have theirs", arguments: Share.allCases) func each(share: Share) {
    let limits = share.limits
    let whole = accounts.lease(share, limits.each, for: one)
    #expect(whole != nil)
    #expect(accounts.lease(share, for: one) == nil)
    #expect(accounts.lease(share, for: two) != nil)
    #expect(standing(share)?.most == limits.each)
    #expect(standing(share)?.refused == 1)
    whole?.leave()
    #expect(accounts.lease(share, for: one) != nil)
  }

  @Test("what is kept for the local user nobody else can take", arguments: Share.allCases) func reserve(share: Share) {
    let limits = share.limits
    var leases: [Accounts.Lease] = []
    var left = limits.total - limits.reserve
    var token = 0
    while left > 0 {
      let amount = min(left, limits.each)
      leases += [accounts.lease(share, amount, for: .token(id: "\(token)", name: ""))].compactMap(\.self)
      left -= amount
      token += 1
    }
    #expect(standing(share)?.used == limits.total - limits.reserve)
    #expect(accounts.lease(share, for: .token(id: "one more", name: "")) == nil)
    #expect(accounts.lease(share, for: .anonymous) == nil)
    if limits.reserve > 0 {
      let rest = accounts.lease(share, limits.reserve, for: owner)
      #expect(rest != nil)
      #expect(accounts.lease(share, for: owner) == nil, "the whole is bounded for him, too")
    }
  }

  @Test("the callers of a hub have accounts of their own, and one together") func hubs() throws {
    let share = Share.tickets
    let limits = share.limits
    let together = (limits.total - limits.reserve) * 3 / 4
    var leases: [Accounts.Lease] = []
    var caller = 0
    while let lease = accounts.lease(share, for: .relayed(by: one, onBehalfOf: "user:\(caller / limits.each)")) {
      leases.append(lease)
      caller += 1
    }
    #expect(leases.count == together)
    #expect(take(share, limits.each + 1, for: two).count == limits.each)
    leases.removeAll()
    #expect(standing(share)?.used == 0)
    #expect(take(share, limits.each + 1, for: .relayed(by: one, onBehalfOf: "a")).count == limits.each)
  }

  @Test("a lease is let go once, however often that is said, and with its last reference") func once() {
    var lease = accounts.lease(.tickets, for: one)
    let other = accounts.lease(.tickets, for: one)
    lease?.leave()
    lease?.leave()
    #expect(standing(.tickets)?.used == 1)
    lease = nil
    #expect(standing(.tickets)?.used == 1)
    _ = other
  }

  @Test("who is refused is told what there is") func refusal() {
    #expect(throws: OperationError.self) { try accounts.take(.tickets, 129, for: one) }
    let error = accounts.refusal(.tickets, for: one)
    #expect(error.code == .resourceLimitReached)
    #expect(error.message.contains("128 tickets"))
  }
}
