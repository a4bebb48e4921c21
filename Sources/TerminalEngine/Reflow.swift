// Changing the size. The main screen's lines are wrapped anew; the alternate screen is only cut, as its program draws it again.

/// A place that must stay on its character while lines are wrapped anew.
private struct Anchor {
  /// The row among those that are wrapped anew, and the column; with a wrap pending the place is behind the column.
  var row: Int
  var column: Int
  var isPending = false
}

/// Rows taken apart into logical lines, and the rows they are wrapped to.
private struct Reflow {
  /// A row as it was: where its cells begin in `cells`, and in which line.
  struct Source {
    var line: Int
    var offset: Int
    /// The columns of it whose characters have become wide again.
    var widened: [Int] = []
  }

  struct Line {
    var start: Int
    var count: Int
  }

  /// A row as it will be.
  struct Target {
    var start: Int
    var count: Int
    var line: Int
    var isWrapped: Bool
    var hasSpacer: Bool
  }

  var cells: [Cell] = []
  var lines: [Line] = []
  var sources: [Source] = []
  var targets: [Target] = []
  /// Where each line's rows begin in `targets`.
  var firstTarget: [Int] = []
  /// Whether there is room for characters of two columns: those that stand in one since they had no more are as they were.
  let hasRoomForWide: Bool
  private var isOpen = false

  init(width: Int) { hasRoomForWide = width > 1 }

  /// Adds a row; a wrapped one is as wide as its screen was.
  mutating func append(_ row: UnsafePointer<Cell>, length: Int, isWrapped: Bool, width: Int) {
    var count = isWrapped ? max(length, width) : length
    if isWrapped && count > 0 && count <= length && row[count - 1].isLeadSpacer { count -= 1 }
    if !isOpen { lines.append(Line(start: cells.count, count: 0)) }
    sources.append(Source(line: lines.count - 1, offset: lines[lines.count - 1].count))
    let start = cells.count
    let simple = Reflow.isSimple(row, min(count, length))
    if simple { cells.append(contentsOf: UnsafeBufferPointer(start: row, count: min(count, length))) }
    for column in 0..<(simple ? 0 : min(count, length)) {
      let cell = row[column]
      cells.append(cell)
      guard hasRoomForWide, Reflow.isWideInOneColumn(cell) else { continue }
      cells[cells.count - 1] |= CellBits.wide
      cells.append(cell & ~CellBits.token | CellBits.tail)
      sources[sources.count - 1].widened.append(column)
    }
    if count > length { cells.append(contentsOf: repeatElement(0, count: count - length)) }
    lines[lines.count - 1].count += cells.count - start
    isOpen = isWrapped
  }

  /// What any of the cells has: a row of plain characters is copied as a whole.
  @inline(__always)
  private static func union(_ cells: UnsafePointer<Cell>, _ count: Int) -> Cell {
    var union: Cell = 0
    for index in 0..<count { union |= cells[index] }
    return union
  }

  private static func isSimple(_ union: Cell) -> Bool {
    union & (CellBits.wide | CellBits.tail | CellBits.cluster | CellBits.leadSpacer) == 0
      && union & CellBits.scalar < 0x1000
  }

  private static func isSimple(_ cells: UnsafePointer<Cell>, _ count: Int) -> Bool { isSimple(union(cells, count)) }

  /// A wide character that is narrow because it stood on a screen of one column.
  private static func isWideInOneColumn(_ cell: Cell) -> Bool {
    cell & CellBits.scalar >= 0x1100 && cell & (CellBits.wide | CellBits.tail | CellBits.cluster) == 0
      && WidthTable.properties(of: UInt32(truncatingIfNeeded: cell & CellBits.scalar)) & WidthTable.widthMask == 2
  }

  /// The line of a place, and how far into it the place is.
  private func offset(_ anchor: Anchor) -> (line: Int, offset: Int) {
    let source = sources[anchor.row]
    let column = anchor.column + (anchor.isPending ? 1 : 0)
    return (source.line, source.offset + column + source.widened.count { $0 < column })
  }

  /// Wraps the lines to a width. Where the cursor stands behind blanks they are text: the end of a prompt is one.
  mutating func layOut(_ width: Int, cursor: Anchor) {
    targets = []
    firstTarget = []
    let cursor = offset(cursor)
    for index in 0..<lines.count {
      firstTarget.append(targets.count)
      layOutLine(index, width, atLeast: index == cursor.line ? cursor.offset : 0)
    }
  }

