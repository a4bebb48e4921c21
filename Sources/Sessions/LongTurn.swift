import Net

/// Whose turn it is to do what holds a loop up: a picture of a large screen, or output that costs far more than its bytes, takes as long as
/// a thousand requests. The sessions of a loop that do such work do it one after the other, and each time the rest of the loop has as long
/// for itself: many of them hold it up no more than one.
struct LongTurn {
  /// Until when no session of a loop does more that takes long.
  private static let taken = LoopLocal<ContinuousClock.Instant>()

  /// A turn that has taken longer is gone on with later.
  let longest: Duration
  /// Only who took long has to wait: others are not slower for it.
  private(set) var wasLong = false

  init(longest: Duration) { self.longest = longest }

  /// How long a turn must wait that is to begin now; `nil` for one that need not.
  func wait(on loop: EventLoop, now: ContinuousClock.Instant) -> Duration? {
    guard wasLong, let until = LongTurn.taken[loop], until > now else { return nil }
    return now.duration(to: until)
  }

  /// A part of the work is done. Returns how long the next must wait, where it took so long that it has to; a little longer than others must,
  /// so that those come first.
  mutating func took(_ cost: Duration, until now: ContinuousClock.Instant, on loop: EventLoop) -> Duration? {
    guard cost > longest else { return nil }
    wasLong = true
    LongTurn.taken[loop] = now + cost
    return cost * 2
  }

  /// All of it is done.
  mutating func ended(after spent: Duration) {
    if spent <= longest { wasLong = false }
  }
}
