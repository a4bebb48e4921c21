// The rows and cells of a picture of the screen.

extension Terminal {
  /// Paints a row and says whether the cursor of the other terminal is left behind a full row that goes on. That terminal wraps lines,
  /// has the margins of the screen, and nothing in the row.
  func paintRow(
    _ lines: UnsafeMutablePointer<Row>, _ index: Int, continuing: Bool, _ out: inout RepaintStream
  ) -> Bool {
    let row = lines[index]
    var end = Int(row.length)
    while end > 0 && row.cells[end - 1] == 0 { end -= 1 }
    let isSpacer = endsInSpacer(lines, index)
    if isSpacer { end -= 1 }
    guard end > 0 else { return false }
    // Only text that begins with a visible cell can go on by wrapping.
    if !continuing { out.move(row: index + 1, column: 1) }
    var position = 0
    var isExact = true
    while position < end {
      let cell = row.cells[position]
      let width = cell.isWide ? 2 : 1
      if cell.isTail {
        // Half a character cannot be painted.
        position += 1
        continue
      }
      if isExact && position > 0 && mayJoin(cell) { out.move(column: position + 1) }
      isExact = paint(cell, isLast: position == columns - 1, &out)
      position += width
      if !isExact && position < columns { out.move(column: position + 1) }
    }
    guard isExact && row.flags & Row.wrapped != 0 && index + 1 < rows else { return false }
    let next = lines[index + 1]
    guard next.length > 0, next.cells[0] != 0, !next.cells[0].isLeadSpacer, !mayJoin(next.cells[0]) else {
      return false
    }
    return position >= columns || isSpacer && next.cells[0].isWide
  }

  /// Whether the row ends in the blank that a wide character in the next row leaves when it is printed again. One that is
  /// drawn otherwise, or whose character is gone, is painted as a blank.
  private func endsInSpacer(_ lines: UnsafeMutablePointer<Row>, _ index: Int) -> Bool {
    let row = lines[index]
    guard Int(row.length) == columns, index + 1 < rows else { return false }
    let last = row.cells[columns - 1]
    let next = lines[index + 1].cells[0]
    return last.isLeadSpacer && last & CellBits.rendition == 0 && next.isWide && !next.isCluster && !next.isHalfFlag
      && styles[next.styleID].background.isDefault
  }

  /// Whether a cell begins with a scalar that would be joined to the character printed before it.
  private func mayJoin(_ cell: Cell) -> Bool {
    guard cell.isCluster || cell & CellBits.scalar >= 0x80 else { return false }
    var scalar = UInt32(truncatingIfNeeded: cell & CellBits.scalar)
    if cell.isCluster {
      var text = clusters.text(Int(cell & CellBits.scalar))
      scalar = UTF8Text.next(&text) ?? 0
    }
    return WidthTable.properties(of: scalar) & (WidthTable.modifier | WidthTable.regionalIndicator) != 0
  }

  /// Paints a cell that is not ASCII where there are too many bytes already; `nil` where it is to be painted as ever.
  private func paintPlain(_ cell: Cell, _ out: inout RepaintStream) -> Bool? {
    guard cell.isCluster || cell & CellBits.scalar >= 0x80 else { return nil }
    if out.isASCII {
      out.bytes.append(0x3F)
      if cell.isWide { out.bytes.append(0x3F) }
      return true
    }
    guard cell.isCluster else { return nil }
    var text = clusters.text(Int(cell & CellBits.scalar))
    UTF8Text.forEachByte(of: UTF8Text.next(&text) ?? 0x3F) { out.bytes.append($0) }
    return false
  }

  /// Paints one cell; false when another terminal may take it for a different number of columns, or join it to the next.
  /// - Parameter isLast: in the last column the other terminal would take a character that grows wide to the next row, where here it
  ///   stayed narrow. Nothing wraps for its time.
  func paint(_ cell: Cell, isLast: Bool = false, _ out: inout RepaintStream) -> Bool {
    out.set(rendition: cell & CellBits.rendition, styles: styles, links: links)
    out.set(protected: cell & CellBits.protected != 0 && !out.isPlain)
    if out.isPlain, let isExact = paintPlain(cell, &out) { return isExact }
    if cell.isCluster {
      out.set(joinsClusters: isJoined(cell))
      if isLast { out.add("\u{1B}[?7l") }
      out.bytes.append(contentsOf: clusters.text(Int(cell & CellBits.scalar)))
      if isLast { out.add("\u{1B}[?7h") }
      return false
    }
    let scalar = UInt32(truncatingIfNeeded: cell & CellBits.scalar)
    if scalar < 0x80 {
      out.bytes.append(scalar == 0 ? 0x20 : UInt8(truncatingIfNeeded: scalar))
      return true
    }
    out.set(joinsClusters: isJoined(cell))
    UTF8Text.forEachByte(of: scalar) { out.bytes.append($0) }
    let properties = WidthTable.properties(of: scalar)
    return properties & ~(WidthTable.widthMask | WidthTable.variationCapable | WidthTable.pictographic) == 0
  }
}
