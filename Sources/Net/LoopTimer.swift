import CUV

/// A running timer. Ends with `cancel()` or with its last reference.
package final class LoopTimer {
  private let handle: TimerHandle?

  init(loop: EventLoop, after: Duration, every: Duration?, _ fire: @escaping () -> Void) {
    // uv_timer_init cannot fail; the optional only spares a force.
    handle = try? TimerHandle(loop: loop)
    uv_update_time(loop.uv)
    handle?.start(after: after.wholeMilliseconds, every: every.map { max(1, $0.wholeMilliseconds) } ?? 0, fire)
  }

  /// Never fires again. On the loop only.
  package func cancel() {
    handle?.close()
  }

  deinit {
    guard let handle, !handle.isFinished else { return }
    if handle.loop.isCurrent {
      handle.close()
    } else {
      nonisolated(unsafe) let handle = handle  // goes to the one thread that may touch it
      handle.loop.execute { handle.close() }
    }
  }
}

/// The libuv side of a timer.
final class TimerHandle: LoopHandle {
  private var fire: (() -> Void)?
  private var repeats = false
  /// Written on the loop; a stale `false` read elsewhere only costs a needless hop.
  private(set) var isFinished = false

  init(loop: EventLoop) throws(NetError) {
    try super.init(uv_timer_t.self, on: loop, "timer") { uv_timer_init(loop.uv, $0) }
  }

  func start(after: UInt64, every: UInt64, _ fire: @escaping () -> Void) {
    guard !isClosed else { return }
    self.fire = fire
    repeats = every > 0
    uv_timer_start(
      raw.assumingMemoryBound(to: uv_timer_t.self), { TimerHandle.of($0?.pointee.data)?.fired() }, after, every)
  }

  private func fired() {
    let fire = fire
    if !repeats { close() }
    fire?()
  }

  override func close() {
    isFinished = true
    let released = take(&fire)
    super.close()
    withExtendedLifetime(released) {}
  }
}

/// A deadline that moves often and passes seldom, as the idle time-out of a connection.
///
/// Moving it is one store: the timer behind it is left alone and, when it fires early, set again for the rest.
final class Deadline {
  private let loop: EventLoop
  private let passed: () -> Void
  private var handle: DeadlineHandle?
  /// Loop time in milliseconds; `UInt64.max` means none.
  private var due = UInt64.max
  private var armedFor = UInt64.max

  init(loop: EventLoop, _ passed: @escaping () -> Void) {
    self.loop = loop
    self.passed = passed
  }

  func set(after milliseconds: UInt64) {
    let (time, overflow) = loop.milliseconds.addingReportingOverflow(milliseconds)
    due = overflow ? UInt64.max : time
    if due < armedFor { arm() }
  }

  func clear() { due = UInt64.max }

  func close() {
    due = UInt64.max
    handle?.close()
    handle = nil
  }

  private func arm() {
    if handle == nil { handle = try? DeadlineHandle(loop: loop, self) }
    armedFor = due
    uv_update_time(loop.uv)
    let now = loop.milliseconds
    handle?.start(after: due > now ? due - now : 0)
  }

  fileprivate func fired() {
    armedFor = UInt64.max
    if due == UInt64.max { return }
    if due > loop.milliseconds {
      arm()
    } else {
      due = UInt64.max
      passed()
    }
  }
}

private final class DeadlineHandle: LoopHandle {
  weak var deadline: Deadline?

  init(loop: EventLoop, _ deadline: Deadline) throws(NetError) {
    self.deadline = deadline
    try super.init(uv_timer_t.self, on: loop, "timer") { uv_timer_init(loop.uv, $0) }
  }

  func start(after: UInt64) {
    guard !isClosed else { return }
    uv_timer_start(
      raw.assumingMemoryBound(to: uv_timer_t.self),
      { handle in DeadlineHandle.of(handle?.pointee.data)?.deadline?.fired() }, after, 0)
  }
}

extension Duration {
  /// Rounded up, never negative, saturating.
  var wholeMilliseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1000)
    if overflow { return UInt64.max }
    let part = UInt64((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    return whole.addingReportingOverflow(part).overflow ? UInt64.max : whole + part
  }
}

/// Empties a property and returns what it held, so that whatever dies with it does so after the access has ended: a
/// closure's captures may lead back to the object that held it.
package func take<Value>(_ property: inout Value?) -> Value? {
  let value = property
  property = nil
  return value
}
