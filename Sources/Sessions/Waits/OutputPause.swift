/// How long a session's output may wait for those who look for a text in it: a part of the time, of which some can be saved up. Whoever may only
/// read a session, and asks for what is slow to look for, makes its program slower by that part at most. Pure.
struct OutputPause {
  private var savings = SessionLimits.pauseSavings
  /// Until when they are reckoned up.
  private var at: ContinuousClock.Instant?
  private var isPausing = false

  /// Output is to wait. Returns for how long it may at most; `nil` when not at all.
  mutating func begin(at now: ContinuousClock.Instant) -> Duration? {
    reckon(at: now)
    isPausing = savings > .zero
    return isPausing ? savings : nil
  }

  mutating func end(at now: ContinuousClock.Instant) {
    reckon(at: now)
    isPausing = false
  }

  private mutating func reckon(at now: ContinuousClock.Instant) {
    let time = (at ?? now).duration(to: now)
    at = now
    savings = isPausing ? savings - time : min(SessionLimits.pauseSavings, savings + time / SessionLimits.pauseShare)
  }
}
