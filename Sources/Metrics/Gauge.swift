import Synchronization

/// A number that goes up and down, changed from any thread.
package final class Gauge: Sendable {
  private let level = Atomic<Int64>(0)

  package init() {}

  package func add(_ amount: Int) { level.wrappingAdd(Int64(amount), ordering: .relaxed) }

  package func set(_ value: Int) { level.store(Int64(value), ordering: .relaxed) }

  package var value: Int64 { level.load(ordering: .relaxed) }
}
