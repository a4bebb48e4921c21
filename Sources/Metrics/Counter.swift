import Synchronization

/// A number that only grows, counted from any thread.
package final class Counter: Sendable {
  private let count = Atomic<UInt64>(0)

  package init() {}

  package func add(_ amount: Int = 1) { count.wrappingAdd(UInt64(amount), ordering: .relaxed) }

  package var value: UInt64 { count.load(ordering: .relaxed) }
}
