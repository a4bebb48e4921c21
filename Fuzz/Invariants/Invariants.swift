import TerminalEngine

/// A promise of the terminal that did not hold.
package struct Violation: Error, Equatable, CustomStringConvertible {
  package let promise: String
  package let detail: String

  package var description: String { "\(promise): \(detail)" }
}

/// What must hold for every scenario, whatever the bytes.
///
/// Trapping is the first thing that must not happen; the sanitizers and the test runner notice that by themselves.
package enum Invariants {
  /// Checks everything that is promised for a scenario and returns the first broken promise.
  package static func firstViolation(_ scenario: Scenario) -> Violation? {
    do throws(Violation) {
      let whole = try Run.observe(scenario)
      let bytewise = try Run.observe(scenario.cuttingOutput { $0.map { [$0] } }, thorough: false)
      if let difference = whole.difference(from: bytewise) {
        throw Violation(
          promise: "output means the same however it is cut", detail: "whole against bytewise: \(difference)")
      }
      let portioned = try Run.observe(scenario, thorough: false, work: 1)
      if let difference = whole.difference(from: portioned) {
        throw Violation(
          promise: "output means the same however its work is portioned",
          detail: "whole against portioned: \(difference)")
      }
      return nil
    } catch {
      return error
    }
  }

  /// Cheaper: only one run, without the comparison with the bytewise one.
  package static func firstViolationUncut(_ scenario: Scenario) -> Violation? {
    do throws(Violation) {
      _ = try Run.observe(scenario)
      return nil
    } catch {
      return error
    }
  }
}

/// One terminal going through a scenario.
private struct Run: ~Copyable {
  private var terminal: Terminal
  private let scenario: Scenario
  /// How much work one feed may do, where that is bounded.
  private let work: Int?
  private let vault = PageVault()
  private var replies: [UInt8] = []
  private var events: [TerminalEvent] = []
  /// One column cannot show wide characters; what becomes of them there is only required not to trap.
  private var wasTooNarrow: Bool
  /// The terminal that was shown a picture and follows.
  private var follower: Follower?

  private init(_ scenario: Scenario, work: Int? = nil) {
    self.scenario = scenario
    self.work = work
    var options = TerminalOptions()
    options.historyLines = scenario.historyLines
    options.historyBytes = scenario.historyBytes
    terminal = Terminal(size: scenario.size, options: options)
    wasTooNarrow = scenario.size.columns < 2
    let vault = vault
    terminal.decompress = { packed, size in vault.unpack(packed, size) }
  }

  static func observe(
    _ scenario: Scenario, thorough: Bool = true, work: Int? = nil
  ) throws(Violation) -> Observation {
    var run = Run(scenario, work: work)
    for step in scenario.steps {
      if thorough { try run.takeWatched(step) } else { run.take(step) }
    }
    if thorough {
      try run.showPicture()
      run.readSomeText()
    }
    var observation = Observation(&run.terminal)
    observation.replies = run.replies
    // A flood of bells counts once between two looks; how often anybody looks is not the terminal's doing.
    observation.events = run.events.enumerated().filter { $1 != .bell || $0 == 0 || run.events[$0 - 1] != .bell }.map(
      \.element)
    return observation
  }

  private mutating func take(_ step: Step) {
    terminal.stamp += 1
    switch step {
    case .feed(let bytes): bytes.withUnsafeBytes { feed($0) }
    case .resize(let size):
      terminal.resize(size)
      wasTooNarrow = wasTooNarrow || size.columns < 2
    case .sealHistory:
      let vault = vault
      _ = terminal.sealHistory { vault.pack($0) }
    case .clearHistory: terminal.clearHistory()
    case .hold(let lines): terminal.holdHistory(from: lines.map { max(0, terminal.screenTop - $0) })
    case .repaint: break
    }
    replies += terminal.takeReplies()
    events += terminal.takeEvents()
  }

  private mutating func feed(_ bytes: UnsafeRawBufferPointer) {
    guard let work else { return terminal.feed(bytes) }
    var rest = bytes
    while !rest.isEmpty {
      var left = work
      let taken = terminal.feed(rest, work: &left)
      rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
    }
  }

  private mutating func takeWatched(_ step: Step) throws(Violation) {
    let before = Observation(&terminal)
    let textBefore = step.isResize ? survivingText() : []
    let sizeBefore = terminal.size
    take(step)
    try checkShape()
    let after = Observation(&terminal)
    switch step {
    case .sealHistory, .hold, .repaint:
      if let difference = before.difference(from: after) {
        throw Violation(promise: "\(step) changes nothing that can be seen", detail: difference)
      }
    case .clearHistory:
      guard terminal.firstLine == terminal.screenTop, after.rows == before.rows else {
        throw Violation(promise: "clearing the history leaves the screen alone", detail: "")
      }
    case .resize(let size):
      try checkResize(to: size, textBefore)
    case .feed:
      break
    }
    try follow(step)
    try checkStamps(before, after, sizeChanged: terminal.size != sizeBefore)
  }

