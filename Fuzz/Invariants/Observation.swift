package import TerminalEngine

/// Text of one look as a consumer sees it.
package struct StyledText: Equatable, Sendable {
  package var text: String
  package var style: Style
  package var link: String?
  package var columns: Int
}

/// One line as a consumer sees it.
package struct ObservedLine: Equatable, Sendable {
  package var runs: [StyledText] = []
  package var isWrapped = false

  package var text: String { runs.map(\.text).joined() }
  package var columns: Int { runs.reduce(0) { $0 + $1.columns } }
}

extension StyledText: CustomStringConvertible {
  package var description: String {
    "'\(text)'"
      + (style == Style()
        ? ""
        : "⟨\(style.foreground.kind) on \(style.background.kind) \(style.attributes.rawValue) "
          + "underline \(style.underline) \(style.underlineColor.kind)⟩")
      + (link.map { "⟨link '\($0)'⟩" } ?? "") + (columns == text.unicodeScalars.count ? "" : "/\(columns)")
  }
}

extension ObservedLine: CustomStringConvertible {
  package var description: String { runs.map(\.description).joined(separator: " ") + (isWrapped ? " ↩" : "") }
}

/// Everything that a consumer can see of a terminal, for comparing two of them.
package struct Observation: Equatable, Sendable {
  package var rows: [ObservedLine]
  package var history: [ObservedLine]
  package var firstLine: Int
  package var screenTop: Int
  package var cursor: Cursor
  package var modes: TerminalModes
  package var titles: [String]
  package var isAlternateScreen: Bool
  package var replies: [UInt8] = []
  package var events: [TerminalEvent] = []

  package init(_ terminal: inout Terminal) {
    rows = (0..<terminal.size.rows).map { observeRow(terminal, $0) }
    firstLine = terminal.firstLine
    screenTop = terminal.screenTop
    history = []
    for line in firstLine..<max(firstLine, screenTop) { history.append(observeLine(&terminal, line)) }
    cursor = terminal.cursor
    modes = terminal.modes
    titles = [terminal.title, terminal.iconName, terminal.workingDirectory]
    isAlternateScreen = terminal.isAlternateScreen
  }

  /// What differs first, in words; nil when nothing does.
  package func difference(from other: Observation) -> String? {
    if let found = firstDifference("row", rows, other.rows) { return found }
    if let found = firstDifference("history line", history, other.history) { return found }
    if (firstLine, screenTop) != (other.firstLine, other.screenTop) {
      return "lines \(firstLine), \(screenTop) against \(other.firstLine), \(other.screenTop)"
    }
    if cursor != other.cursor { return "cursor \(cursor) against \(other.cursor)" }
    if modes != other.modes { return "modes \(modes) against \(other.modes)" }
    if titles != other.titles { return "titles \(titles) against \(other.titles)" }
    if isAlternateScreen != other.isAlternateScreen {
      return "alternate screen \(isAlternateScreen) against the opposite"
    }
    if replies != other.replies { return "replies \(escaped(replies)) against \(escaped(other.replies))" }
    if events != other.events { return "events \(events) against \(other.events)" }
    return nil
  }
}

func firstDifference(_ what: String, _ these: [ObservedLine], _ those: [ObservedLine]) -> String? {
  if these.count != those.count { return "\(these.count) \(what)s against \(those.count)" }
  for (index, (this, that)) in zip(these, those).enumerated() where this != that {
    return "\(what) \(index): \(this) against \(that)"
  }
  return nil
}

package func observeRow(_ terminal: borrowing Terminal, _ row: Int) -> ObservedLine {
  var line = ObservedLine()
  var links: [LinkID] = []
  terminal.visitRuns(row: row, trim: .none) { run in
    line.runs.append(
      StyledText(text: String(decoding: run.text, as: UTF8.self), style: run.style, columns: run.columns))
    links.append(run.link)
  }
  for (index, link) in links.enumerated() { line.runs[index].link = terminal.link(link)?.uri }
  line.isWrapped = terminal.isWrapped(row: row)
  return line
}

package func observeLine(_ terminal: inout Terminal, _ number: Int) -> ObservedLine {
  var line = ObservedLine()
  var links: [LinkID] = []
  _ = terminal.visitRuns(line: number, trim: .none) { run in
    line.runs.append(
      StyledText(text: String(decoding: run.text, as: UTF8.self), style: run.style, columns: run.columns))
    links.append(run.link)
  }
  for (index, link) in links.enumerated() { line.runs[index].link = terminal.link(link)?.uri }
  line.isWrapped = terminal.isWrapped(line: number)
  return line
}