  private mutating func layOutLine(_ index: Int, _ width: Int, atLeast least: Int) {
    let line = lines[index]
    var count = line.count
    // Coloured blanks behind the text do not make further rows.
    if count > width {
      while count > 0 && cells[line.start + count - 1].isBlank { count -= 1 }
      count = max(count, min(line.count, max(width, least)))
    }
    var position = 0
    repeat {
      var taken = min(width, count - position)
      var hasSpacer = false
      if width > 1 && taken > 0 && position + taken < count && cells[line.start + position + taken].isTail
        && cells[line.start + position + taken - 1].isWide
      {
        taken -= 1
        hasSpacer = true
      } else if width == 1 && taken == 1 && position + 1 < count && cells[line.start + position + 1].isTail {
        // Both halves share the one column.
        taken = 2
      }
      position += taken
      targets.append(
        Target(
          start: line.start + position - taken, count: taken, line: index, isWrapped: position < count,
          hasSpacer: hasSpacer))
    } while position < count
  }

  /// Where an anchor is now: a row of `targets`, a column, and whether a wrap is pending.
  func place(_ anchor: Anchor, width: Int) -> Anchor {
    guard anchor.row < sources.count else {
      return Anchor(row: targets.count + anchor.row - sources.count, column: min(anchor.column, width - 1))
    }
    let (line, offset) = offset(anchor)
    let last = line + 1 < firstTarget.count ? firstTarget[line + 1] - 1 : targets.count - 1
    var row = firstTarget[line]
    let start = lines[line].start
    while row < last && offset >= targets[row].start - start + targets[row].count { row += 1 }
    let column = offset - (targets[row].start - start)
    if column >= width {
      // Behind a full row: that is a pending wrap where the text ended here, and the last column otherwise.
      return Anchor(row: row, column: width - 1, isPending: anchor.isPending || targets[row].count >= width)
    }
    return Anchor(row: row, column: max(column, 0))
  }

  /// Writes a row's cells and says what kinds they are of.
  func fill(_ target: Target, _ cells: UnsafeMutablePointer<Cell>, width: Int) -> Row {
    var row = Row(cells: cells)
    var length = 0
    var index = 0
    self.cells.withUnsafeBufferPointer { source in
      guard let base = source.baseAddress, target.count <= width else { return }
      let union = Reflow.union(base + target.start, target.count)
      guard Reflow.isSimple(union) else { return }
      cells.update(from: base + target.start, count: target.count)
      if union & CellBits.scalar >= 0x80 { row.flags |= Row.unicode }
      if union & CellBits.rendition != 0 { row.flags |= Row.styled }
      length = target.count
      index = target.count
    }
    while index < target.count && length < width {
      var cell = self.cells[target.start + index]
      index += 1
      if cell.isWide && length + 1 >= width {
        // One column for both halves: the character is kept, narrow.
        cell &= ~CellBits.wide
        row.flags |= Row.clustered
        index += 1
      } else if !cell.isWide && !cell.isTail && cell & CellBits.scalar >= 0x1100 && !cell.isCluster
        && WidthTable.properties(of: UInt32(truncatingIfNeeded: cell & CellBits.scalar)) & 2 != 0
      {
        // Narrow because it stood on such a screen before.
        row.flags |= Row.clustered
      }
      if cell & (CellBits.cluster | CellBits.leadSpacer) != 0 || cell.isWide && cell.isHalfFlag {
        row.flags |= Row.clustered
      }
      if cell & (CellBits.token | CellBits.wide | CellBits.tail | CellBits.leadSpacer) >= 0x80 {
        row.flags |= Row.unicode
      }
      if cell & CellBits.rendition != 0 { row.flags |= Row.styled }
      cells[length] = cell
      length += 1
    }
    if target.hasSpacer && length < width {
      cells[length] = CellBits.leadSpacer
      row.flags |= Row.clustered | Row.unicode
      length += 1
    }
    if target.isWrapped { row.flags |= Row.wrapped }
    row.length = Int32(truncatingIfNeeded: length)
    return row
  }
}

extension Terminal {
  /// Changes the size. The main screen's lines, and those above them that belong to the same logical line, are wrapped anew;
  /// the cursor stays on its character, and lines above it that no longer fit go to the history; with the cursor in the top row
  /// those that do not fit below it are lost. When the screen was full and grows, lines come back from the history.
  package mutating func resize(_ size: TerminalSize) {
    var none: [LinePosition] = []
    resize(size, tracking: &none)
  }