  /// Numbers in range, rows full, wide characters whole, memory within its bound.
  private mutating func checkShape() throws(Violation) {
    let size = terminal.size
    guard 1...1000 ~= size.rows, 1...1000 ~= size.columns else {
      throw Violation(promise: "sizes are within 1...1000", detail: "\(size)")
    }
    let cursor = terminal.cursor
    guard 0..<size.rows ~= cursor.row, 0..<size.columns ~= cursor.column else {
      throw Violation(promise: "the cursor is on the screen", detail: "\(cursor) in \(size)")
    }
    for row in 0..<size.rows {
      try checkLine(observeRow(terminal, row), "row \(row)", fullWidth: size.columns)
    }
    guard terminal.firstLine >= 0, terminal.firstLine <= terminal.screenTop,
      terminal.lineCount == terminal.screenTop + size.rows - terminal.firstLine
    else {
      throw Violation(
        promise: "line numbers add up",
        detail: "first \(terminal.firstLine), top \(terminal.screenTop), count \(terminal.lineCount)")
    }
    for line in terminal.firstLine..<terminal.screenTop {
      try checkLine(observeLine(&terminal, line), "line \(line)", fullWidth: nil)
    }
    if !terminal.isAlternateScreen {
      for row in 0..<size.rows {
        let byRow = observeRow(terminal, row)
        let byLine = observeLine(&terminal, terminal.screenTop + row)
        guard byRow == byLine else {
          throw Violation(
            promise: "a row of the main screen is the same line by number",
            detail: "row \(row): \(byRow) against \(byLine)")
        }
      }
    }
    // Two screens of at most 32 bytes a cell, the history, and what is bounded by constants of the engine (styles,
    // links, clusters, strings, the page in use, a page unpacked).
    let bound = size.rows * size.columns * 2 * 32 + scenario.historyBytes + 8 << 20
    guard terminal.bytesHeld <= bound else {
      throw Violation(promise: "memory stays within its bound", detail: "\(terminal.bytesHeld) bytes of \(bound)")
    }
  }

  private func checkLine(_ line: ObservedLine, _ name: String, fullWidth: Int?) throws(Violation) {
    if let fullWidth, line.columns != fullWidth {
      throw Violation(
        promise: "untrimmed runs cover the row", detail: "\(name): \(line.columns) columns of \(fullWidth)")
    }
    for run in line.runs {
      guard run.columns > 0, !run.text.isEmpty else {
        throw Violation(promise: "no run is empty", detail: "\(name): \(run)")
      }
      var sum = 0
      var widest = 0
      // Clusters (accents, flags, families, skin tones) may take other than the sum of their parts.
      var mayCluster = false
      for scalar in run.text.unicodeScalars {
        guard scalar.value >= 0x20, !(0x7F..<0xA0 ~= scalar.value) else {
          throw Violation(promise: "a cell holds no control character", detail: "\(name): \(run)")
        }
        let properties = WidthTable.properties(of: scalar.value)
        let width = Int(properties & WidthTable.widthMask)
        sum += width
        let mayWiden = properties & (WidthTable.variationCapable | WidthTable.regionalIndicator) != 0
        widest += mayWiden ? 2 : max(width, 1)
        if width == 0 || properties & ~(WidthTable.widthMask | WidthTable.variationCapable) != 0
          || ClusterClass(scalar.value) == .spacingMark
        {
          mayCluster = true
        }
      }
      guard wasTooNarrow || (mayCluster ? run.columns <= widest : run.columns == sum) else {
        throw Violation(promise: "wide characters take two columns, others one", detail: "\(name): \(run)")
      }
    }
  }

  /// A viewer that looks only at what is stamped newer than its last look must never miss a change.
  private func checkStamps(_ before: Observation, _ after: Observation, sizeChanged: Bool) throws(Violation) {
    let stamp = terminal.stamp
    var changed = before.cursor != after.cursor || before.isAlternateScreen != after.isAlternateScreen || sizeChanged
    for row in 0..<terminal.size.rows {
      let rowStamp = terminal.rowStamp(row)
      guard rowStamp <= stamp else {
        throw Violation(promise: "no row is stamped with the future", detail: "row \(row): \(rowStamp) of \(stamp)")
      }
      guard sizeChanged || before.rows[row] != after.rows[row] else { continue }
      changed = true
      guard rowStamp == stamp else {
        throw Violation(
          promise: "a row that changed is stamped",
          detail:
            "row \(row): stamp \(rowStamp) of \(stamp), \(before.rows.count > row ? "\(before.rows[row])" : "-") became \(after.rows[row])"
        )
      }
    }
    guard !changed || terminal.screenStamp == stamp else {
      throw Violation(
        promise: "a screen that changed is stamped", detail: "\(terminal.screenStamp) of \(stamp)")
    }
  }

  /// The characters other than blanks that a resize must carry over, in order.
  private mutating func survivingText() -> [Unicode.Scalar] {
    var text: [Unicode.Scalar] = []
    guard !terminal.isAlternateScreen else { return text }
    for line in terminal.firstLine..<(terminal.screenTop + terminal.size.rows) {
      for run in observeLine(&terminal, line).runs { text += run.text.unicodeScalars.filter { $0 != " " } }
    }
    return text
  }

