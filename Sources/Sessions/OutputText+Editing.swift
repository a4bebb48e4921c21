import TerminalEngine

// Moving about in the window and erasing in it: what the engine does with the same sequences (ECMA-48 §8.3 and xterm's "Control
// Sequences"), for text alone and without a right margin.

extension OutputText {
  /// A C0 control other than CR, LF and ESC.
  mutating func control(_ byte: UInt8) {
    guard !isMuted && !isAlternateScreen else { return }
    lastScalar = 0
    switch byte {
    case 0x08: if column > 0 { column -= 1 }
    case 0x09: tab()
    case 0x0A, 0x0B, 0x0C: lineFeed()
    case 0x0D: column = 0
    case 0x0E: isShiftedOut = true
    case 0x0F: isShiftedOut = false
    default: break
    }
  }

  /// ESC and a final byte.
  mutating func dispatchEscape(_ final: UInt8) {
    guard !isMuted else { return }
    lastScalar = 0
    if final == 0x63 {
      reset()
      return
    }
    guard !isAlternateScreen else { return }
    switch final {
    case 0x37: saved = (row, column)
    case 0x38: restoreCursor(saved)
    case 0x44: index()
    case 0x45:
      index()
      column = 0
    case 0x4D:
      if row == topMargin { insertLines(1, at: topMargin, through: bottomMargin) } else if row > 0 { row -= 1 }
    default: break
    }
  }

  /// ESC, an intermediate byte and a final byte: which sets of characters G0 and G1 are.
  mutating func dispatchEscape(_ intermediate: UInt8, _ final: UInt8) {
    guard !isMuted, !isAlternateScreen else { return }
    lastScalar = 0
    switch intermediate {
    case 0x28: drawsLines.g0 = final == 0x30
    case 0x29: drawsLines.g1 = final == 0x30
    default: break
    }
  }

  /// A parameter that is a count or a position: absent and 0 mean `fallback`.
  private func argument(_ index: Int, default fallback: Int = 1) -> Int {
    index < parameterCount && parameters[index] > 0 ? parameters[index] : fallback
  }

  mutating func dispatchControlSequence(_ final: UInt8) {
    guard !isMuted else { return }
    let repeated = lastScalar
    lastScalar = 0
    if intermediate == 0, final == 0x68 || final == 0x6C {
      setModes(final == 0x68)
      return
    }
    guard !isAlternateScreen else { return }
    if intermediate == 0x21, final == 0x70 { softReset() }
    guard intermediate == 0 else { return }
    guard privateMarker == 0 else {
      // DECSED and DECSEL: nothing here is protected.
      if privateMarker == 0x3F, final == 0x4A { eraseDisplay(parameters[0]) }
      if privateMarker == 0x3F, final == 0x4B { eraseLine(parameters[0]) }
      return
    }
    switch final {
    case 0x40: if row < count { insertBlanks(argument(0), in: line(row)) }
    case 0x41: moveUp(argument(0))
    case 0x42: moveDown(argument(0))
    case 0x43, 0x61: column = max(column, min(column + argument(0), columns - 1))
    case 0x44: column = max(0, column - argument(0))
    case 0x45:
      moveDown(argument(0))
      column = 0
    case 0x46:
      moveUp(argument(0))
      column = 0
    case 0x47, 0x60: column = min(argument(0), columns) - 1
    case 0x48, 0x66:
      row = min(argument(0), rows) - 1
      column = min(argument(1), columns) - 1
    case 0x49:
      for _ in 0..<min(argument(0), columns) where column < columns - 1 {
        column = min((column / OutputText.tabWidth + 1) * OutputText.tabWidth, columns - 1)
      }
    case 0x4A: eraseDisplay(parameters[0])
    case 0x4B: eraseLine(parameters[0])
    case 0x4C:
      if row >= topMargin && row <= bottomMargin {
        insertLines(argument(0), at: row, through: bottomMargin)
        column = 0
      }
    case 0x4D:
      if row >= topMargin && row <= bottomMargin {
        removeLines(argument(0), at: row, through: bottomMargin)
        column = 0
      }
    case 0x50: if row < count { deleteCharacters(argument(0), in: line(row)) }
    case 0x53: scrollUp(argument(0), from: topMargin, to: bottomMargin)
    case 0x54: if parameterCount <= 1 { insertLines(argument(0), at: topMargin, through: bottomMargin) }
    case 0x58: if row < count { erase(line(row), column, column + argument(0)) }
    case 0x5A:
      for _ in 0..<min(argument(0), columns) where column > 0 {
        column = (column - 1) / OutputText.tabWidth * OutputText.tabWidth
      }
    case 0x62: repeatCharacter(repeated, argument(0))
    case 0x64: row = min(argument(0), rows) - 1
    case 0x65: row = min(row + argument(0), rows - 1)
    case 0x72: setMargins(argument(0) - 1, min(argument(1, default: rows), rows) - 1)
    case 0x73: saved = (row, column)
    case 0x75: restoreCursor(saved)
    default: break
    }
  }

