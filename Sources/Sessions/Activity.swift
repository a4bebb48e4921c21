/// When a session last did something, and how often it has.
///
/// Input and output count, each piece once. The generation is what makes "act, then wait" free of races: the one taken before an
/// act is smaller than any that the act's consequences get.
struct Activity {
  private(set) var generation: UInt64 = 0
  private(set) var last: ContinuousClock.Instant

  init(generation: UInt64 = 0, now: ContinuousClock.Instant = .now) {
    self.generation = generation
    last = now
  }

  mutating func touch(now: ContinuousClock.Instant = .now) {
    generation += 1
    last = now
  }

  func quiet(now: ContinuousClock.Instant = .now) -> Duration { last.duration(to: now) }
}
