import Net

/// How many commands of one session are announced: a few a second, and a burst before that.
///
/// Marks are bytes, and a program may print as many as it likes: 5 MB of them would become 300 MB of events. What is left out is counted and
/// told; the command records, and what waits for them, know every command all the same. A command that somebody typed by a call costs nothing
/// here: calls are counted where they come in.
package struct CommandAllowance {
  /// A script that is pasted line by line, or a shell that reads one, is told of line by line.
  static let burst = 60.0
  /// Faster than anybody reads.
  static let perSecond = 3.0
  /// How long after the first command that was left out it is told how many there were.
  static let summaryAfter = Duration.seconds(5)

  /// Commands that were left out and have not been told of.
  package struct LeftOut: Equatable, Sendable {
    package let count: Int
    /// Numbers of the first and the last of them, as in the command records.
    package let first: Int
    package let last: Int
  }

  private var bucket = TokenBucket(burst: burst, perSecond: perSecond)
  /// The run that was let through last. Its number comes back in its marks, which a program may have seen.
  private var run: UInt64?
  /// The command that was left out last: its end is left out too.
  private var leftOutCommand: Int?
  private(set) var leftOut: LeftOut?

  /// Whether the beginning of a command is told of.
  mutating func admits(start record: CommandRecord, now: ContinuousClock.Instant) -> Bool {
    if isCalled(record) { return true }
    if bucket.take(at: now) { return true }
    leftOutCommand = record.id
    leftOut = LeftOut(count: (leftOut?.count ?? 0) + 1, first: leftOut?.first ?? record.id, last: record.id)
    return false
  }

  /// Whether somebody's call has typed it: a line is typed once, and a run begins once.
  private mutating func isCalled(_ record: CommandRecord) -> Bool {
    guard let number = record.run else { return record.correlationID != nil }
    if run == number { return false }
    run = number
    return true
  }

  /// Whether the end of a command is told of: where its beginning was.
  func admits(finish record: CommandRecord) -> Bool { record.id != leftOutCommand }

  /// What was left out, once.
  mutating func takeLeftOut() -> LeftOut? {
    defer { leftOut = nil }
    return leftOut
  }
}
