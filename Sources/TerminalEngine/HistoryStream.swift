// The history as bytes for another terminal, which keeps them in a scrollback of its own.

/// A place in the history, from which it is given to another terminal piece by piece (``Terminal/nextPiece(of:)``).
///
/// The order for a viewer that comes back: all pieces of the stream, and right after the last one ``Terminal/repaint(unfinished:)``.
/// Between two pieces the terminal may be fed: what scrolls off meanwhile comes with the later pieces.
package struct HistoryStream {
  /// The most bytes of one piece: what a viewer's socket is given at a time.
  package static let pieceBytes = 64 << 10
  /// Rows of a wrapped line that are looked through for its beginning; a longer line begins in its middle.
  static let lineStartLimit = 500

  enum Stage {
    case opening
    case lines
    case closed
  }

  var stage = Stage.opening
  /// The next line to give, and the one before which the stream ends however much scrolls off meanwhile.
  var line: Int
  let limit: Int
  let outer: TerminalSize
  /// What was made of a row that had no room in its piece.
  var rest: [UInt8] = []
  /// Where the other terminal's cursor stands in the line that is being given: behind so many columns of its row.
  var column = 0
  /// The line was wrapped by the other terminal while it was printed with a background.
  var mayLeaveBackground = false

  /// Everything has been given: the next thing is a picture of the screen.
  package var isDone: Bool { stage == .closed && rest.isEmpty }
}

extension Terminal {
  /// A stream of the newest lines of the history, for a terminal that is shown a picture of the screen afterwards.
  ///
  /// It is printed from where the other terminal's cursor stands, which is at the beginning of a free line with nothing below it: what is
  /// above scrolls off with it. Wrapped lines are one line for the other terminal, which wraps them at its own width; styles and links
  /// are kept. At its end everything has scrolled off, and no blank line with it.
  /// - Parameters:
  ///   - lines: the most rows of history; all that is kept when nil. A line that the first of them continues is given whole.
  ///   - outer: the other terminal's size. Only with its true number of rows nothing stays on its screen.
  package mutating func historyStream(lines: Int?, on outer: TerminalSize) -> HistoryStream {
    var first = history.firstLine
    if let lines { first = max(first, history.total - max(lines, 0)) }
    if first < history.total {
      var back = 0
      while back < HistoryStream.lineStartLimit, first > history.firstLine, isWrapped(line: first - 1) {
        first -= 1
        back += 1
      }
    }
    // Twice as much at the most: a flood scrolls off faster than a slow terminal takes it.
    let count = history.total - first
    return HistoryStream(line: first, limit: first + count * 2 + rows, outer: outer)
  }

  /// The next at most ``HistoryStream/pieceBytes`` of a stream; nil when there are no more. After a piece the other terminal is at rest and
  /// its pen as after a reset, unless a single row took more than a piece.
  package mutating func nextPiece(of stream: inout HistoryStream) -> [UInt8]? {
    var piece: [UInt8] = []
    swap(&piece, &stream.rest)
    if stream.stage == .opening {
      piece.append(contentsOf: Self.historyOpening.utf8)
      stream.stage = .lines
    }
    while stream.stage == .lines && piece.count < HistoryStream.pieceBytes {
      // Lines may have gone while the others were given.
      stream.line = max(stream.line, history.firstLine)
      guard stream.line < min(history.total, stream.limit) else {
        if stream.column > 0 { Self.endLine(&stream, &piece) }
        // From the last line to the bottom, and on until what is above it has scrolled off.
        piece.append(contentsOf: [UInt8](repeating: 0x0A, count: max(stream.outer.rows - 1, 0)))
        stream.stage = .closed
        break
      }
      _ = history.withLine(stream.line, decompress) { line, tables in Self.append(line, tables, &stream, &piece) }
      stream.line += 1
    }
    guard !piece.isEmpty else { return nil }
    if piece.count > HistoryStream.pieceBytes {
      stream.rest = Array(piece[HistoryStream.pieceBytes...])
      piece.removeLast(stream.rest.count)
    }
    return piece
  }