  /// The same, and positions in lines that are wrapped anew are brought to where their characters are now.
  package mutating func resize(_ size: TerminalSize, tracking positions: inout [LinePosition]) {
    guard size != self.size else { return }
    resizeTabStops(size.columns)
    if isAlternateScreen {
      var main = dormant.take() ?? Grid(self.size)
      var cursor = Anchor(row: mainCursor.line, column: mainCursor.column, isPending: mainPendingWrap)
      var saved = dormantSavedCursor
      reflow(&main, size, &cursor, &saved, &positions)
      dormantSavedCursor = saved
      mainCursor = LinePosition(line: cursor.row, column: cursor.column)
      mainPendingWrap = cursor.isPending
      dormant = consume main
      cutAlternate(size)
    } else {
      dormant = nil
      var main = Grid(TerminalSize(rows: 1, columns: 1))
      swap(&main, &grid)
      var cursor = Anchor(row: row, column: column, isPending: pendingWrap)
      var saved = savedCursor
      reflow(&main, size, &cursor, &saved, &positions)
      savedCursor = saved
      swap(&main, &grid)
      row = cursor.row
      column = cursor.column
      pendingWrap = cursor.isPending
    }
    rows = size.rows
    columns = size.columns
    resetMargins()
    rowStamps.deallocate()
    rowStamps = .allocate(capacity: rows)
    rowStamps.initialize(repeating: stamp, count: rows)
    stampedWith = stamp
    stampedTop = 0
    stampedBottom = rows - 1
    cursorStamp = stamp
    shownCursor = cursor
    if modeSet.contains(.inBandResize) { reportSizeInBand() }
  }

  private mutating func resizeTabStops(_ columns: Int) {
    let stops = UnsafeMutablePointer<Bool>.allocate(capacity: columns)
    for index in 0..<columns { stops[index] = index < self.columns ? tabStops[index] : index & 7 == 0 }
    tabStops.deallocate()
    tabStops = stops
  }

  /// The alternate screen keeps its cells where they are, and its cursor's row in sight.
  private mutating func cutAlternate(_ size: TerminalSize) {
    var fresh = Grid(size)
    let shift = max(0, row - (size.rows - 1))
    for index in 0..<min(size.rows, rows - shift) {
      let from = grid.rows[index + shift]
      let to = fresh.rows + index
      let length = min(Int(from.length), size.columns)
      to.pointee.cells.update(from: from.cells, count: length)
      if length > 0 && length == size.columns && to.pointee.cells[length - 1].isWide {
        to.pointee.cells[length - 1] &= CellBits.rendition
      }
      to.pointee.length = Int32(truncatingIfNeeded: length)
      to.pointee.flags = from.flags & (size.columns == columns ? 0xFF : ~Row.wrapped)
    }
    swap(&fresh, &grid)
    row = min(row - shift, size.rows - 1)
    if column >= size.columns { column = size.columns - 1 }
    pendingWrap = false
  }

  /// Lines of history that are wrapped anew with the screen, at most: a longer logical line is left in two parts.
  private static func pullLimit(_ rows: Int) -> Int { rows * 4 + 500 }

