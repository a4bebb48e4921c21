import Formats

/// The numbers by which clients know a session's commands and waiting runs.
///
/// They outlive a server: one that takes the session over gives none of them again, since somebody may still ask for the old one's. What may
/// have been given is bounded by a number that is kept with the keeper, and raised before it is reached.
struct SessionNumbers {
  /// How many are set aside at a time: far more than are given while the keeper is being told, and few enough that numbers stay short.
  static let step = 1000
  /// Where they begin for a session whose label says nothing of them.
  static let ofOldLabel = 100_000

  /// The first one that is given.
  let first: Int
  /// Those below may be given.
  private(set) var end: Int

  /// For a new session, or one whose label has `taken`: numbers below that may have been given.
  init(after taken: Int = 1) {
    first = taken
    end = taken + SessionNumbers.step
  }

  /// Called when the next number to be given has changed: where those end that are to be set aside, if there are to be more.
  mutating func next(_ next: Int) -> Int? {
    guard next + SessionNumbers.step / 2 > end else { return nil }
    end = next + SessionNumbers.step
    return end
  }

  /// Where an adopted session's generation begins: behind every piece of input and output that there can have been, at one in a microsecond.
  static func generation(since start: Timestamp, now: Timestamp = .now()) -> UInt64 {
    UInt64(clamping: max(0, now.milliseconds - start.milliseconds)) * 1000
  }
}
