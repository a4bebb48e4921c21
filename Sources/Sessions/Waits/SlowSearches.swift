import Formats
import Synchronization
import Sys

/// A search in progress that its caller may give up.
final class SlowSearch: Sendable {
  private let isGivenUp = Atomic(false)

  func cancel() { isGivenUp.store(true, ordering: .relaxed) }
  var isCancelled: Bool { isGivenUp.load(ordering: .relaxed) }
}

/// Searches that are too costly for a loop: made on a thread of their own that lets everybody else go first, one at a time, the callers by
/// turns. What one search may cost in all is bounded too: who asks for more is told so.
package final class SlowSearches: Sendable {
  static let shared = SlowSearches()

  /// Most that wait, of all callers and of one: as many as may wait on a session.
  private static let maximum = 1024
  private static let maximumOfCaller = 256
  /// Text that they may hold together, and of one caller: enough for all of them where screens are of ordinary size.
  private static let maximumBytes = 16 << 20
  private static let maximumBytesOfCaller = 12 << 20
  /// What one may cost: far more than an expression without nested repetitions needs on a screen, some 10 ms of a processor.
  private static let steps = 200_000
  private static let stepsPerByte = 64
  private static let memoryKiB: UInt32 = 16 << 10
  /// Where steps are slow ones.
  private static let time = Duration.milliseconds(150)

  private struct Job {
    let search: SlowSearch
    let pattern: Pattern
    let text: [UInt8]
    let done: @Sendable (Pattern.Finding) -> Void
  }

  private struct Queue {
    var ofCaller: [String: [Job]] = [:]
    var bytesOfCaller: [String: Int] = [:]
    /// Callers with something to do, whose turn is next first.
    var turns: [String] = []
    var count = 0
    var bytes = 0
    var hasSteppedBack = false

    /// One text has a place however long it is, where there is no other.
    func hasPlace(for caller: String, bytes more: Int) -> Bool {
      count < SlowSearches.maximum && (bytes == 0 || bytes + more <= SlowSearches.maximumBytes)
        && (ofCaller[caller]?.count ?? 0) < SlowSearches.maximumOfCaller
        && (bytesOfCaller[caller].map { $0 + more <= SlowSearches.maximumBytesOfCaller } ?? true)
    }

    mutating func add(_ job: Job, for caller: String) {
      if ofCaller[caller] == nil { turns.append(caller) }
      ofCaller[caller, default: []].append(job)
      bytesOfCaller[caller, default: 0] += job.text.count
      count += 1
      bytes += job.text.count
    }

    mutating func next() -> Job? {
      while !turns.isEmpty {
        let caller = turns.removeFirst()
        guard var jobs = ofCaller.removeValue(forKey: caller) else { continue }
        while !jobs.isEmpty {
          let job = jobs.removeFirst()
          count -= 1
          bytes -= job.text.count
          bytesOfCaller[caller] = jobs.isEmpty ? nil : (bytesOfCaller[caller] ?? 0) - job.text.count
          guard !job.search.isCancelled else { continue }
          if !jobs.isEmpty {
            ofCaller[caller] = jobs
            turns.append(caller)
          }
          return job
        }
      }
      return nil
    }
  }

  private let queue = Mutex(Queue())
  private let thread = WorkerThread(name: "patterns")

  /// Whether there is a place for a search of so long a text.
  func hasPlace(for caller: String, bytes: Int) -> Bool {
    queue.withLock { $0.hasPlace(for: caller, bytes: bytes) }
  }

  /// `done` is called on the searches' thread, unless the search is cancelled before its turn. `nil` when too many wait already.
  func begin(
    _ pattern: Pattern, _ text: [UInt8], for caller: String, done: @escaping @Sendable (Pattern.Finding) -> Void
  ) -> SlowSearch? {
    let search = SlowSearch()
    let isTaken = queue.withLock { queue in
      guard queue.hasPlace(for: caller, bytes: text.count) else { return false }
      queue.add(Job(search: search, pattern: pattern, text: text, done: done), for: caller)
      return true
    }
    guard isTaken else { return nil }
    thread.submit { [self] in makeNext() }
    return search
  }

  private func makeNext() {
    let (job, isFirst) = queue.withLock { queue in
      defer { queue.hasSteppedBack = true }
      return (queue.next(), !queue.hasSteppedBack)
    }
    if isFirst { stepBack() }
    guard let job else { return }
    let end = threadTime() + SlowSearches.time
    let allowance = Pattern.Allowance(
      steps: SlowSearches.steps + SlowSearches.stepsPerByte * job.text.count, memoryKiB: SlowSearches.memoryKiB
    ) { threadTime() >= end || job.search.isCancelled }
    job.done(job.pattern.search(job.text, within: allowance))
  }
}
