package import Formats
import TerminalEngine

extension Session {
  /// The screen as a document: wsh's fields, with `generation`, `last_activity_ms` and `title` beside them.
  package func screen(format: ScreenFormat) -> [UInt8] {
    var json = JSONWriter(reserving: 8192)
    appendScreen(to: &json, format: format)
    return json.finish()
  }

  package func appendScreen(to json: inout JSONWriter, format: ScreenFormat) {
    json.beginObject()
    appendFacts(to: &json)
    json.key("lines")
    json.beginArray()
    let styles = StyleTexts()
    let start = json.count
    for row in 0..<terminal.size.rows { appendRow(row, to: &json, format, styles, start: start) }
    json.endArray()
    appendTruncation(to: &json, start: start)
    json.endObject()
  }

  /// Beyond so many bytes, the rows of a picture are told without their styles: a screen is one moment and cannot be written in pieces. A
  /// thousand rows of a thousand cells, each of its own colour, would be a hundred MiB, and hold up the loop for a second.
  static let styledBytes = 8 << 20
  /// Beyond so many, rows are told as blank, and `truncated` says so: only piles of accents take as much.
  static let pictureBytes = 14 << 20

  private func appendTruncation(to json: inout JSONWriter, start: Int) {
    guard json.count - start > Session.pictureBytes else { return }
    json.key("truncated")
    json.bool(true)
  }

  private func appendRow(
    _ row: Int, to json: inout JSONWriter, _ format: ScreenFormat, _ styles: borrowing StyleTexts, start: Int
  ) {
    if json.count - start > Session.pictureBytes {
      json.blankLine(format)
    } else if format == .styled, json.count - start > Session.styledBytes {
      json.unstyledLine(of: terminal, row: row)
    } else {
      json.line(of: terminal, row: row, format: format, styles)
    }
  }

  /// Only the rows that changed after `since`, as `changed: [{row, line}]`, with the same facts beside them.
  package func screenChanges(since: UInt64, format: ScreenFormat) -> [UInt8] {
    var json = JSONWriter(reserving: 2048)
    json.beginObject()
    appendFacts(to: &json)
    json.key("since")
    json.integer(since)
    json.key("changed")
    json.beginArray()
    let styles = StyleTexts()
    let start = json.count
    for row in rowsChanged(since: since) {
      json.beginObject()
      json.key("row")
      json.integer(row)
      json.key("line")
      appendRow(row, to: &json, format, styles, start: start)
      json.endObject()
    }
    json.endArray()
    appendTruncation(to: &json, start: start)
    json.endObject()
    return json.finish()
  }

  /// The screen as text, without the blank lines below.
  package func screenLines() -> [String] {
    var lines = (0..<terminal.size.rows).map { terminal.rowText($0) }
    while lines.last?.isEmpty == true { lines.removeLast() }
    return lines
  }

  /// One row of the screen: a list of spans, or a string.
  package func appendLine(row: Int, to json: inout JSONWriter, format: ScreenFormat) {
    json.line(of: terminal, row: row, format: format, StyleTexts())
  }

  /// Rows whose picture changed after that generation.
  package func rowsChanged(since: UInt64) -> [Int] {
    (0..<terminal.size.rows).filter { terminal.rowStamp($0) > since }
  }

  private func appendFacts(to json: inout JSONWriter) {
    json.key("epoch")
    json.integer(0)
    json.key("first_line_index")
    json.integer(totalLines - terminal.size.rows)
    json.key("total_lines")
    json.integer(totalLines)
    json.key("cursor")
    json.beginObject()
    json.key("row")
    json.integer(terminal.cursor.row)
    json.key("col")
    json.integer(terminal.cursor.column)
    json.key("visible")
    json.bool(terminal.cursor.isVisible)
    json.endObject()
    json.key("cols")
    json.integer(terminal.size.columns)
    json.key("rows")
    json.integer(terminal.size.rows)
    json.key("alternate_active")
    json.bool(terminal.isAlternateScreen)
    json.key("generation")
    json.integer(generation)
    json.key("last_activity_ms")
    json.integer(lastActivityMs)
    json.key("title")
    json.string(terminal.title)
  }

  /// The latest commands, oldest first.
  package func recentCommands(_ limit: Int) -> [CommandRecord] { Array(commands.records.suffix(limit)) }
}
