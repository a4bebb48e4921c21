import Formats
import Net
import Sys
import TerminalEngine

/// Looking for a text that somebody waits for. Each look takes in what is new since the last one, and is made at once where that is cheap;
/// what is not goes to ``SlowSearches``, so that no expression holds up the loop.
extension Session {
  func searchStart(_ conditions: [WaitCondition]) -> Int {
    for case .match(_, let since?) in conditions {
      if places.hasForgotten(after: since) { return terminal.firstLine }
      return places.first(after: since)?.line ?? cursorPosition.line
    }
    return terminal.screenTop
  }

  /// The text that was looked for, if it is there. `final`: nothing is put off that can be said now.
  func find(_ pattern: Pattern, since: UInt64?, for number: Int, _ waiter: Waiter, final: Bool) -> String? {
    if waiter.look.search != nil { return nil }
    if let since, terminal.screenStamp <= since { return nil }
    if let last = waiter.look.last, !final, waiter.look.rest == nil, !isTextBehind {
      let rest = SessionLimits.matchInterval - last.duration(to: .now)
      if rest > .zero {
        recheck(number, waiter, after: rest)
        return nil
      }
    }
    if !final, !isTextBehind, let known = screenRows, known.generation != generation {
      let rest = known.rest(at: .now)
      if rest > .zero {
        recheck(number, waiter, after: rest)
        return nil
      }
    }
    guard mayLook(waiter) else {
      recheck(number, waiter, after: SessionLimits.matchPause)
      return nil
    }
    // One turn looks at one stretch, or at all where there will be no other turn.
    waiter.look.putOff = nil
    repeat {
      guard let text = newText(for: pattern, since: since, waiter) else { return nil }
      waiter.look.last = .now
      switch text.bytes.isEmpty ? .absent : MatchTime.search(pattern, text.bytes, on: loop) {
      case .found(let match): return match
      case .absent: waiter.look.looked(text)
      case .givenUp:
        searchSlowly(pattern, text, number, waiter)
        return nil
      }
    } while final && waiter.look.rest != nil
    if waiter.look.rest != nil { recheck(number, waiter, after: .milliseconds(1)) }
    return nil
  }

  /// Whether a look can come to anything: its text is made only where the loop has time for the search, or there is a place in the queue.
  private func mayLook(_ waiter: Waiter) -> Bool {
    if waiter.look.generation == generation, waiter.look.rest == nil { return true }
    guard MatchTime.isSpent(on: loop) else { return true }
    let bytes = waiter.look.putOff ?? SessionLimits.matchBytes
    if SlowSearches.shared.hasPlace(for: waiter.look.caller, bytes: bytes) { return true }
    waiter.look.putOff = bytes
    return false
  }

  private func searchSlowly(_ pattern: Pattern, _ text: NewText, _ number: Int, _ waiter: Waiter) {
    waiter.look.search = SlowSearches.shared.begin(pattern, text.bytes, for: waiter.look.caller) {
      [weak self] finding in
      guard let session = self else { return }
      session.loop.execute { session.assumeIsolated { $0.searched(number, text, finding) } }
    }
    // No place in the queue: the text stays new.
    guard waiter.look.search == nil else { return }
    waiter.look.putOff = text.bytes.count
    recheck(number, waiter, after: SessionLimits.matchPause)
  }

  private func searched(_ number: Int, _ text: NewText, _ finding: Pattern.Finding) {
    guard let waiter = waiters[number] else { return }
    waiter.look.search = nil
    switch finding {
    case .found(let match):
      let outcome = WaitOutcome(
        reason: .match, evidence: .match, match: match, generation: generation,
        hasSkippedText: waiter.look.hasSkipped)
      end(number, waiter, .success(outcome))
      holdText()
    case .absent:
      waiter.look.looked(text)
      // Whoever is late waits for what had been begun, not for what has come since.
      if let last = waiter.look.lastLine, (waiter.look.rest ?? last) >= last { waiter.look.reachedLast(generation) }
      checkAgain(number, waiter)
      holdText()
    case .givenUp:
      end(
        number, waiter,
        .failure(
          SessionError(
            .patternTooCostly,
            "The pattern takes too long to look for in what \(name) shows: make it simpler, for example without a repetition inside a repetition."
          )))
      holdText()
    }
  }

  /// What is there to be looked at that has not been; `nil` where nothing is.
  private func newText(for pattern: Pattern, since: UInt64?, _ waiter: Waiter) -> NewText? {
    if waiter.look.generation == generation, waiter.look.rest == nil { return nil }
    var text = NewText(generation: generation)
    let screen = rowsOfScreen()
    if terminal.isAlternateScreen {
      for row in screen where since.map({ row.stamp > $0 }) ?? true { text.append(row) }
    } else {
      let wished = waiter.look.rest ?? waiter.look.from
      let start = max(wished, terminal.heldFirstLine)
      if start > wished { waiter.look.hasSkipped = true }
      if waiter.look.rest == nil, let since { appendRowsPaintedAbove(start, since: since, of: screen, to: &text) }
      var line = start
      while line < terminal.screenTop, !text.isFull {
        text.append(TextRow(line: line, stamp: 0, text: lineText(line)))
        line += 1
      }
      for row in screen where row.line >= line && !text.isFull {
        text.append(row)
        line = row.line + 1
      }
      if line < terminal.screenTop + terminal.size.rows {
        // An expression may want several lines at a time: some are looked at twice.
        text.rest = max(start + 1, line - (pattern.isOfOneLine ? 0 : min(terminal.size.rows, (line - start) / 2)))
      }
      // What has left the screen does not change any more, and need not be looked at again.
      text.passed = terminal.screenTop
    }
    text.finish(keeping: pattern.isOfOneLine ? waiter.look.seen : nil)
    return text
  }

