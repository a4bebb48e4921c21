/// When a replay's next event is due. Time comes in as a value, in nanoseconds of a monotonic clock.
///
/// Each event is due as long after the one before as it was then, divided by the speed. Lateness of a moment is made up for; a longer one
/// (the process was stopped, the reader did not read) is not: the rest goes on from there at its pace and does not come in a burst.
struct ReplayPace {
  /// Lateness that is made up for, in nanoseconds.
  static let patience: UInt64 = 250_000_000

  /// How many times as fast as it was; nil: without waiting.
  let speed: Double?
  /// Of the last event that went out: its own time in microseconds, and when it was due.
  private var last: (time: Int64, due: UInt64)?
  private var pausedAt: UInt64?

  init(speed: Double?) { self.speed = speed }

  var isPaused: Bool { pausedAt != nil }

  /// How long to wait for the event of that time; 0: it is due.
  func delay(before time: Int64, now: UInt64) -> UInt64 {
    let due = due(time)
    return due > now ? due - now : 0
  }

  /// The event goes out now.
  mutating func sent(_ time: Int64, now: UInt64) {
    let due = last == nil ? now : due(time)
    last = (time, now > due && now - due > ReplayPace.patience ? now : due)
  }

  mutating func pause(now: UInt64) { if pausedAt == nil { pausedAt = now } }

  /// What was left to wait is left to wait.
  mutating func resume(now: UInt64) {
    guard let paused = pausedAt else { return }
    pausedAt = nil
    last?.due += now - paused
  }

  private func due(_ time: Int64) -> UInt64 {
    guard let speed, let last else { return 0 }
    // The clock may have been set back between two events.
    let nanoseconds = Double(max(0, time &- last.time)) * 1000 / speed
    // Centuries are as good as for ever, and fit.
    return last.due &+ UInt64(min(nanoseconds, 4e18))
  }
}
