import Testing

/// So many tests run at once: enough to keep a small machine busy, few enough that each gets on.
private let places = Places(10)

/// Bounds how many tests of these suites run side by side. Each has shells, programs and connections of its own, and all of them
/// at once would tell more about the scheduler than about us.
struct BoundedTrait: SuiteTrait, TestTrait, TestScoping {
  var isRecursive: Bool { true }

  func scopeProvider(for test: Test, testCase: Test.Case?) -> BoundedTrait? {
    testCase == nil ? nil : self
  }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
  ) async throws {
    await places.take()
    do {
      try await function()
    } catch {
      await places.give()
      throw error
    }
    await places.give()
  }
}

extension Trait where Self == BoundedTrait {
  static var bounded: BoundedTrait { BoundedTrait() }
}

private actor Places {
  private var free: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  init(_ count: Int) { free = count }

  func take() async {
    if free > 0 {
      free -= 1
    } else {
      await withCheckedContinuation { waiting.append($0) }
    }
  }

  func give() {
    if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
  }
}
