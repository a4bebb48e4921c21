// Erasing. Erased cells take the pen's background (xterm's and the Linux console's "BCE").

extension Terminal {
  /// A whole row, its wrapping too.
  @inline(__always)
  mutating func clearRow(_ index: Int) {
    let line = grid.rows + index
    if eraseCell == 0 {
      line.pointee.cells.update(repeating: 0, count: Int(line.pointee.length))
      line.pointee.length = 0
      line.pointee.flags = 0
    } else {
      line.pointee.cells.update(repeating: eraseCell, count: columns)
      line.pointee.length = Int32(truncatingIfNeeded: columns)
      line.pointee.flags = Row.styled
    }
  }

  /// Blanks cells without looking at what stood at the edges.
  @inline(__always)
  mutating func fill(_ index: Int, _ first: Int, _ end: Int) {
    let line = grid.rows + index
    let length = Int(line.pointee.length)
    if eraseCell == 0 {
      if first < length {
        (line.pointee.cells + first).update(repeating: 0, count: min(end, length) - first)
        if end >= length { line.pointee.length = Int32(truncatingIfNeeded: first) }
      }
    } else {
      (line.pointee.cells + first).update(repeating: eraseCell, count: end - first)
      if end > length { line.pointee.length = Int32(truncatingIfNeeded: end) }
      line.pointee.flags |= Row.styled
    }
    touch(index)
  }

  /// Blanks cells; protected ones too.
  @inline(__always)
  mutating func erase(_ index: Int, _ first: Int, _ end: Int) {
    guard first < end else { return }
    let line = grid.rows + index
    if line.pointee.flags & Row.unicode != 0 { splitWide(line.pointee.cells, first, end) }
    fill(index, first, end)
    if end >= columns { line.pointee.flags &= ~Row.wrapped }
  }

  /// The line above no longer goes on in this row: rows came between the two, or the row is another now. Above the screen that is
  /// the newest line of the history.
  mutating func tear(above index: Int) {
    if index > 0 {
      guard grid.rows[index - 1].flags & Row.wrapped != 0 else { return }
      grid.rows[index - 1].flags &= ~Row.wrapped
      touch(index - 1)
    } else if !isAlternateScreen {
      history.tearLast(decompress)
    }
  }

  /// A rectangle function has written these columns of a row: its text ends here when the last one is among them, and it is no
  /// continuation any more when all are.
  mutating func tearOverwritten(_ index: Int, _ left: Int, _ right: Int) {
    guard right >= columns - 1 else { return }
    grid.rows[index].flags &= ~Row.wrapped
    if left == 0 { tear(above: index) }
  }

  /// What of a row an erasure spares.
  enum Sparing {
    case nothing
    /// DECSERA where cells are protected by SPA, which is nothing to it, and all selective ones after a reset: text goes, style stays.
    case nothingButStyle
    /// DECSEL, DECSED, DECSERA: protected cells; the others lose their text and keep their style.
    case protectedKeepingStyle
    /// ED, EL and ECH when cells are protected by SPA.
    case protected
  }

  /// ISO protection holds against ED, EL and ECH, and in xterm against the selective erasures too; DEC protection against the
  /// selective ones alone.
  func sparing(selective: Bool) -> Sparing {
    if selective { return protection == .none ? .nothingButStyle : .protectedKeepingStyle }
    return protection == .iso ? .protected : .nothing
  }

  /// Returns whether everything went, so that nothing was spared.
  @discardableResult
  mutating func erase(_ index: Int, _ first: Int, _ end: Int, _ sparing: Sparing) -> Bool {
    guard sparing != .nothing else {
      erase(index, first, end)
      return true
    }
    let line = grid.rows + index
    let cells = line.pointee.cells
    let spared = sparing == .nothingButStyle ? 0 : CellBits.protected
    var isComplete = true
    for position in first..<max(first, end) {
      if cells[position] & spared != 0 {
        isComplete = false
        continue
      }
      // A wide character goes as a whole, and its halves are protected alike.
      let blank = sparing == .protected ? eraseCell : cells[position] & CellBits.rendition
      if cells[position].isWide && position + 1 == end && end < columns { cells[end] &= CellBits.rendition }
      if cells[position].isTail && position == first && first > 0 { cells[first - 1] &= CellBits.rendition }
      cells[position] = blank
      if blank != 0 && position >= Int(line.pointee.length) {
        line.pointee.length = Int32(truncatingIfNeeded: position + 1)
        line.pointee.flags |= Row.styled
      }
    }
    if end >= columns && isComplete { line.pointee.flags &= ~Row.wrapped }
    touch(index)
    return isComplete
  }

  /// EL and DECSEL. All of them clear a pending wrap, by DEC STD 070 and in xterm; not there where protected cells of the row were
  /// spared to the left.
  mutating func eraseLine(_ part: Int, selective: Bool = false) {
    settlePen()
    spend(columns)
    let spared = sparing(selective: selective)
    if !isAlternateScreen, part == 2 || part == 0 && row == 0 && column == 0 {
      events.append(.cleared(line: screenTop))
    }
    switch part {
    case 0:
      erase(row, column, columns, spared)
      pendingWrap = false
    case 1: if erase(row, 0, column + 1, spared) { pendingWrap = false }
    case 2:
      if erase(row, 0, columns, spared) {
        tear(above: row)
        pendingWrap = false
      }
    default: break
    }
  }

  /// ED and DECSED; 3 is xterm's "erase saved lines".
  mutating func eraseDisplay(_ part: Int, selective: Bool = false) {
    settlePen()
    let spared = sparing(selective: selective)
    if !isAlternateScreen, part == 2 || part == 0 && row == 0 && column == 0 {
      events.append(.cleared(line: screenTop))
    }
    switch part {
    case 0:
      erase(row, column, columns, spared)
      eraseRows(row + 1, rows, spared)
      pendingWrap = false
    case 1:
      eraseRows(0, row, spared)
      if erase(row, 0, column + 1, spared) { pendingWrap = false }
    case 2:
      eraseRows(0, rows, spared)
      pendingWrap = false
    case 3 where !selective: clearHistory()
    default: break
    }
  }

  private mutating func eraseRows(_ first: Int, _ end: Int, _ sparing: Sparing) {
    guard first < end else { return }
    spend((end - first) * columns)
    tear(above: first)
    touch(first, through: end - 1)
    for index in first..<end {
      if sparing == .nothing { clearRow(index) } else { erase(index, 0, columns, sparing) }
    }
  }

  /// ECH.
  mutating func eraseCharacters(_ count: Int) {
    settlePen()
    spend(min(columns, count))
    erase(row, column, min(columns, column + count), sparing(selective: false))
    pendingWrap = false
  }

  /// Forgets the lines above the main screen. Line numbers go on.
  package mutating func clearHistory() {
    history.clear()
  }
}
