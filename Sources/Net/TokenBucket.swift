import Formats

/// Lets a burst through at once, and after that so many in a second. Pure: times come in as values.
package struct TokenBucket: Sendable {
  package let burst: Double
  package let perSecond: Double
  private var tokens: Double
  private var filledAt: ContinuousClock.Instant?

  package init(burst: Double, perSecond: Double) {
    (self.burst, self.perSecond) = (burst, perSecond)
    tokens = burst
  }

  /// Takes so many tokens, if there are as many.
  package mutating func take(_ count: Double = 1, at now: ContinuousClock.Instant) -> Bool {
    guard left(at: now) >= count else { return false }
    tokens -= count
    return true
  }

  /// How many tokens there are.
  package mutating func left(at now: ContinuousClock.Instant) -> Double {
    fill(at: now)
    return tokens
  }

  /// How long until there is a token.
  package mutating func wait(at now: ContinuousClock.Instant) -> Duration {
    fill(at: now)
    return tokens >= 1 ? .zero : .milliseconds(Int((1 - tokens) / perSecond * 1000) + 1)
  }

  private mutating func fill(at now: ContinuousClock.Instant) {
    guard let filledAt else { return self.filledAt = now }
    let passed = Double(filledAt.duration(to: now).milliseconds) / 1000
    // The rest of a millisecond is not lost: the moment moves on by what was counted.
    guard passed > 0 else { return }
    tokens = min(burst, tokens + passed * perSecond)
    self.filledAt = now
  }
}
