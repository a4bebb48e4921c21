/// How long to wait before the next attempt: twice as long each time, up to a bound, and never quite the same, so that a hub does not call on
/// all its backends at once, nor all hubs on one.
struct Backoff {
  let first: Duration
  let longest: Duration
  private var failures = 0

  init(first: Duration = .milliseconds(200), longest: Duration = .seconds(15)) {
    self.first = first
    self.longest = longest
  }

  mutating func reset() { failures = 0 }

  /// The next pause: half to the whole of what the number of failures calls for.
  mutating func next() -> Duration {
    let whole = min(longest, first * (1 << min(failures, 16)))
    failures += 1
    return whole * Double.random(in: 0.5...1)
  }
}
