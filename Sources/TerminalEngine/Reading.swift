// Reading the screen and the history. Everything is built on runs of cells that are drawn alike.

/// Cells beside each other that have the same style and link.
package struct Run {
  /// UTF-8, valid only inside the call that received it. Cells nothing was written to are spaces.
  package let text: UnsafeBufferPointer<UInt8>
  package let style: Style
  package let link: LinkID
  /// Where the link goes; nil where there is none.
  package let address: String?
  /// The columns the text takes.
  package let columns: Int
}

extension Terminal {
  // MARK: lines

  /// Lines are numbered from the first one the session ever printed. This is the oldest that is kept.
  package var firstLine: Int { history.firstLine }

  /// Keeps lines that leave the history for a reader that has yet to look at them, from that line on; `nil` ends it. Only
  /// reading single lines (``visitRuns(line:trim:_:)``) finds them, down to ``heldFirstLine``. What is kept so is bounded: of a reader that falls
  /// behind further the oldest lines go.
  package mutating func holdHistory(from line: Int?) { history.hold(from: line) }

  /// The oldest line that a reader can have for whom lines are held.
  package var heldFirstLine: Int { history.heldFirstLine }

  /// What is kept beyond the bounds of the history, in bytes of its encoding.
  package var heldHistoryBytes: Int { history.heldBytes }

  /// The line shown in row 0 of the main screen.
  package var screenTop: Int { history.total }

  /// The lines that are kept, those of the main screen among them.
  package var lineCount: Int { screenTop + rows - firstLine }

  private func activeRow(_ row: Int) -> Row { grid.rows[row] }

  /// A row of the main screen, whichever is shown.
  private func mainRow(_ row: Int) -> Row {
    guard isAlternateScreen else { return grid.rows[row] }
    switch dormant {
    case .some(let main): return main.rows[row]
    case .none: return grid.rows[row]
    }
  }

  /// Whether the row goes on in the next one.
  package func isWrapped(row: Int) -> Bool {
    row >= 0 && row < rows && activeRow(row).flags & Row.wrapped != 0
  }

  /// Whether the line goes on in the next one.
  package mutating func isWrapped(line: Int) -> Bool {
    if line >= screenTop { return line < screenTop + rows && mainRow(line - screenTop).flags & Row.wrapped != 0 }
    var isWrapped = false
    _ = history.withLine(line, decompress) { encoded, _ in isWrapped = encoded.isWrapped }
    return isWrapped
  }

  // MARK: runs

  /// Visits a row of the active screen, from left to right.
  package func visitRuns(row: Int, trim: Trimming, _ body: (Run) -> Void) {
    guard row >= 0 && row < rows else { return }
    visit(activeRow(row), trim, body)
  }

  /// Visits a line of the history or the main screen; false when the line is not kept. Lines of the history end where they
  /// were written to, even untrimmed.
  @discardableResult
  package mutating func visitRuns(line: Int, trim: Trimming, _ body: (Run) -> Void) -> Bool {
    if line >= screenTop {
      guard line < screenTop + rows else { return false }
      visit(mainRow(line - screenTop), trim, body)
      return true
    }
    // The history is moved out, so that reading it may give numbers to its links.
    var history = History(byteLimit: 0, lineLimit: 0)
    swap(&history, &self.history)
    let isKept = history.withLine(line, decompress) { encoded, tables in
      visit(encoded, tables, trim, body)
    }
    swap(&history, &self.history)
    return isKept
  }

  /// Where a row ends when it is trimmed.
  private func end(of row: Row, _ trim: Trimming) -> Int {
    var end = Int(row.length)
    switch trim {
    case .none: return columns
    case .blankDefault:
      while end > 0 && row.cells[end - 1].isBlank && row.cells[end - 1] & CellBits.rendition == 0 { end -= 1 }
    case .blankAny:
      while end > 0 && row.cells[end - 1].isBlank { end -= 1 }
    }
    return end
  }

