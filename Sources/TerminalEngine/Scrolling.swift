// Moving rows, and moving cells inside rows.

extension Terminal {
  /// Moves the rows of the region up. Lines leave into the history when the region begins at the top of the main screen.
  ///
  /// Rows that stood together and no longer do are two lines from now on. `continues` says that the last row wraps into the one
  /// that comes in.
  mutating func scrollUp(_ count: Int, from top: Int, to bottom: Int, intoHistory: Bool, continues: Bool = false) {
    guard top <= bottom, count > 0 else { return }
    settlePen()
    if !continues { grid.rows[bottom].flags &= ~Row.wrapped }
    if top > 0 || !intoHistory { tear(above: top) }
    touch(top, through: bottom)
    guard leftMargin == 0 && rightMargin == columns - 1 else {
      moveColumns(count, from: top, to: bottom, up: true)
      return
    }
    let keeps = intoHistory && top == 0 && !isAlternateScreen
    let rows = grid.rows
    if count == 1 {
      let cells = bottom &- top &+ columns
      if cells > Self.paidByLine { spend(cells) }
      if keeps { pushHistory(0) }
      let first = rows[top]
      if bottom > top { (rows + top).update(from: rows + top + 1, count: bottom - top) }
      rows[bottom] = first
      clearRow(bottom)
      return
    }
    let count = min(count, bottom - top + 1)
    spend((keeps ? 4 : 1) * count * columns + bottom - top)
    if keeps {
      for index in 0..<count { pushHistory(index) }
    }
    rotate(top, top + count, bottom + 1)
    for index in (bottom + 1 - count)...bottom { clearRow(index) }
  }

  mutating func scrollDown(_ count: Int, from top: Int, to bottom: Int) {
    guard top <= bottom, count > 0 else { return }
    settlePen()
    tear(above: top)
    touch(top, through: bottom)
    guard leftMargin == 0 && rightMargin == columns - 1 else {
      moveColumns(count, from: top, to: bottom, up: false)
      return
    }
    let rows = grid.rows
    if count == 1 {
      spend(bottom - top + columns)
      let last = rows[bottom]
      if bottom > top { (rows + top + 1).update(from: rows + top, count: bottom - top) }
      rows[top] = last
      clearRow(top)
      // What it went on in is gone.
      rows[bottom].flags &= ~Row.wrapped
      return
    }
    let count = min(count, bottom - top + 1)
    spend(count * columns + bottom - top)
    rotate(top, bottom + 1 - count, bottom + 1)
    rows[bottom].flags &= ~Row.wrapped
    for index in top..<(top + count) { clearRow(index) }
  }

  /// Brings the row at `middle` to `first`, and the rows before it behind the others.
  private func rotate(_ first: Int, _ middle: Int, _ end: Int) {
    reverse(first, middle)
    reverse(middle, end)
    reverse(first, end)
  }

  private func reverse(_ first: Int, _ end: Int) {
    var low = first
    var high = end - 1
    let rows = grid.rows
    while low < high {
      let row = rows[low]
      rows[low] = rows[high]
      rows[high] = row
      low += 1
      high -= 1
    }
  }

  /// Scrolling between left and right margins moves cells.
  private mutating func moveColumns(_ count: Int, from top: Int, to bottom: Int, up: Bool) {
    let width = rightMargin - leftMargin + 1
    let height = bottom - top + 1
    let count = min(count, height)
    spend(height * (width + Self.costOfRow))
    tear(above: top)
    for step in 0..<height {
      let target = up ? top + step : bottom - step
      let source = up ? target + count : target - count
      grid.rows[target].flags &= ~Row.wrapped
      if source >= top && source <= bottom {
        copyCells(from: source, leftMargin, to: target, leftMargin, count: width)
      } else {
        erase(target, leftMargin, rightMargin + 1)
      }
    }
  }

  /// What a line feed may cost, in cells, without being counted: on screens as people have them it is what printing a line costs.
  private static let paidByLine = 256

  /// What it costs to move cells of a row however few they are, in cells.
  private static let costOfRow = 16

  /// Copies cells between rows (or inside one), mending wide characters cut at either edge.
  mutating func copyCells(from source: Int, _ sourceColumn: Int, to target: Int, _ targetColumn: Int, count: Int) {
    guard count > 0 else { return }
    let from = grid.rows + source
    let to = grid.rows + target
    let cells = to.pointee.cells + targetColumn
    let end = targetColumn + count
    // What the copy cuts at its ends may be what is copied, so it is cut afterwards.
    let cutsFirst = targetColumn > 0 && cells[0].isTail
    let cutsLast = end < columns && cells[count].isTail
    cells.update(from: from.pointee.cells + sourceColumn, count: count)
    if cutsFirst { cells[-1] &= ~(CellBits.token | CellBits.wide) }
    if cutsLast { cells[count] &= ~(CellBits.token | CellBits.tail) }
    if from.pointee.flags & Row.unicode != 0 {
      if cells[0].isTail { cells[0] &= ~(CellBits.token | CellBits.tail) }
      if cells[count - 1].isWide { cells[count - 1] &= ~(CellBits.token | CellBits.wide | CellBits.cluster) }
    }
    to.pointee.flags |= from.pointee.flags & ~Row.wrapped
    let written = min(end, Int(from.pointee.length) - sourceColumn + targetColumn)
    if written > Int(to.pointee.length) { to.pointee.length = Int32(truncatingIfNeeded: written) }
    touch(target)
  }

