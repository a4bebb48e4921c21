import Net

/// Whose turn it is to make pictures. One of a large screen takes as long as a thousand requests, so the sessions of a loop that make such
/// pictures do it one after the other, and each time the rest of the loop has as long for itself.
struct PictureTurn {
  /// A round that has shown pictures for longer is gone on with later.
  static let longest = Duration.milliseconds(2)
  /// Until when no session of a loop makes more that takes long.
  private static let taken = LoopLocal<ContinuousClock.Instant>()

  /// Only who took long has to wait: others are not slower for it.
  private var wasLong = false

  /// How long a round must wait that is to begin now; `nil` for one that need not.
  func wait(on loop: EventLoop, now: ContinuousClock.Instant) -> Duration? {
    guard wasLong, let until = PictureTurn.taken[loop], until > now else { return nil }
    return now.duration(to: until)
  }

  /// A part of a round is over. Returns how long the next must wait, where it took so long that it has to; a little longer than others must,
  /// so that those come first.
  mutating func took(_ cost: Duration, until now: ContinuousClock.Instant, on loop: EventLoop) -> Duration? {
    guard cost > PictureTurn.longest else { return nil }
    wasLong = true
    PictureTurn.taken[loop] = now + cost
    return cost * 2
  }

  /// A whole round is over.
  mutating func ended(after spent: Duration) {
    if spent <= PictureTurn.longest { wasLong = false }
  }
}