  private mutating func reflow(
    _ main: inout Grid, _ size: TerminalSize, _ cursor: inout Anchor, _ saved: inout SavedCursor,
    _ positions: inout [LinePosition]
  ) {
    let oldRows = main.rowCount
    let oldColumns = main.columnCount
    var last = oldRows - 1
    while last > cursor.row && main.rows[last].length == 0 { last -= 1 }
    let wasFull = last == oldRows - 1
    let top = history.total

    // The lines of history to take along: the beginning of the first row's line, and what fills a larger screen.
    var pulled = 0
    if size.columns != oldColumns { pulled = extendedToLineStart(0, size.rows) }
    var work = Reflow(width: size.columns)
    for _ in 0..<16 {
      work = Reflow(width: size.columns)
      decodeHistory(pulled, width: oldColumns, into: &work)
      for index in 0...last {
        let row = main.rows[index]
        work.append(
          row.cells, length: Int(row.length), isWrapped: row.flags & Row.wrapped != 0 && index < last,
          width: oldColumns)
      }
      work.layOut(
        size.columns, cursor: Anchor(row: pulled + cursor.row, column: cursor.column, isPending: cursor.isPending))
      let missing = size.rows - work.targets.count
      guard wasFull, missing > 0 else { break }
      let wished = min(pulled + missing, history.total - history.firstLine, Self.pullLimit(size.rows))
      if wished <= pulled { break }
      pulled = size.columns != oldColumns ? extendedToLineStart(wished, size.rows) : wished
    }
    let base = top - pulled

    let placed = work.place(
      Anchor(row: pulled + cursor.row, column: cursor.column, isPending: cursor.isPending), width: size.columns)
    let savedPlace = work.place(
      Anchor(row: pulled + max(saved.row, 0), column: max(saved.column, 0), isPending: saved.pendingWrap),
      width: size.columns)
    for index in positions.indices where positions[index].line >= base {
      let place = work.place(
        Anchor(row: positions[index].line - base, column: max(positions[index].column, 0)), width: size.columns)
      // A position is between characters, so the end of a full row is a position of that row.
      positions[index] = LinePosition(line: base + place.row, column: place.column + (place.isPending ? 1 : 0))
    }

    // The cursor's row stays on the screen, or what is printed next would land in another line. What stands below it and then finds no
    // room is cut.
    let leaving = min(max(0, work.targets.count - size.rows), max(0, placed.row))
    history.removeLast(pulled, decompress)
    var fresh = Grid(size)
    // As much more than a row as grids have.
    let line = UnsafeMutablePointer<Cell>.allocate(capacity: size.columns + 8)
    line.initialize(repeating: 0, count: size.columns + 8)
    defer { line.deallocate() }
    for (index, target) in work.targets.enumerated() {
      if index < leaving {
        let row = work.fill(target, line, width: size.columns)
        history.push(row, styles: styles, clusters: clusters, links: links)
      } else if index - leaving < size.rows {
        fresh.rows[index - leaving] = work.fill(
          target, fresh.rows[index - leaving].cells, width: size.columns)
      }
    }
    swap(&main, &fresh)
    cursor = Anchor(
      row: min(max(placed.row - leaving, 0), size.rows - 1), column: placed.column, isPending: placed.isPending)
    saved.row = min(max(savedPlace.row - leaving, 0), size.rows - 1)
    saved.column = savedPlace.column
    saved.pendingWrap = savedPlace.isPending
  }

  /// So many of the newest lines of history, and the older ones that the first of them continues.
  private mutating func extendedToLineStart(_ count: Int, _ rows: Int) -> Int {
    var count = count
    let limit = Self.pullLimit(rows)
    while count < limit {
      let line = history.total - count - 1
      guard line >= history.firstLine, isHistoryWrapped(line) else { break }
      count += 1
    }
    return count
  }

  private mutating func isHistoryWrapped(_ line: Int) -> Bool {
    var isWrapped = false
    _ = history.withLine(line, decompress) { encoded, _ in isWrapped = encoded.isWrapped }
    return isWrapped
  }

  /// The newest lines of history as cells.
  private mutating func decodeHistory(_ count: Int, width: Int, into work: inout Reflow) {
    guard count > 0 else { return }
    var history = History(byteLimit: 0, lineLimit: 0)
    swap(&history, &self.history)
    var cells: [Cell] = []
    for line in (history.total - count)..<history.total {
      cells.removeAll(keepingCapacity: true)
      var isWrapped = false
      _ = history.withLine(line, decompress) { encoded, tables in
        isWrapped = encoded.isWrapped
        decode(encoded, tables, into: &cells)
      }
      cells.withUnsafeBufferPointer { cells in
        // The line's own length tells how wide the screen was when it wrapped.
        withUnsafePointer(to: Cell(0)) { none in
          work.append(cells.baseAddress ?? none, length: cells.count, isWrapped: isWrapped, width: cells.count)
        }
      }
    }
    swap(&history, &self.history)
  }

  private mutating func decode(_ line: HistoryLine, _ tables: History.Tables, into cells: inout [Cell]) {
    var elements = HistoryCells(line.text)
    while let element = elements.next() {
      if element.isLeadSpacer {
        cells.append(CellBits.leadSpacer)
        continue
      }
      let cell = element.scalar != 0 ? Cell(element.scalar) : clusters.intern(element.text)
      if element.width == 2 {
        cells.append(cell | CellBits.wide)
        cells.append(CellBits.tail)
      } else {
        cells.append(cell)
      }
    }
    var position = 0
    line.forEachRun { run in
      var rendition: Cell = 0
      if run.style >= 0 && run.style < tables.styles.count {
        rendition = UInt64(styles.internWithoutSweep(tables.styles[run.style])) << CellBits.styleShift
      }
      if run.link >= 0 && run.link < tables.links.count {
        rendition |= UInt64(links.intern(tables.links[run.link]) ?? 0) << CellBits.linkShift
      }
      let end = min(position + run.columns, cells.count)
      while position < end {
        cells[position] |= rendition
        position += 1
      }
    }
  }
}
