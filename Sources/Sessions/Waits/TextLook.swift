import Formats

/// How far a wait has come in looking for its text.
struct TextLook {
  /// The lowest line that a look begins at, on the main screen.
  private(set) var from: Int
  /// Where the next look goes on, when the last one did not reach the end of what there is.
  var rest: Int?
  /// Who waits: searches that are put off are put off fairly between callers.
  let caller: String
  var last: ContinuousClock.Instant?
  /// Whatever was there at this generation has been looked at.
  var generation: UInt64?
  /// Lines that were there at the last look and do not match by themselves: what does not go beyond a line need not be held against
  /// them again. By a hash of number and text.
  var seen: Set<Int> = []
  /// A search that was too costly for the loop, and has not come back.
  var search: SlowSearch?
  /// How long the text was, in bytes, whose search was too costly for the loop and found no place in the queue.
  var putOff: Int?
  /// Where the text ended when the time was over: what comes behind is not waited for.
  var lastLine: Int?
  /// Some of the text had gone before it could be looked at.
  var hasSkipped = false

  init(from: Int, caller: String) {
    self.from = from
    self.caller = caller
  }

  /// There is something that has been begun to be looked at, and no word yet.
  var isUnderWay: Bool { search != nil || rest != nil || putOff != nil }

  /// The lowest line that is still to be looked at, on the main screen.
  func next(screenTop: Int) -> Int {
    // What has been looked at and is on the screen may change; what has left it does not.
    rest.map { min($0, max(from, screenTop)) } ?? from
  }

  /// What lies before that line does not change any more.
  mutating func passed(_ line: Int) { from = max(from, line) }

  /// Lines have been wrapped anew.
  mutating func linesMoved(from line: Int) {
    from = line
    rest = nil
    generation = nil
    seen = []
  }
}

/// A row of a screen or of its history as text.
struct TextRow {
  let line: Int
  /// The generation that changed it last; 0 in the history.
  let stamp: UInt64
  /// With a line feed, unless the line goes on in the next row.
  let text: [UInt8]
  /// Of the text: made once for all who look at it.
  let hash: Int

  init(line: Int, stamp: UInt64, text: [UInt8]) {
    self.line = line
    self.stamp = stamp
    self.text = text
    var hasher = Hasher()
    text.withUnsafeBytes { hasher.combine(bytes: $0) }
    hash = hasher.finalize()
  }
}

/// The screen as text at one generation, shared by all waits.
struct ScreenRows {
  let generation: UInt64
  let rows: [TextRow]
  let madeAt: ContinuousClock.Instant
  /// What making them took, as time of the processor.
  let cost: Duration

  /// How long it is until they may be made anew, so that a large screen on which much happens does not take the loop's time.
  func rest(at now: ContinuousClock.Instant) -> Duration { cost * SessionLimits.matchShare - madeAt.duration(to: now) }
}