  private mutating func checkResize(to size: TerminalSize, _ before: [Unicode.Scalar]) throws(Violation) {
    guard terminal.size == size else {
      throw Violation(promise: "a resize takes effect", detail: "\(terminal.size) for \(size)")
    }
    // A full history rightly drops its oldest lines.
    guard !terminal.isAlternateScreen, !wasTooNarrow, scenario.historyLines >= 1_000, scenario.historyBytes >= 8_192,
      terminal.firstLine == 0
    else { return }
    let after = survivingText()
    // What stands below the cursor may be cut where it does not fit although the cursor is at the top already.
    let lost = before.count - after.count
    guard after == before || terminal.cursor.row == 0 && before.starts(with: after) && lost > 0 else {
      throw Violation(
        promise: "a resize loses no text",
        detail: "to \(size.rows)x\(size.columns), cursor in row \(terminal.cursor.row): "
          + "'\(String(before))' became '\(String(after))'")
    }
  }

  /// A picture rebuilds the screen on another terminal.
  private mutating func showPicture() throws(Violation) {
    follower = nil
    guard !wasTooNarrow else { return }
    let follower = Follower(size: terminal.size)
    terminal.repaint().withUnsafeBytes { follower.terminal.feed($0) }
    try follower.compare(with: terminal, after: "a repaint")
    // A wrap that is pending between margins that do not end there, which only DECRC brings about, cannot be said in sequences.
    if follower.terminal.isWrapPending == terminal.isWrapPending { self.follower = follower }
  }

  /// What follows a picture means there what it means here.
  private mutating func follow(_ step: Step) throws(Violation) {
    switch step {
    case .repaint: try showPicture()
    case .resize: follower = nil
    case .sealHistory, .clearHistory, .hold: break
    case .feed(let bytes):
      guard let follower else { return }
      bytes.withUnsafeBytes { follower.terminal.feed($0) }
      try follower.compare(with: terminal, after: "a repaint and what follows")
    }
  }

  /// Reading any range is safe, also backwards, in the future and in what is gone.
  private mutating func readSomeText() {
    let last = terminal.screenTop + terminal.size.rows
    for (from, to) in [(0, last), (last, 0), (terminal.firstLine, terminal.screenTop), (-5, last + 5), (last, last)] {
      _ = terminal.text(from: LinePosition(line: from, column: 1), to: LinePosition(line: to, column: 1_000))
    }
    _ = terminal.screenText()
    _ = terminal.lineText(terminal.firstLine)
    _ = terminal.rowText(terminal.size.rows - 1)
  }
}

extension Step {
  fileprivate var isResize: Bool {
    if case .resize = self { return true }
    return false
  }
}

extension String {
  fileprivate init(_ scalars: [Unicode.Scalar]) {
    self.init()
    unicodeScalars.append(contentsOf: scalars)
  }
}

/// A terminal that was shown a picture of another one.
private final class Follower {
  var terminal: Terminal

  init(size: TerminalSize) { terminal = Terminal(size: size) }

  func compare(with original: borrowing Terminal, after what: String) throws(Violation) {
    for row in 0..<original.size.rows {
      var expected = observeRow(original, row)
      var seen = observeRow(terminal, row)
      // Whether a line goes on in the next cannot always be expressed.
      expected.isWrapped = false
      seen.isWrapped = false
      guard expected == seen else {
        throw Violation(
          promise: "after \(what) the rows are the same", detail: "row \(row): \(expected) became \(seen)")
      }
    }
    guard original.cursor == terminal.cursor else {
      throw Violation(
        promise: "after \(what) the cursor is the same", detail: "\(original.cursor) became \(terminal.cursor)")
    }
    guard original.modes == terminal.modes, original.isAlternateScreen == terminal.isAlternateScreen else {
      let fields = zip("\(original.modes)".split(separator: ","), "\(terminal.modes)".split(separator: ","))
      throw Violation(
        promise: "after \(what) the modes are the same",
        detail: fields.filter { $0 != $1 }.map { "\($0) became\($1)" }.joined(separator: ", "))
    }
    guard original.title == terminal.title, original.iconName == terminal.iconName else {
      throw Violation(
        promise: "after \(what) the titles are the same",
        detail: "\(original.title), \(original.iconName) became \(terminal.title), \(terminal.iconName)")
    }
  }
}

/// Stands for a compressor: keeps the page and gives out a ticket of eight bytes.
private final class PageVault {
  private var pages: [[UInt8]] = []

  /// Half of what it is given it refuses, so that pages are kept in planes too.
  func pack(_ page: UnsafeRawBufferPointer) -> [UInt8]? {
    if page.count & 1 != 0 { return nil }
    pages.append([UInt8](page))
    return withUnsafeBytes(of: UInt64(pages.count - 1).littleEndian) { [UInt8]($0) }
  }

  func unpack(_ ticket: UnsafeRawBufferPointer, _ size: Int) -> [UInt8]? {
    guard ticket.count == 8 else { return nil }
    let number = ticket.loadUnaligned(as: UInt64.self).littleEndian
    guard number < pages.count, pages[Int(number)].count == size else { return nil }
    return pages[Int(number)]
  }
}
