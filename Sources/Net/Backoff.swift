/// How long to wait before the next attempt to connect: twice as long each time, up to a bound, and a random part of it, so that the many who
/// lost one server do not come back all at once.
package struct Backoff: Sendable {
  private let first: Duration
  private let longest: Duration
  private var pause: Duration

  package init(first: Duration = .milliseconds(200), longest: Duration = .seconds(10)) {
    self.first = first
    self.longest = longest
    pause = min(first, longest)
  }

  /// The next pause: half to the whole of what the number of failures calls for.
  /// - Parameter random: from 0 to 1.
  package mutating func next(random: Double = .random(in: 0...1)) -> Duration {
    defer { pause = min(pause * 2, longest) }
    return pause * (0.5 + random / 2)
  }

  package mutating func reset() { pause = min(first, longest) }
}
