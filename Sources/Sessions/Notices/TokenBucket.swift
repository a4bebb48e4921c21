import Formats

/// Lets a burst through at once, and after that so many in a second. Pure: times come in as values.
struct TokenBucket {
  let burst: Double
  let perSecond: Double
  private var tokens: Double
  private var filledAt: ContinuousClock.Instant?

  init(burst: Double, perSecond: Double) {
    (self.burst, self.perSecond) = (burst, perSecond)
    tokens = burst
  }

  /// Takes a token, if there is one.
  mutating func take(at now: ContinuousClock.Instant) -> Bool {
    fill(at: now)
    guard tokens >= 1 else { return false }
    tokens -= 1
    return true
  }

  /// How long until there is a token.
  mutating func wait(at now: ContinuousClock.Instant) -> Duration {
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