  /// Keeps what leaves the history until those who wait for a text have looked at it. Where they are behind by much, the program's output
  /// waits for them: not for longer than ``OutputPause`` allows, after which the oldest text goes unseen, and they are told.
  func holdText() {
    var first: Int?
    for waiter in waiters.values where waiter.looksForText {
      first = min(first ?? .max, waiter.look.next(screenTop: terminal.screenTop))
    }
    terminal.holdHistory(from: first)
    guard isTextBehind, exit == nil, let left = outputPause.begin(at: .now) else { return goOnReading() }
    guard pty.isReading else { return }
    pty.isReading = false
    pauseTimer = loop.schedule(after: left) { [weak self] in self?.assumeIsolated { $0.goOnReading() } }
  }

  private func goOnReading() {
    guard !pty.isReading else { return }
    pauseTimer?.cancel()
    pauseTimer = nil
    outputPause.end(at: .now)
    readingGoesOn()
  }

  /// More waits to be looked at than is kept for long.
  private var isTextBehind: Bool { terminal.heldHistoryBytes > SessionLimits.matchBacklog }

  /// Rows above the search's beginning that were painted after that generation, while nothing has scrolled: programs that repaint a
  /// part of the main screen do that.
  private func appendRowsPaintedAbove(_ line: Int, since: UInt64, of screen: [TextRow], to text: inout NewText) {
    guard let place = places.first(after: since), place.screenTop == terminal.screenTop else { return }
    for row in screen where row.line < line && row.stamp > since { text.append(row) }
  }

  private func rowsOfScreen() -> [TextRow] {
    if let known = screenRows, known.generation == generation { return known.rows }
    let began = threadTime()
    let rows = (0..<terminal.size.rows).map { row in
      let text =
        terminal.isAlternateScreen
        ? Array(terminal.rowText(row).utf8) + [0x0A] : lineText(terminal.screenTop + row)
      return TextRow(line: terminal.screenTop + row, stamp: terminal.rowStamp(row), text: text)
    }
    screenRows = ScreenRows(generation: generation, rows: rows, madeAt: .now, cost: threadTime() - began)
    return rows
  }

  /// Nobody waits any more. Who asks again soon, as for what is there already, finds the rows that were made.
  func forgetRowsSoon() {
    guard screenRows != nil, rowsTimer == nil else { return }
    rowsTimer = loop.schedule(after: SessionLimits.matchRowsKept) { [weak self] in
      self?.assumeIsolated { session in
        session.rowsTimer = nil
        if session.waiters.isEmpty { session.screenRows = nil }
      }
    }
  }

  /// A line as text; a line that goes on in the next one keeps its blanks and has no line's end.
  private func lineText(_ line: Int) -> [UInt8] {
    var text: [UInt8] = []
    let wraps = terminal.isWrapped(line: line)
    var width = 0
    terminal.visitRuns(line: line, trim: wraps ? .none : .blankAny) { run in
      text.append(contentsOf: run.text)
      width += run.columns
    }
    // A prompt may end in a blank, which only the cursor shows to be text.
    if line == cursorPosition.line { text += Array(repeating: 0x20, count: max(0, cursorPosition.column - width)) }
    if !wraps { text.append(0x0A) }
    return text
  }
}

/// What one look takes in.
struct NewText: Sendable {
  let generation: UInt64
  /// Where the next look goes on; `nil` when this one reaches the end.
  var rest: Int?
  /// Lines before this one do not change any more.
  var passed: Int?
  private(set) var bytes: [UInt8] = []
  private(set) var seen: Set<Int> = []
  private var lines: [(start: Int, hash: Int)] = []
  private var isInLine = false

  init(generation: UInt64) { self.generation = generation }

  var isFull: Bool { bytes.count >= SessionLimits.matchBytes }

  mutating func append(_ row: TextRow) {
    if !isInLine { lines.append((bytes.count, row.line)) }
    var hasher = Hasher()
    hasher.combine(lines[lines.count - 1].hash)
    hasher.combine(row.hash)
    lines[lines.count - 1].hash = hasher.finalize()
    bytes += row.text
    isInLine = row.text.last != 0x0A
  }

  /// Leaves out the lines that were `known`; with `nil` all are kept, since what is looked for may begin in one and end in another.
  mutating func finish(keeping known: Set<Int>?) {
    guard let known else { return }
    seen = Set(lines.lazy.map(\.hash))
    if known.isEmpty { return }
    var kept: [UInt8] = []
    for (index, line) in lines.enumerated() where !known.contains(line.hash) {
      kept += bytes[line.start..<(index + 1 < lines.count ? lines[index + 1].start : bytes.count)]
    }
    bytes = kept
  }
}

extension TextLook {
  /// What was there when the time was over has been looked at.
  mutating func reachedLast(_ generation: UInt64) {
    rest = nil
    self.generation = generation
  }

  /// It holds nothing that matches.
  mutating func looked(_ text: NewText) {
    rest = text.rest
    seen = text.seen
    guard rest == nil else { return }
    generation = text.generation
    if let line = text.passed { passed(line) }
  }
}
