import Glibc
import Synchronization
import Sys

/// Runs blocking work on a thread of its own, so that tests which wait do not hold the few threads that all tests share.
package func onThread<Success: Sendable>(
  _ work: @escaping @Sendable () throws -> Success
) async throws -> Success {
  try await withCheckedThrowingContinuation { continuation in
    let start = ThreadStart { continuation.resume(with: Result { try work() }) }
    var thread = pthread_t()
    let context = Unmanaged.passRetained(start)
    let failure = pthread_create(
      &thread, nil,
      { context in
        guard let context else { return nil }
        Unmanaged<ThreadStart>.fromOpaque(context).takeRetainedValue().body()
        return nil
      }, context.toOpaque())
    if failure == 0 {
      pthread_detach(thread)
    } else {
      context.release()
      continuation.resume(throwing: TestFailure("no thread: \(String(cString: strerror(failure)))"))
    }
  }
}

private final class ThreadStart: Sendable {
  let body: @Sendable () -> Void

  init(_ body: @escaping @Sendable () -> Void) {
    self.body = body
  }
}

/// Why a test cannot go on, with all that helps to see why.
package struct TestFailure: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) {
    self.description = description
  }
}

/// A point in time by which something must have happened. Generous ones are right: a machine under load is slow, and a
/// test that fails for that tells nothing.
package struct Deadline: Sendable {
  private let instant: ContinuousClock.Instant

  package static let standard = Duration.seconds(30)

  package init(_ duration: Duration) {
    instant = .now + duration
  }

  package var isOver: Bool { ContinuousClock.now >= instant }

  /// For `poll`: at least 0.
  package var milliseconds: CInt {
    let (seconds, attoseconds) = (instant - ContinuousClock.now).components
    let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
    return CInt(clamping: max(0, milliseconds + 1))
  }
}

/// Asks until the answer is yes. Only for things that announce themselves in no way; where the server can wait
/// (`session.wait`, `session.idle`), let it.
package func eventually(
  _ what: String, within duration: Duration = Deadline.standard, _ condition: () async throws -> Bool
) async throws {
  let deadline = Deadline(duration)
  while true {
    if try await condition() { return }
    if deadline.isOver { throw TestFailure("not within \(duration): \(what)") }
    try await Task.sleep(for: .milliseconds(10))
  }
}

/// Reaps a child of ours whenever it ends, and closes the pidfd. A zombie that nobody reaps would keep the monitor of exit tests, which
/// looks at the first child that has ended, from ever seeing its own.
func reapWhenEnded(_ pidfd: CInt) {
  Task.detached {
    try? await onThread {
      var entry = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
      while poll(&entry, 1, -1) < 0, errno == EINTR {}
      _ = try? reap(pidfd: pidfd)
      close(pidfd)
    }
  }
}
