import Testing

@testable import Sessions

@Suite("How many sessions whose")
struct SessionQuotaTests {
  @Test("an eighth is kept for the local user, half is for one token, one session for anybody where few are allowed")
  func parts() {
    let quota = SessionQuota(of: 256)
    #expect(quota.others == 224 && quota.each == 128 && quota.hub == 168)
    for total in 1...100 {
      let quota = SessionQuota(of: total)
      #expect(
        (1...quota.others).contains(quota.each) && quota.each <= quota.hub && quota.hub <= quota.others, "\(total)")
    }
    #expect(SessionQuota(of: 0).refusal(for: [], among: []) == .isFull)
  }

  @Test("each is refused at his own bound and no sooner")
  func bounds() {
    let quota = SessionQuota(of: 16)
    let mine = [[String]](repeating: ["a"], count: 7)
    #expect(quota.refusal(for: ["a"], among: mine) == nil)
    #expect(quota.refusal(for: ["a"], among: mine + [["a"]]) == .isShare)
    #expect(quota.refusal(for: ["b"], among: mine + [["a"]]) == nil)
    // The callers of a hub: their own, and the hub's.
    let hubs = (0..<10).map { ["\($0) of hub", "hub"] }
    #expect(quota.refusal(for: ["x of hub", "hub"], among: Array(hubs.dropLast())) == nil)
    #expect(quota.refusal(for: ["x of hub", "hub"], among: hubs) == .isShare)
    // Of all together.
    let others = mine + [[String]](repeating: ["b"], count: 7)
    #expect(quota.refusal(for: ["c"], among: others) == .isShare)
    #expect(quota.refusal(for: ["c"], among: Array(others.dropLast()) + [[]]) == nil)
    #expect(quota.refusal(for: [], among: others + [[]]) == nil)
    #expect(quota.refusal(for: [], among: others + [[], []]) == .isFull)
  }
}
