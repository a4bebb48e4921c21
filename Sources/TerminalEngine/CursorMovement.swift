// Moving the cursor, with and without scrolling, and the tab stops.

extension Terminal {
  @inline(__always) var isInsideColumns: Bool { column >= leftMargin && column <= rightMargin }
  @inline(__always) var isInsideMargins: Bool {
    row >= topMargin && row <= bottomMargin && isInsideColumns
  }

  @inline(__always)
  mutating func carriageReturn() {
    column = column >= leftMargin || modeSet.contains(.origin) ? leftMargin : 0
    pendingWrap = false
  }

  @inline(__always)
  mutating func lineFeed() {
    index()
    if modeSet.contains(.newLine) { column = column >= leftMargin ? leftMargin : 0 }
    pendingWrap = false
  }

  /// IND: down a line, scrolling at the bottom margin.
  @inline(__always)
  mutating func index() {
    if row == bottomMargin {
      if isInsideColumns { scrollUp(1, from: topMargin, to: bottomMargin, intoHistory: true) }
    } else if row < rows - 1 {
      row += 1
    }
  }

  /// RI: up a line, scrolling at the top margin.
  mutating func reverseIndex() {
    if row == topMargin {
      if isInsideColumns { scrollDown(1, from: topMargin, to: bottomMargin) }
    } else if row > 0 {
      row -= 1
    }
  }

  /// To a place on the screen, whatever the margins.
  mutating func placeCursor(row: Int, column: Int) {
    self.row = min(max(row, 0), rows - 1)
    self.column = min(max(column, 0), columns - 1)
    pendingWrap = false
  }

  /// CUP: from 0, counted from the margins in origin mode and kept inside them.
  @inline(__always)
  mutating func moveCursor(row newRow: Int, column newColumn: Int) {
    pendingWrap = false
    if modeSet.contains(.origin) {
      row = min(max(newRow + topMargin, topMargin), bottomMargin)
      column = min(max(newColumn + leftMargin, leftMargin), rightMargin)
    } else {
      row = min(max(newRow, 0), rows - 1)
      column = min(max(newColumn, 0), columns - 1)
    }
  }

  /// The cursor's place as CUP would count it.
  var relativeRow: Int { modeSet.contains(.origin) ? row - topMargin : row }
  var relativeColumn: Int { modeSet.contains(.origin) ? column - leftMargin : column }

  mutating func cursorUp(_ count: Int) {
    let top = row >= topMargin ? topMargin : 0
    row = max(top, row - count)
    pendingWrap = false
  }

  mutating func cursorDown(_ count: Int) {
    let bottom = row <= bottomMargin ? bottomMargin : rows - 1
    row = min(bottom, row + count)
    pendingWrap = false
  }

  mutating func cursorForward(_ count: Int) {
    let right = column <= rightMargin ? rightMargin : columns - 1
    column = min(right, column + count)
    pendingWrap = false
  }

  mutating func cursorBackward(_ count: Int) {
    if reversesWrap {
      // Once round the screen leads back to where it began.
      let round = columns * rows
      spend(min(count, 2 * round))
      for _ in 0..<(count < round ? count : round + (count - round) % round) { backspace() }
      return
    }
    let left = column >= leftMargin ? leftMargin : 0
    column = max(left, column - count)
    pendingWrap = false
  }

  private var reversesWrap: Bool {
    modeSet.contains(.autowrap) && !modeSet.isDisjoint(with: [.reverseWrap, .reverseWrapExtended])
  }

  /// BS. With reverse wrap (mode 45) it goes on at the end of the line before, and from the top of the region (or of the screen) at the
  /// end of the last one; a pending wrap counts as a column.
  mutating func backspace() {
    let wraps = reversesWrap
    if pendingWrap {
      pendingWrap = false
      if wraps { return }
    }
    let left = column >= leftMargin ? leftMargin : 0
    if column > left {
      column -= 1
    } else if wraps {
      row = row == topMargin && isInsideColumns ? bottomMargin : row > 0 ? row - 1 : rows - 1
      column = rightMargin
    }
  }

  /// CHT and HT. With xterm's "more" fix (mode 41) a pending wrap is made first, so that the tab is not lost.
  mutating func tab(_ count: Int) {
    if pendingWrap && modeSet.isSuperset(of: [.tabWraps, .autowrap]) { wrapLine() }
    let right = column <= rightMargin ? rightMargin : columns - 1
    for _ in 0..<min(count, columns) {
      if column >= right { break }
      column += 1
      while column < right && !tabStops[column] { column += 1 }
    }
  }

  /// CBT. As in xterm a pending wrap stays pending.
  mutating func backTab(_ count: Int) {
    let left = modeSet.contains(.origin) ? leftMargin : 0
    for _ in 0..<min(count, columns) {
      if column <= left { break }
      column -= 1
      while column > left && !tabStops[column] { column -= 1 }
    }
  }

  /// TBC.
  mutating func clearTabStops(_ which: Int) {
    if which == 0 {
      tabStops[column] = false
    } else if which == 3 {
      tabStops.update(repeating: false, count: columns)
    }
  }

  /// A stop every eight columns.
  mutating func resetTabStops(from first: Int) {
    for index in first..<max(first, columns) { tabStops[index] = index > 0 && index & 7 == 0 }
  }

  /// DECSTBM.
  mutating func setTopBottomMargins(_ top: Int, _ bottom: Int) {
    guard top < bottom, bottom < rows else { return }
    topMargin = top
    bottomMargin = bottom
    moveCursor(row: 0, column: 0)
  }

  /// DECSLRM.
  mutating func setLeftRightMargins(_ left: Int, _ right: Int) {
    guard left < right, right < columns else { return }
    leftMargin = left
    rightMargin = right
    moveCursor(row: 0, column: 0)
  }
}
