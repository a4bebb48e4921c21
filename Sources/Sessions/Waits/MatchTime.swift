import Formats
import Net

/// The share of a loop's time that looks for texts may take there.
private struct MatchShare: Sendable {
  var left = SessionLimits.matchSavings
  var at = ContinuousClock.now
}

enum MatchTime {
  private static let shares = LoopLocal<MatchShare>()

  /// Whether nothing is left for a look.
  static func isSpent(on loop: EventLoop) -> Bool {
    guard let share = shares[loop] else { return false }
    return share.left + share.at.duration(to: .now) / SessionLimits.matchShare <= .zero
  }

  /// Looks at once, within what the loop has to spare: gives up where that is not enough. On the loop only.
  static func search(_ pattern: Pattern, _ bytes: [UInt8], on loop: EventLoop) -> Pattern.Finding {
    var share = shares[loop] ?? MatchShare()
    let began = ContinuousClock.now
    share.left = min(
      SessionLimits.matchSavings, share.left + share.at.duration(to: began) / SessionLimits.matchShare)
    share.at = began
    guard share.left > .zero else { return .givenUp }
    let end = began + SessionLimits.matchTime
    let finding = pattern.search(
      bytes,
      within: Pattern.Allowance(steps: SessionLimits.matchSteps, memoryKiB: SessionLimits.matchMemoryKiB) {
        ContinuousClock.now >= end
      })
    share.left -= began.duration(to: .now)
    shares[loop] = share
    return finding
  }
}