  private mutating func moveUp(_ amount: Int) {
    row = max(row >= topMargin ? topMargin : 0, row - amount)
  }

  private mutating func moveDown(_ amount: Int) {
    row = min(row <= bottomMargin ? bottomMargin : rows - 1, row + amount)
  }

  private mutating func restoreCursor(_ place: (row: Int, column: Int)) {
    row = min(place.row, rows - 1)
    column = place.column
  }

  /// DECSTBM.
  private mutating func setMargins(_ top: Int, _ bottom: Int) {
    guard top < bottom, bottom < rows else { return }
    topMargin = top
    bottomMargin = bottom
    row = 0
    column = 0
  }

  private mutating func setModes(_ on: Bool) {
    for index in 0..<parameterCount {
      switch (privateMarker, parameters[index]) {
      case (0, 4): isInserting = on
      case (0, 20): isNewLine = on
      case (0x3F, 47), (0x3F, 1047): isAlternateScreen = on
      case (0x3F, 1048) where !isAlternateScreen:
        if on { saved = (row, column) } else { restoreCursor(saved) }
      case (0x3F, 1049):
        if on && !isAlternateScreen { saved = (row, column) }
        if !on && isAlternateScreen { restoreCursor(saved) }
        isAlternateScreen = on
      default: break
      }
    }
  }

  /// DECSTR.
  private mutating func softReset() {
    isInserting = false
    topMargin = 0
    bottomMargin = rows - 1
    saved = (0, 0)
    drawsLines = (false, false)
    isShiftedOut = false
  }

  /// RIS.
  private mutating func reset() {
    isAlternateScreen = false
    isNewLine = false
    softReset()
    clearWindow()
    column = 0
  }

  /// ED. What a program clears away is no output, and neither are the blank lines that it leaves. (3 erases what is above the screen.)
  private mutating func eraseDisplay(_ part: Int) {
    switch part {
    case 0:
      guard row < count else { return }
      erase(line(row), column, OutputText.longestLine)
      count = row + 1
    case 1:
      for index in 0..<min(row, count) { erase(line(index), 0, OutputText.longestLine) }
      if row < count { erase(line(row), 0, column + 1) }
    case 2: clearWindow()
    default: break
    }
  }

  /// EL.
  private mutating func eraseLine(_ part: Int) {
    guard row < count else { return }
    switch part {
    case 0: erase(line(row), column, OutputText.longestLine)
    case 1: erase(line(row), 0, column + 1)
    case 2: erase(line(row), 0, OutputText.longestLine)
    default: break
    }
  }

  private func erase(_ line: UnsafeMutablePointer<Line>, _ first: Int, _ end: Int) {
    let end = min(end, line.pointee.length)
    guard first < end else { return }
    if !line.pointee.isASCII { breakEdges(line, first, end) }
    if end == line.pointee.length {
      line.pointee.length = first
    } else {
      (cells(of: line) + first).update(repeating: 0, count: end - first)
      line.pointee.hasBlanks = true
    }
  }

  /// DCH.
  private func deleteCharacters(_ amount: Int, in line: UnsafeMutablePointer<Line>) {
    let length = line.pointee.length
    guard column < length else { return }
    let from = min(column + amount, length)
    breakEdges(line, column, from)
    let cells = cells(of: line)
    forgetTabs(line, from)
    (cells + column).update(from: cells + from, count: length - from)
    line.pointee.length = length - (from - column)
  }

  /// ICH, and every character in insert mode. Cells that are pushed behind the longest line are lost.
  func insertBlanks(_ amount: Int, in line: UnsafeMutablePointer<Line>) {
    let length = line.pointee.length
    guard column < length else { return }
    let amount = min(amount, OutputText.longestLine - column)
    breakEdges(line, column, column)
    forgetTabs(line, column)
    let kept = min(length - column, OutputText.longestLine - column - amount)
    breakEdges(line, column + kept, column + kept)
    let cells = cells(of: line)
    // From the end: the two stretches overlap.
    for index in stride(from: kept - 1, through: 0, by: -1) {
      cells[column + amount + index] = cells[column + index]
    }
    (cells + column).update(repeating: 0, count: amount)
    line.pointee.length = column + amount + kept
    line.pointee.hasBlanks = true
  }

  /// TABs that are moved are blanks from now on: elsewhere they would be of another width.
  private func forgetTabs(_ line: UnsafeMutablePointer<Line>, _ first: Int) {
    guard !line.pointee.isASCII else { return }
    let cells = cells(of: line)
    for index in first..<max(first, line.pointee.length)
    where cells[index] == Cell.tab || cells[index] & Cell.tabTail != 0 {
      cells[index] = 0x20
    }
  }

  /// REP. No more than a line can hold.
  private mutating func repeatCharacter(_ scalar: UInt32, _ amount: Int) {
    guard scalar != 0, scalar != WidthTable.zeroWidthJoiner else { return }
    for _ in 0..<min(amount, OutputText.longestLine) { put(scalar) }
    // As in xterm only what came right before is repeated.
    lastScalar = 0
  }
}
