/// How many sessions may run at once, and how many of them whose: a token that makes all that there may be keeps nobody else from making one.
struct SessionQuota: Equatable {
  /// For everybody together.
  let total: Int
  /// What those who are not the local user may have together.
  let others: Int
  /// What one of them may have.
  let each: Int
  /// What the callers of one hub may have, all together, as of everything else that users share.
  let hub: Int

  /// An eighth is kept for the local user, and one of the others has at most half of all. Whoever allows few sessions allows one at least.
  init(of total: Int) {
    self.total = total
    others = total - total / 8
    each = max(min(total, 1), total / 2)
    hub = max(each, others * 3 / 4)
  }

  enum Refusal: Equatable {
    /// There are as many as there may be.
    case isFull
    /// What is left is for others.
    case isShare
  }

  /// Why there is none more for somebody; `nil` where there is.
  /// - Parameters:
  ///   - holders: as ``SessionSpec/holders``.
  ///   - running: the holders of each that runs or begins.
  func refusal(for holders: [String], among running: [[String]]) -> Refusal? {
    if running.count >= total { return .isFull }
    if holders.isEmpty { return nil }
    if running.count(where: { !$0.isEmpty }) >= others { return .isShare }
    for (place, holder) in holders.enumerated() {
      if running.count(where: { $0.contains(holder) }) >= (place == 0 ? each : hub) { return .isShare }
    }
    return nil
  }
}