  private func visit(_ row: Row, _ trim: Trimming, _ body: (Run) -> Void) {
    var end = end(of: row, trim)
    if trim != .none && row.flags & Row.wrapped != 0 && row.flags & Row.clustered != 0 {
      // A blank left by a wide character is not text: the line goes on with that character. It can have a colour all the same.
      let last = row.cells[columns - 1]
      if Int(row.length) == columns && last.isLeadSpacer && (trim == .blankAny || last & CellBits.rendition == 0) {
        end = min(end, columns - 1)
      }
    }
    guard end > 0 else { return }
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: textCapacity(row, end)) { buffer in
      let start = buffer.baseAddress!
      var first = 0
      while first < end {
        let rendition = row.cells[first] & CellBits.rendition
        var next = first + 1
        while next < end && row.cells[next] & CellBits.rendition == rendition { next += 1 }
        var target = start
        appendText(row, first, next, to: &target)
        body(
          Run(
            text: UnsafeBufferPointer(start: start, count: target - start), style: styles[rendition.styleID],
            link: LinkID(rawValue: UInt16(truncatingIfNeeded: rendition.linkID)),
            address: rendition.linkID == 0 ? nil : links[rendition.linkID]?.uri, columns: next - first))
        first = next
      }
    }
  }

  /// Enough bytes for the text of the first cells of a row.
  private func textCapacity(_ row: Row, _ end: Int) -> Int {
    row.flags & Row.unicode == 0
      ? end : end * (row.flags & Row.clustered == 0 ? 4 : ClusterTable.textLimit)
  }

  private func appendText(_ row: Row, _ first: Int, _ end: Int, to target: inout UnsafeMutablePointer<UInt8>) {
    for index in first..<max(first, end) {
      let cell = row.cells[index]
      if cell.isTail { continue }
      if cell.isCluster {
        let text = clusters.text(Int(cell & CellBits.scalar))
        if let bytes = text.baseAddress {
          target.update(from: bytes, count: text.count)
          target += text.count
        }
      } else {
        let scalar = UInt32(truncatingIfNeeded: cell & CellBits.scalar)
        UTF8Text.write(scalar == 0 ? 0x20 : scalar, to: &target)
      }
    }
  }

  private mutating func visit(
    _ line: HistoryLine, _ tables: History.Tables, _ trim: Trimming, _ body: (Run) -> Void
  ) {
    var runs: [HistoryRun] = []
    line.forEachRun { runs.append($0) }
    if line.flags & HistoryFlags.hasRuns == 0 {
      runs.append(HistoryRun(columns: columnCount(of: line), style: -1, link: -1))
    }
    trimRuns(&runs, line, tables, trim)
    var cells = HistoryCells(line.text)
    var scratch: [UInt8] = []
    var offset = line.text.baseAddress!
    for run in runs where run.columns > 0 {
      let style = run.style >= 0 && run.style < tables.styles.count ? tables.styles[run.style] : .default
      let link =
        run.link >= 0 && run.link < tables.links.count ? links.intern(tables.links[run.link]) ?? 0 : 0
      let linkID = LinkID(rawValue: UInt16(truncatingIfNeeded: link))
      let address = run.link >= 0 && run.link < tables.links.count ? tables.links[run.link].uri : nil
      if line.isASCII {
        body(
          Run(
            text: UnsafeBufferPointer(start: offset, count: run.columns), style: style, link: linkID,
            address: address, columns: run.columns))
        offset += run.columns
        continue
      }
      scratch.removeAll(keepingCapacity: true)
      var columns = 0
      while columns < run.columns, let cell = cells.next() {
        columns += cell.width
        if cell.isLeadSpacer { scratch.append(0x20) } else { cell.append(to: &scratch) }
      }
      scratch.withUnsafeBufferPointer { text in
        body(Run(text: text, style: style, link: linkID, address: address, columns: columns))
      }
    }
  }

  private func columnCount(of line: HistoryLine) -> Int {
    if line.isASCII { return line.text.count }
    var cells = HistoryCells(line.text)
    var columns = 0
    while let cell = cells.next() { columns += cell.width }
    return columns
  }

  /// Takes trailing blanks off the runs.
  private func trimRuns(
    _ runs: inout [HistoryRun], _ line: HistoryLine, _ tables: History.Tables, _ trim: Trimming
  ) {
    guard trim != .none else { return }
    var length = line.text.count
    func drop(_ columns: Int) {
      var left = columns
      while left > 0, let last = runs.last {
        let dropped = min(left, last.columns)
        left -= dropped
        if dropped == last.columns { runs.removeLast() } else { runs[runs.count - 1].columns -= dropped }
      }
    }
    if line.hasMarkers && length > 0 && line.text[length - 1] == HistoryMarker.leadSpacer {
      let style = runs.last.map { $0.style >= 0 && $0.style < tables.styles.count ? tables.styles[$0.style] : .default }
      if trim == .blankAny || style?.isDefault != false { drop(1) }
      return
    }
    var blanks = 0
    while length > 0 && line.text[length - 1] == 0x20 {
      blanks += 1
      length -= 1
    }
    if trim == .blankAny {
      drop(blanks)
      return
    }
    while blanks > 0, let last = runs.last {
      let style = last.style >= 0 && last.style < tables.styles.count ? tables.styles[last.style] : .default
      guard style.isDefault && last.link < 0 else { return }
      let dropped = min(blanks, last.columns)
      drop(dropped)
      blanks -= dropped
      if dropped < last.columns { return }
    }
  }

  // MARK: text

  /// The text of a row of the active screen without trailing blanks.
  package func rowText(_ row: Int) -> String {
    var bytes: [UInt8] = []
    visitRuns(row: row, trim: .blankAny) { bytes.append(contentsOf: $0.text) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The rows of the active screen without trailing blanks, with line feeds between them.
  package func screenText() -> String {
    var bytes: [UInt8] = []
    for row in 0..<rows {
      if row > 0 { bytes.append(0x0A) }
      visitRuns(row: row, trim: .blankAny) { bytes.append(contentsOf: $0.text) }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The text of a line of the history or the main screen without trailing blanks; empty when it is not kept.
  package mutating func lineText(_ line: Int) -> String {
    var bytes: [UInt8] = []
    visitRuns(line: line, trim: .blankAny) { bytes.append(contentsOf: $0.text) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The text from one position up to (and without) another: wrapped lines are joined, trailing blanks are left out, and line
  /// feeds stand between lines. Lines that are not kept any more are skipped.
  package mutating func text(from start: LinePosition, to end: LinePosition) -> [UInt8] {
    var bytes: [UInt8] = []
    let first = max(start.line, firstLine)
    let last = min(end.line, screenTop + rows - 1)
    guard first <= last else { return [] }
    for line in first...last {
      let from = line == start.line ? max(start.column, 0) : 0
      let to = line == end.line ? max(end.column, 0) : Int.max
      let wraps = isWrapped(line: line)
      let mark = bytes.count
      if from < to { appendText(line: line, from, to, to: &bytes) }
      // A wrapped line is full, and where the last one ends was said: their blanks are text.
      if !wraps && line != end.line {
        while bytes.count > mark, bytes[bytes.count - 1] == 0x20 { bytes.removeLast() }
      }
      if !wraps && line < end.line && line < last { bytes.append(0x0A) }
    }
    return bytes
  }

  /// The text of the cells of a line that begin in a range of columns.
  private mutating func appendText(line: Int, _ from: Int, _ to: Int, to bytes: inout [UInt8]) {
    if line >= screenTop {
      let row = mainRow(line - screenTop)
      var end = min(to, Int(row.length))
      if end > 0 && row.cells[end - 1].isLeadSpacer { end -= 1 }
      guard from < end else { return }
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: textCapacity(row, end)) { buffer in
        var target = buffer.baseAddress!
        appendText(row, from, end, to: &target)
        bytes.append(contentsOf: UnsafeBufferPointer(start: buffer.baseAddress, count: target - buffer.baseAddress!))
      }
      return
    }
    _ = history.withLine(line, decompress) { encoded, _ in
      if encoded.isASCII {
        let end = min(to, encoded.text.count)
        if from < end { bytes.append(contentsOf: encoded.text[from..<end]) }
        return
      }
      var cells = HistoryCells(encoded.text)
      var column = 0
      while column < to, let cell = cells.next() {
        if column >= from { cell.append(to: &bytes) }
        column += cell.width
      }
    }
  }

  // MARK: links

  /// Where a link goes, and the `id=` it was given (empty without one).
  package func link(_ id: LinkID) -> (uri: String, id: String)? {
    guard id != .none, let target = links[Int(id.rawValue)] else { return nil }
    return (target.uri, target.id)
  }

  // MARK: sealing

  /// Packs up to so many pages of history that are not packed yet. `compress` may refuse by returning nil; what it makes must be
  /// readable by `decompress`. Returns the bytes saved, and whether that was all: a page costs some tenths of a millisecond, so a large
  /// history is sealed a few pages at a time.
  package mutating func sealHistory(
    atMost limit: Int = .max, _ compress: (UnsafeRawBufferPointer) -> [UInt8]?
  ) -> (saved: Int, isDone: Bool) {
    history.seal(atMost: limit, compress)
  }
}
