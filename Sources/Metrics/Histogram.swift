/// How often something took how long, in buckets fixed from the start. Observed from any thread, without a lock.
package final class Histogram: Sendable {
  /// From what a look-up takes to what a long wait takes, three buckets a decade.
  package static let latencies: [UInt64] = [
    50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000,
    250_000_000, 1_000_000_000, 5_000_000_000, 30_000_000_000,
  ]

  /// Upper bounds of the buckets, inclusive, in nanoseconds, ascending.
  package let bounds: [UInt64]
  /// One for each bound, and the last for what is above all of them.
  private let buckets: [Counter]
  private let total = Counter()

  package init(bounds: [UInt64] = Histogram.latencies) {
    precondition(!bounds.isEmpty && zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }, "bounds ascend")
    self.bounds = bounds
    buckets = (0...bounds.count).map { _ in Counter() }
  }

  package func observe(nanoseconds: UInt64) {
    var index = 0
    while index < bounds.count, nanoseconds > bounds[index] { index += 1 }
    buckets[index].add()
    total.add(Int(truncatingIfNeeded: nanoseconds))
  }

  /// What was observed so far. Taken while others observe, so the sum may be ahead of the counts by what is being observed.
  package var snapshot: Snapshot {
    Snapshot(bounds: bounds, counts: buckets.map(\.value), sum: total.value)
  }

  package struct Snapshot: Sendable, Equatable {
    package let bounds: [UInt64]
    /// Of each bucket alone, not summed up.
    package let counts: [UInt64]
    /// Nanoseconds.
    package let sum: UInt64

    package var count: UInt64 { counts.reduce(0, &+) }
  }
}
