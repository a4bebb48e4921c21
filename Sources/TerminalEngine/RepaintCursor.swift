// The end of a picture: the cursor, and what stands behind the last character that was printed.

extension Terminal {
  /// How the last character comes to be the last one that the other terminal prints too, for REP and for what joins it.
  private struct LastCharacter {
    /// Where it stands in the cursor's row, and its cell.
    var column: Int
    var cell: Cell
    /// What of it is printed with the cell's own look, before the pen is set: joiners can be printed with any.
    var head: [UInt8]
    var tail: [UInt8]
    /// The set (2 or 3) through which it was printed alone; 0 for none.
    var singleShift: Int

    var width: Int { cell.isWide ? 2 : 1 }
  }

  /// Nil when there is none, or when it is not to be seen any more.
  private func lastCharacter() -> LastCharacter? {
    guard lastScalar != 0, let column = previousColumn() else { return nil }
    let cell = grid.rows[row].cells[column]
    var text: [UInt8] = []
    if cell.isCluster {
      text.append(contentsOf: clusters.text(Int(cell & CellBits.scalar)))
    } else {
      guard cell & CellBits.scalar == UInt64(lastScalar) else { return nil }
      UTF8Text.forEachByte(of: lastScalar) { text.append($0) }
    }
    var last = LastCharacter(column: column, cell: cell, head: [], tail: text, singleShift: charsets.single)
    // U+200D
    if let joiner = text.indices.first(where: { text[$0...].starts(with: [0xE2, 0x80, 0x8D]) }), joiner > 0 {
      last.head = Array(text[..<joiner])
      last.tail = Array(text[joiner...])
      return last
    }
    guard pendingWrap || column + last.width == self.column, let first = text.first, UInt64(cell.linkID) == penLink,
      penIsProtected == (cell & CellBits.protected != 0)
    else { return nil }
    if first < 0x80 {
      guard charsets.single == 0, let shift = charsets.shift(showing: first) else { return nil }
      last.singleShift = shift
    }
    return last
  }

  /// Margins and modes are set; the other terminal's pen and charsets are plain. This ends the stream: the last character, the pending
  /// wrap and a single shift do not outlive another sequence.
  func paintCursor(_ out: inout RepaintStream) {
    let last = lastCharacter()
    // A joiner at the left margin joins what stands before it, where origin mode does not go.
    let isOutside = modeSet.contains(.origin) && (last?.column ?? column) < leftMargin
    if isOutside, let last { paintHead(last, &out) }
    if modeSet.contains(.origin) { out.add("\u{1B}[?6h") }
    if let last, last.head.isEmpty {
      out.set(rendition: last.cell & CellBits.rendition, styles: styles, links: links)
      out.set(protected: penIsProtected)
      paintCharsetsAndInsertion(&out)
      move(row, last.column, &out)
      // It is inserted once more: what it pushes away is what is taken here.
      if modeSet.contains(.insert) { out.add("\u{1B}[\(insertedWidth(of: last))P") }
      charsets.appendSingleShift(last.singleShift, to: &out.bytes)
      out.bytes.append(contentsOf: last.tail)
      // Where REP would repeat it the pen is still the one it was printed with: SGR ends that.
      out.set(pen: pen, styles: styles)
      return
    }
    if let last {
      if !isOutside { paintHead(last, &out) }
      // A joiner alone may have come where the cursor had been moved into a wide character.
      if isOutside || !pendingWrap && column != last.column + last.width { move(row, column, &out) }
    } else if pendingWrap {
      paintPendingWrap(row, column, grid.rows, isMargin: limit(at: column) == column + 1, &out)
      // A control that moves nothing, so that what was printed is not repeated.
      out.bytes.append(0x0F)
    } else {
      move(row, column, &out)
    }
    out.set(rendition: penLink << CellBits.linkShift, styles: styles, links: links)
    out.set(protected: penIsProtected)
    out.set(pen: pen, styles: styles)
    paintCharsetsAndInsertion(&out)
    charsets.appendSingleShift(to: &out.bytes)
    if let last { out.bytes.append(contentsOf: last.tail) }
  }