  /// Brings the other terminal to where text is printed plainly, without moving its cursor: DECSTBM would, and is put between DECSC
  /// and DECRC for those that do not know DECSTR. (Mode 1047 leaves the alternate screen, unlike 1049, without moving it either.)
  private static let historyOpening =
    "\u{1B}\\\u{1B}[?2026l\u{1B}[?1047l\u{1B}[!p\u{1B}7\u{1B}[r\u{1B}8\u{1B}[?7h\u{1B}[4;20l\u{1B}(B\u{0F}\u{1B}]8;;\u{1B}\\\u{1B}[m\r"

  /// One row. It leaves the pen as after a reset.
  private static func append(
    _ line: HistoryLine, _ tables: History.Tables, _ stream: inout HistoryStream, _ piece: inout [UInt8]
  ) {
    if line.flags & HistoryFlags.hasRuns == 0 && line.isASCII {
      var end = line.text.count
      if !line.isWrapped {
        while end > 0 && line.text[end - 1] == 0x20 { end -= 1 }
      }
      piece.append(contentsOf: line.text[..<end])
      stream.advance(end)
    } else {
      appendStyled(line, tables, &stream, &piece)
    }
    if !line.isWrapped { endLine(&stream, &piece) }
  }

  private static func endLine(_ stream: inout HistoryStream, _ piece: inout [UInt8]) {
    // A terminal that scrolls while a background is set fills the new row with it. (Behind a full row there is nothing to erase.)
    if stream.mayLeaveBackground && stream.column < stream.outer.columns { piece.append(contentsOf: "\u{1B}[K".utf8) }
    piece.append(0x0D, 0x0A)
    stream.column = 0
    stream.mayLeaveBackground = false
  }

  private static func appendStyled(
    _ line: HistoryLine, _ tables: History.Tables, _ stream: inout HistoryStream, _ piece: inout [UInt8]
  ) {
    var runs: [HistoryRun] = []
    line.forEachRun { runs.append($0) }
    if runs.isEmpty { runs = [HistoryRun(columns: .max, style: -1, link: -1)] }
    var pen = RowPen()
    // What ends the row's text: blanks of the default style behind it are not given.
    var inked = (bytes: piece.count, column: stream.column, pen: pen)
    var cells = HistoryCells(line.text)
    for run in runs {
      let style = run.style >= 0 && run.style < tables.styles.count ? tables.styles[run.style] : .default
      let link = run.link >= 0 && run.link < tables.links.count ? tables.links[run.link] : nil
      pen.set(style, link, &piece)
      let isPlain = style.isDefault && link == nil
      var columns = 0
      while columns < run.columns, let cell = cells.next() {
        columns += cell.width
        // The blank that a wide character left at the end of the row is not text.
        if cell.isLeadSpacer { continue }
        let before = stream.column
        let start = piece.count
        cell.append(to: &piece)
        stream.advance(cell.width, perCell: cell.width)
        if stream.column <= before && !style.background.isDefault { stream.mayLeaveBackground = true }
        if !isPlain || piece.count > start + 1 || piece[start] != 0x20 { inked = (piece.count, stream.column, pen) }
      }
    }
    if !line.isWrapped {
      piece.removeLast(piece.count - inked.bytes)
      stream.column = inked.column
      pen = inked.pen
    }
    pen.set(.default, nil, &piece)
  }
}

extension HistoryStream {
  /// The other terminal has printed so many columns, in characters of so many.
  fileprivate mutating func advance(_ columns: Int, perCell width: Int = 1) {
    guard columns > 0 else { return }
    let outerColumns = max(outer.columns, 1)
    if width > 1 {
      column = column + width > outerColumns ? width : column + width
    } else {
      column = (column + columns - 1) % outerColumns + 1
    }
  }
}

/// The other terminal's pen inside a row.
private struct RowPen {
  private var style = Style.default
  private var link: LinkTarget?

  mutating func set(_ wanted: Style, _ target: LinkTarget?, _ bytes: inout [UInt8]) {
    if wanted != style {
      bytes.append(0x1B, 0x5B)
      if !wanted.isDefault { Terminal.appendRendition(wanted, to: &bytes) }
      bytes.append(0x6D)
      style = wanted
    }
    if target != link {
      bytes.append(contentsOf: LinkTarget.command(target).utf8)
      link = target
    }
  }
}