  /// IL.
  mutating func insertLines(_ count: Int) {
    guard isInsideMargins else { return }
    scrollDown(count, from: row, to: bottomMargin)
    column = leftMargin
    pendingWrap = false
  }

  /// DL. Lines deleted at the top of the screen are gone: only scrolling makes history.
  mutating func deleteLines(_ count: Int) {
    guard isInsideMargins else { return }
    scrollUp(count, from: row, to: bottomMargin, intoHistory: false)
    column = leftMargin
    pendingWrap = false
  }

  /// ICH.
  mutating func insertCharacters(_ count: Int) {
    settlePen()
    guard isInsideColumns else { return }
    shiftRight(row, column, count)
  }

  /// DCH.
  mutating func deleteCharacters(_ count: Int) {
    settlePen()
    guard isInsideColumns else { return }
    shiftLeft(row, column, count)
    grid.rows[row].flags &= ~Row.wrapped
  }

  /// Blanks both halves of a wide character that lies across the border before `column`.
  private func cutWide(_ cells: UnsafeMutablePointer<Cell>, _ column: Int) {
    guard column > 0 && column < columns && cells[column].isTail else { return }
    cells[column - 1] &= ~(CellBits.token | CellBits.wide)
    cells[column] &= ~(CellBits.token | CellBits.tail)
  }

  /// Makes room at `start`: cells up to the right margin move right, blanks come in.
  private mutating func shiftRight(_ index: Int, _ start: Int, _ wished: Int) {
    let end = rightMargin + 1
    let count = min(wished, end - start)
    guard count > 0 else { return }
    let moved = end - start - count
    spend(end - start + Self.costOfRow)
    let line = grid.rows + index
    let cells = line.pointee.cells
    if line.pointee.flags & Row.unicode != 0 {
      cutWide(cells, start)
      cutWide(cells, end)
      if moved > 0 && cells[start + moved - 1].isWide {
        cells[start + moved - 1] &= ~(CellBits.token | CellBits.wide)
      }
    }
    (cells + start + count).update(from: cells + start, count: moved)
    let length = Int(line.pointee.length)
    if length > start {
      line.pointee.length = Int32(truncatingIfNeeded: max(length, min(end, length + count)))
    }
    fill(index, start, start + count)
  }

  /// Takes cells away at `start`: the rest up to the right margin moves left, blanks come in at the margin.
  private mutating func shiftLeft(_ index: Int, _ start: Int, _ wished: Int) {
    let end = rightMargin + 1
    let count = min(wished, end - start)
    guard count > 0 else { return }
    spend(end - start + Self.costOfRow)
    let line = grid.rows + index
    let cells = line.pointee.cells
    if line.pointee.flags & Row.unicode != 0 {
      cutWide(cells, start)
      cutWide(cells, start + count)
      cutWide(cells, end)
    }
    (cells + start).update(from: cells + start + count, count: end - start - count)
    fill(index, end - count, end)
  }

  /// SL and SR, DECIC and DECDC, and the ends of DECBI and DECFI: columns move in every row of the region.
  mutating func shiftColumns(_ count: Int, at start: Int, toRight: Bool) {
    guard isInsideMargins else { return }
    settlePen()
    tear(above: topMargin)
    for index in topMargin...bottomMargin {
      if toRight { shiftRight(index, start, count) } else { shiftLeft(index, start, count) }
      grid.rows[index].flags &= ~Row.wrapped
    }
  }

  /// DECBI; away from the margin it is BS.
  mutating func backIndex() {
    if column == leftMargin {
      shiftColumns(1, at: leftMargin, toRight: true)
      pendingWrap = false
    } else {
      backspace()
    }
  }

  /// DECFI. As in xterm a pending wrap stays pending.
  mutating func forwardIndex() {
    if column == rightMargin {
      shiftColumns(1, at: leftMargin, toRight: false)
    } else if column < columns - 1 {
      column += 1
    }
  }

  /// Gives a row of the main screen to the history.
  @inline(__always)
  mutating func pushHistory(_ index: Int) {
    history.push(grid.rows[index], styles: styles, clusters: clusters, links: links)
  }
}
