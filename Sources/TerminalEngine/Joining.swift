// Characters that join the one before the cursor: accents, joiners, variation selectors, skin tones, flags.

extension Terminal {
  /// The column of the character before the cursor, or nil at the beginning of a line.
  func previousColumn() -> Int? {
    var previous = pendingWrap ? column : column - 1
    guard previous >= 0 else { return nil }
    if previous > 0 && grid.rows[row].cells[previous].isTail { previous -= 1 }
    return previous
  }

  /// Adds an emoji to the one before it where Unicode's rules make one picture of them (UAX #29, GB11 to GB13): after a
  /// joiner, a skin tone after a picture, the second letter of a flag. Returns false when it stands alone.
  mutating func joins(_ scalar: UInt32, _ properties: UInt8) -> Bool {
    guard lastScalar >= 0x80 else { return false }
    if properties & WidthTable.pictographic != 0 {
      guard lastScalar == WidthTable.zeroWidthJoiner else { return false }
    } else if properties & WidthTable.modifier != 0 {
      guard WidthTable.properties(of: lastScalar) & WidthTable.pictographic != 0 else { return false }
    } else if properties & WidthTable.regionalIndicator != 0 {
      guard WidthTable.properties(of: lastScalar) & WidthTable.regionalIndicator != 0,
        let previous = previousColumn(), !grid.rows[row].cells[previous].isCluster
      else { return false }
    } else {
      return false
    }
    guard let previous = previousColumn(), extend(previous, with: scalar) else { return false }
    lastScalar = scalar
    if properties & WidthTable.widthMask == 2 { widen(previous) }
    return true
  }

  /// Adds a zero-width scalar to the character before the cursor.
  mutating func combine(_ scalar: UInt32) {
    guard let previous = previousColumn() else { return }
    let base = grid.rows[row].cells[previous]
    if scalar == WidthTable.emojiPresentation && !base.isCluster && !base.isWide {
      let properties = WidthTable.properties(of: UInt32(truncatingIfNeeded: base & CellBits.scalar))
      if properties & WidthTable.variationCapable != 0 {
        // A selector that finds no room for the second column is dropped: other terminals, and a repaint, would widen later.
        if canWiden(previous), extend(previous, with: scalar) { widen(previous) }
        return
      }
    }
    guard extend(previous, with: scalar) else { return }
    if scalar == WidthTable.zeroWidthJoiner { lastScalar = scalar }
  }

  /// Whether a narrow character before the cursor can get a second column, here or on the next line.
  private func canWiden(_ position: Int) -> Bool {
    let limit = limit(at: position)
    if position + 2 <= limit { return true }
    let start = position <= rightMargin ? leftMargin : 0
    return pendingWrap && modeSet.contains(.autowrap) && limit - start >= 2
  }

  private mutating func extend(_ position: Int, with scalar: UInt32) -> Bool {
    if clusters.wantsSweep { sweepClusters() }
    let line = grid.rows + row
    let cell = line.pointee.cells[position]
    guard let id = clusters.extend(cell.token, with: scalar) else { return false }
    line.pointee.cells[position] =
      cell & ~(CellBits.token | CellBits.leadSpacer) | CellBits.cluster | UInt64(id)
    if position >= Int(line.pointee.length) { line.pointee.length = Int32(truncatingIfNeeded: position + 1) }
    line.pointee.flags |= Row.unicode | Row.clustered
    touch(row)
    return true
  }

  private mutating func sweepClusters() {
    clusters.sweep { use in
      grid.forEachCell(use)
      switch dormant {
      case .some(let other): other.forEachCell(use)
      case .none: break
      }
    }
  }

  /// Gives a narrow character before the cursor its second column, on the next line when there is none on this one.
  private mutating func widen(_ position: Int) {
    let cell = grid.rows[row].cells[position]
    if cell.isWide { return }
    let limit = limit(at: position)
    if position + 2 > limit {
      guard canWiden(position) else { return }
      settlePen()
      leaveSpacer(at: position)
      column = position
      wrapLine()
      place(cell, at: column)
      column += 2
    } else {
      place(cell, at: position)
      column = position + 2
    }
    let end = self.limit(at: column - 1)
    if column >= end {
      column = end - 1
      pendingWrap = true
    }
  }

  private mutating func place(_ cell: Cell, at position: Int) {
    let line = grid.rows + row
    if line.pointee.flags & Row.unicode != 0 { splitWide(line.pointee.cells, position, position + 2) }
    line.pointee.cells[position] = cell | CellBits.wide
    line.pointee.cells[position + 1] = cell & (CellBits.rendition | CellBits.protected) | CellBits.tail
    line.pointee.flags |= Row.unicode | Row.clustered
    if cell & CellBits.rendition != 0 { line.pointee.flags |= Row.styled }
    if position + 2 > Int(line.pointee.length) { line.pointee.length = Int32(truncatingIfNeeded: position + 2) }
    touch(row)
  }
}