  private func paintHead(_ last: LastCharacter, _ out: inout RepaintStream) {
    out.set(rendition: last.cell & CellBits.rendition, styles: styles, links: links)
    out.set(protected: last.cell & CellBits.protected != 0)
    if last.column < leftMargin {
      out.move(row: row + 1, column: last.column + 1)
    } else {
      move(row, last.column, &out)
    }
    out.bytes.append(contentsOf: last.head)
  }

  /// The columns that were pushed away: a character that grew wide afterwards took its second one from the next.
  private func insertedWidth(of last: LastCharacter) -> Int {
    let base = last.tail.withUnsafeBufferPointer { text in
      var text = text
      return UTF8Text.next(&text) ?? 0
    }
    return max(1, Int(WidthTable.properties(of: base) & WidthTable.widthMask))
  }

  private func paintCharsetsAndInsertion(_ out: inout RepaintStream) {
    charsets.appendSetup(to: &out.bytes)
    if modeSet.contains(.insert) { out.add("\u{1B}[4h") }
  }

  /// CUP as the present origin counts it.
  private func move(_ row: Int, _ column: Int, _ out: inout RepaintStream) {
    let isOrigin = modeSet.contains(.origin)
    out.move(row: row - (isOrigin ? topMargin : 0) + 1, column: column - (isOrigin ? leftMargin : 0) + 1)
  }

  /// Puts the other terminal's cursor to a place with a wrap pending, which only printing there does: what is there, or a blank
  /// where nothing has been painted yet.
  /// - Parameter isMargin: lines of that terminal end in this column. Where they do not, a margin is set for the time of it, unless there
  ///   are others already: there the wrap is not pending afterwards.
  func paintPendingWrap(
    _ row: Int, _ column: Int, _ lines: UnsafeMutablePointer<Row>?, isMargin: Bool, _ out: inout RepaintStream
  ) {
    // No lines: this is a saved cursor, and the other terminal has the margins and modes of a reset.
    let isActive = lines == grid.rows
    // Nothing but CBT leaves a margin with the wrap pending: that is done again where the tab stops are still the same.
    if !isMargin, isActive, let tabs = backTabs(from: limit(at: column) - 1, to: column) {
      paintPendingWrap(row, limit(at: column) - 1, lines, isMargin: true, &out)
      out.add("\u{1B}[\(tabs)Z")
      return
    }
    // A margin cannot be set in the first column alone.
    if !isMargin, !isActive, column == 0 {
      paintPendingWrap(row, 1, lines, isMargin: columns == 2, &out)
      out.add("\u{1B}[Z")
      return
    }
    let needsMargin = !isMargin && column > 0 && (!isActive || leftMargin == 0 && rightMargin == columns - 1)
    if needsMargin { out.add("\u{1B}[?69h\u{1B}[1;\(column + 1)s") }
    var position = column
    if let lines, column > 0, lines[row].cells[column].isTail { position -= 1 }
    if isActive { move(row, position, &out) } else { out.move(row: row + 1, column: position + 1) }
    if let lines {
      _ = paint(
        lines[row].cells[position], isLast: position == column && (!isActive || modeSet.contains(.autowrap)), &out)
    } else {
      out.bytes.append(0x20)
    }
    if isActive { out.set(joinsClusters: modeSet.contains(.graphemeClusters)) }
    if needsMargin {
      out.add("\u{1B}[?69l")
      if isActive && modeSet.contains(.leftRightMargins) { out.add("\u{1B}[?69h") }
    }
  }

  /// How many tabs lead back from one column to another; nil when none stops there.
  private func backTabs(from start: Int, to end: Int) -> Int? {
    let left = modeSet.contains(.origin) ? leftMargin : 0
    guard end < start, end == left || end > left && tabStops[end] else { return nil }
    var tabs = 1
    for column in (end + 1)..<start where tabStops[column] { tabs += 1 }
    return tabs
  }
}
