/// How long to wait before the next attempt: twice as long each time, up to a bound, and a random part of it, so that the many who lost one
/// server do not come back all at once.
struct Backoff {
  static let first = 200
  static let longest = 10_000

  private var milliseconds = first

  /// - Parameter random: from 0 to 1.
  mutating func next(random: Double = .random(in: 0...1)) -> Duration {
    defer { milliseconds = min(milliseconds * 2, Backoff.longest) }
    return .milliseconds(Int(Double(milliseconds) * (0.5 + random / 2)))
  }

  mutating func reset() { milliseconds = Backoff.first }
}
