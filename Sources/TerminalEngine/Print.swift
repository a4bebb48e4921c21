// Text going onto the screen. The two runs here take nearly every character a program prints; what needs more thought (insert
// mode, charsets, joining, the ends of lines) goes through `put`.

extension Terminal {
  /// Makes the pen's cells when something changed the pen.
  @inline(__always)
  mutating func settlePen() {
    if penIsStale { makePenCells() }
  }

  @inline(never)
  mutating func makePenCells() {
    penIsStale = false
    let style: Cell
    if let id = styles.intern(pen) { style = UInt64(id) } else { style = UInt64(internAfterSweep(pen)) }
    penCell = style << CellBits.styleShift | penLink << CellBits.linkShift
    if penIsProtected { penCell |= CellBits.protected }
    if pen.colors >> 32 == 0 {
      eraseCell = 0
    } else {
      let blank = Style(colors: pen.colors & ~0xFFFF_FFFF, rest: 0)
      let id = styles.intern(blank) ?? internAfterSweep(blank)
      eraseCell = UInt64(id) << CellBits.styleShift
    }
  }

  /// The number of a style that is about to be used, by whatever it takes.
  mutating func styleID(_ style: Style) -> UInt32 {
    styles.intern(style) ?? internAfterSweep(style)
  }

  @inline(never)
  private mutating func internAfterSweep(_ style: Style) -> UInt32 {
    if styles.refusesSweep() { return 0 }
    sweepStyles()
    // When more styles are on screen than cells can name, the newest are drawn plain.
    return styles.intern(style) ?? 0
  }

  /// Frees the styles that nothing shows any more. History keeps its own, so only the screens are looked at.
  private mutating func sweepStyles() {
    let live = UnsafeMutablePointer<Bool>.allocate(capacity: styles.count)
    live.initialize(repeating: false, count: styles.count)
    defer { live.deallocate() }
    live[penCell.styleID] = true
    live[eraseCell.styleID] = true
    grid.forEachCell { live[$0.styleID] = true }
    switch dormant {
    case .some(let other): other.forEachCell { live[$0.styleID] = true }
    case .none: break
    }
    styles.sweep(live: live)
    history.forgetStyleNumbers()
  }

  /// A wide character of which one half is overwritten leaves a blank in the other.
  @inline(__always)
  func splitWide(_ cells: UnsafeMutablePointer<Cell>, _ first: Int, _ end: Int) {
    if first > 0 && cells[first].isTail {
      cells[first - 1] &= ~(CellBits.token | CellBits.wide)
    }
    if end < columns && cells[end].isTail { cells[end] &= ~(CellBits.token | CellBits.tail) }
  }

  @inline(__always)
  private func limit(at column: Int) -> Int { column <= rightMargin ? rightMargin + 1 : columns }

  /// Prints a run of 0x20…0x7E when bytes mean themselves.
  mutating func printASCII(_ text: UnsafePointer<UInt8>, _ length: Int) {
    settlePen()
    var bytes = text
    var left = length
    let base = penCell
    let bases = SIMD8<UInt64>(repeating: base)
    let styled: UInt8 = base & CellBits.rendition != 0 ? Row.styled : 0
    lastScalar = UInt32(bytes[left - 1])
    while left > 0 {
      if pendingWrap {
        if modeSet.contains(.autowrap) { wrapLine() } else { pendingWrap = false }
      }
      let limit = limit(at: column)
      let count = min(left, limit - column)
      let line = grid.rows + row
      let cells = line.pointee.cells + column
      if line.pointee.flags & Row.unicode != 0 { splitWide(line.pointee.cells, column, column + count) }
      if count >= 8 {
        var index = 0
        while index &+ 8 <= count {
          Self.storeEight(bytes + index, bases, cells + index)
          index &+= 8
        }
        // The last eight again: some cells are written twice, and none alone.
        Self.storeEight(bytes + count - 8, bases, cells + count - 8)
      } else {
        Self.storeUpToSeven(bytes, count, base, cells)
      }
      column += count
      bytes += count
      left -= count
      if column > Int(line.pointee.length) { line.pointee.length = Int32(truncatingIfNeeded: column) }
      line.pointee.flags |= styled
      rowStamps[row] = stamp
      if column == limit {
        column = limit - 1
        pendingWrap = true
        line.pointee.flags &= ~Row.wrapped
        if left > 0 && !modeSet.contains(.autowrap) {
          line.pointee.cells[column] = base | UInt64(bytes[left - 1])
          left = 0
        }
      }
    }
  }

  @inline(__always)
  private static func storeEight(
    _ bytes: UnsafePointer<UInt8>, _ bases: SIMD8<UInt64>, _ cells: UnsafeMutablePointer<Cell>
  ) {
    let eight = UnsafeRawPointer(bytes).loadUnaligned(as: SIMD8<UInt8>.self)
    UnsafeMutableRawPointer(cells).storeBytes(
      of: SIMD8<UInt64>(truncatingIfNeeded: eight) | bases, as: SIMD8<UInt64>.self)
  }

  /// One to seven characters, by stores that overlap.
  @inline(__always)
  private static func storeUpToSeven(
    _ bytes: UnsafePointer<UInt8>, _ count: Int, _ base: Cell, _ cells: UnsafeMutablePointer<Cell>
  ) {
    if count >= 4 {
      storeFour(bytes, base, cells)
      storeFour(bytes + (count &- 4), base, cells + (count &- 4))
    } else {
      cells[0] = base | UInt64(bytes[0])
      cells[count &>> 1] = base | UInt64(bytes[count &>> 1])
      cells[count &- 1] = base | UInt64(bytes[count &- 1])
    }
  }

  /// A high bit for each of eight bytes that is no printable ASCII; exact up to the first one.
  @inline(__always)
  static func outsideASCII(_ word: UInt64) -> UInt64 {
    ((word &- 0x2020_2020_2020_2020) | (word &+ 0x0101_0101_0101_0101) | word) & 0x8080_8080_8080_8080
  }

  @inline(__always)
  private static func storeFour(
    _ bytes: UnsafePointer<UInt8>, _ base: Cell, _ cells: UnsafeMutablePointer<Cell>
  ) {
    let four = UnsafeRawPointer(bytes).loadUnaligned(as: UInt32.self)
    cells[0] = base | UInt64(four & 0xFF)
    cells[1] = base | UInt64(four &>> 8 & 0xFF)
    cells[2] = base | UInt64(four &>> 16 & 0xFF)
    cells[3] = base | UInt64(four &>> 24)
  }

  /// Prints from a byte above 0x7F on, as far as text goes; returns where it stopped.
  mutating func printUnicode(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    var index = start
    let isSimple = charsets.isPlain && !modeSet.contains(.insert)
    while index < count {
      if isSimple && index + 8 <= count && !pendingWrap {
        index = printUnicodeRun(bytes, index, count)
        if index >= count { return index }
      }
      let byte = bytes[index]
      if byte < 0x80 { return index }
      index = printCharacter(bytes, index, count)
      if state != .ground { return index }
    }
    return index
  }

  /// The part of `printUnicode` that is a loop over cells: stops at anything that is not a plain narrow or wide
  /// character with room for it, at long runs of ASCII, and eight bytes before the end.
  @inline(__always)
  private mutating func printUnicodeRun(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    settlePen()
    var index = start
    let limit = limit(at: column)
    let line = grid.rows + row
    let cells = line.pointee.cells
    let first = column
    var position = first
    let base = penCell
    let lastStart = count &- 8
    let isMixed = line.pointee.flags & Row.unicode != 0
    let splitsFirst = isMixed && first > 0 && cells[first].isTail
    // A picture joins the character before it only right after a joiner, which is never printed here.
    var followsJoiner = lastScalar == WidthTable.zeroWidthJoiner
    var scalar: UInt32 = 0
    scan: while index <= lastStart && position < limit {
      var word = UnsafeRawPointer(bytes + index).loadUnaligned(as: UInt32.self)
      if word & 0x00C0_C0F0 == 0x0080_80E0 {
        scalar = Self.threeByteScalar(word)
        var properties = WidthTable.properties(of: scalar) & ~WidthTable.variationCapable
        // Runs of ideographs and syllables.
        while properties == 2 {
          if position &+ 2 > limit { break scan }
          cells[position] = base | CellBits.wide | UInt64(scalar)
          cells[position &+ 1] = base | CellBits.tail
          position &+= 2
          index &+= 3
          if index > lastStart { break scan }
          word = UnsafeRawPointer(bytes + index).loadUnaligned(as: UInt32.self)
          if word & 0x00C0_C0F0 != 0x0080_80E0 { continue scan }
          scalar = Self.threeByteScalar(word)
          properties = WidthTable.properties(of: scalar) & ~WidthTable.variationCapable
        }
        // The run may have ended at the margin.
        if position >= limit || scalar < 0x800 || scalar & 0xF800 == 0xD800 { break }
        if properties & ~WidthTable.pictographic != 1 {
          if properties != 2 | WidthTable.pictographic || followsJoiner || position &+ 2 > limit { break }
          cells[position] = base | CellBits.wide | UInt64(scalar)
          cells[position &+ 1] = base | CellBits.tail
          position &+= 2
        } else {
          if properties != 1 && followsJoiner { break }
          cells[position] = base | UInt64(scalar)
          position &+= 1
        }
        index &+= 3
      } else if word & 0xC0E0 == 0x80C0 {
        // Runs of letters of two bytes.
        repeat {
          scalar = (word & 0x1F) << 6 | (word >> 8 & 0x3F)
          if scalar < 0xA0 { break scan }
          let properties = WidthTable.properties(of: scalar) & ~WidthTable.variationCapable
          if properties != 1 {
            if properties != 1 | WidthTable.pictographic || followsJoiner { break scan }
          }
          cells[position] = base | UInt64(scalar)
          position &+= 1
          index &+= 2
          if index > lastStart || position >= limit { break scan }
          word = UnsafeRawPointer(bytes + index).loadUnaligned(as: UInt32.self)
        } while word & 0xC0E0 == 0x80C0
      } else if word & 0x80 == 0 {
        // A word between other characters; a longer text is better printed by `printASCII`.
        let eight = UnsafeRawPointer(bytes + index).loadUnaligned(as: UInt64.self)
        let outside = Self.outsideASCII(eight)
        let length = outside.trailingZeroBitCount &>> 3
        if outside == 0 || length == 0 || position &+ length > limit { break }
        Self.storeUpToSeven(bytes + index, length, base, cells + position)
        position &+= length
        index &+= length
      } else if word & 0xC0C0_C0F8 == 0x8080_80F0 {
        scalar = (word & 7) << 18 | (word << 4 & 0x3F000) | (word >> 10 & 0xFC0) | (word >> 24 & 0x3F)
        if scalar < 0x10000 || scalar > 0x10FFFF { break }
        let properties = WidthTable.properties(of: scalar) & ~WidthTable.variationCapable
        if properties & ~WidthTable.pictographic == 2 {
          if properties != 2 && followsJoiner || position &+ 2 > limit { break }
          cells[position] = base | CellBits.wide | UInt64(scalar)
          cells[position &+ 1] = base | CellBits.tail
          position &+= 2
        } else if properties == 1 {
          cells[position] = base | UInt64(scalar)
          position &+= 1
        } else {
          break
        }
        index &+= 4
      } else {
        break
      }
      followsJoiner = false
    }
    guard position > first else { return index }
    if splitsFirst { cells[first - 1] &= ~(CellBits.token | CellBits.wide) }
    if isMixed && position < columns && cells[position].isTail {
      cells[position] &= ~(CellBits.token | CellBits.tail)
    }
    let last = cells[position - 1].isTail ? cells[position - 2] : cells[position - 1]
    lastScalar = UInt32(truncatingIfNeeded: last & CellBits.scalar)
    line.pointee.flags |= base & CellBits.rendition != 0 ? Row.styled | Row.unicode : Row.unicode
    if position > Int(line.pointee.length) { line.pointee.length = Int32(truncatingIfNeeded: position) }
    rowStamps[row] = stamp
    if position == limit {
      position = limit - 1
      pendingWrap = true
      line.pointee.flags &= ~Row.wrapped
    }
    column = position
    return index
  }

  @inline(__always)
  private static func threeByteScalar(_ word: UInt32) -> UInt32 {
    (word & 0xF) << 12 | (word >> 2 & 0xFC0) | (word >> 16 & 0x3F)
  }

  // MARK: UTF-8, one character

  /// Decodes and prints one character, or U+FFFD for each maximal part of a malformed one (Unicode 15, section 3.9,
  /// "U+FFFD Substitution of Maximal Subparts"). A character cut by the end of the bytes is kept for the next call.
  private mutating func printCharacter(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    let byte = bytes[start]
    pendingLow = 0x80
    pendingHigh = 0xBF
    switch byte {
    case 0xC2...0xDF:
      pendingLength = 1
      pendingScalar = UInt32(byte & 0x1F)
    case 0xE0...0xEF:
      pendingLength = 2
      pendingScalar = UInt32(byte & 0x0F)
      if byte == 0xE0 { pendingLow = 0xA0 } else if byte == 0xED { pendingHigh = 0x9F }
    case 0xF0...0xF4:
      pendingLength = 3
      pendingScalar = UInt32(byte & 0x07)
      if byte == 0xF0 { pendingLow = 0x90 } else if byte == 0xF4 { pendingHigh = 0x8F }
    default:
      put(0xFFFD)
      return start + 1
    }
    state = .utf8
    return resumeCharacter(bytes, start + 1, count)
  }

  mutating func resumeCharacter(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    var index = start
    while index < count {
      let byte = bytes[index]
      if byte < pendingLow || byte > pendingHigh {
        state = .ground
        put(0xFFFD)
        return index
      }
      index += 1
      pendingScalar = pendingScalar << 6 | UInt32(byte & 0x3F)
      pendingLength -= 1
      pendingLow = 0x80
      pendingHigh = 0xBF
      if pendingLength == 0 {
        state = .ground
        put(pendingScalar)
        return index
      }
    }
    return index
  }

  // MARK: one character

  /// Prints one scalar with everything that may concern it.
  mutating func put(_ scalar: UInt32) {
    var scalar = scalar
    if scalar < 0x80 && !charsets.isPlain { scalar = charsets.map(scalar) }
    let properties = WidthTable.properties(of: scalar)
    if properties & ~(WidthTable.widthMask | WidthTable.variationCapable) != 0 {
      if properties & WidthTable.control != 0 {
        controlC1(UInt8(truncatingIfNeeded: scalar))
        return
      }
      if joins(scalar, properties) { return }
    }
    let width = Int(properties & WidthTable.widthMask)
    if width == 0 {
      combine(scalar)
      return
    }
    settlePen()
    if pendingWrap {
      if modeSet.contains(.autowrap) { wrapLine() } else { pendingWrap = false }
    }
    var limit = limit(at: column)
    if width == 2 && column + 2 > limit {
      // No room for both halves: the line ends a column early, where lines wrap at all.
      let start = column <= rightMargin ? leftMargin : 0
      if !modeSet.contains(.autowrap) || limit - start < 2 { return }
      leaveSpacer(at: column)
      wrapLine()
      limit = self.limit(at: column)
    }
    if modeSet.contains(.insert) { insertCharacters(width) }
    let line = grid.rows + row
    let cells = line.pointee.cells
    if line.pointee.flags & Row.unicode != 0 { splitWide(cells, column, column + width) }
    if width == 2 {
      cells[column] = penCell | UInt64(scalar) | CellBits.wide
      cells[column + 1] = penCell | CellBits.tail
    } else {
      cells[column] = penCell | UInt64(scalar)
    }
    lastScalar = scalar
    column += width
    if column > Int(line.pointee.length) { line.pointee.length = Int32(truncatingIfNeeded: column) }
    if scalar >= 0x80 { line.pointee.flags |= Row.unicode }
    if penCell & CellBits.rendition != 0 { line.pointee.flags |= Row.styled }
    touch(row)
    if column == limit {
      column = limit - 1
      pendingWrap = true
      line.pointee.flags &= ~Row.wrapped
    }
  }

  /// The blank at the end of a line whose next character is too wide for it: an erased cell.
  private mutating func leaveSpacer(at column: Int) {
    let line = grid.rows + row
    if line.pointee.flags & Row.unicode != 0 { splitWide(line.pointee.cells, column, column + 1) }
    line.pointee.cells[column] = eraseCell | CellBits.leadSpacer
    line.pointee.flags |= Row.unicode | Row.clustered
    if eraseCell != 0 { line.pointee.flags |= Row.styled }
    if column >= Int(line.pointee.length) { line.pointee.length = Int32(truncatingIfNeeded: column + 1) }
    touch(row)
  }

  /// Goes to the next line because this one is full.
  @inline(__always)
  mutating func wrapLine() {
    let isInside = column >= leftMargin && column <= rightMargin
    if column == columns - 1 && leftMargin == 0 {
      grid.rows[row].flags |= Row.wrapped
      rowStamps[row] = stamp
    }
    if row == bottomMargin {
      if isInside { scrollUp(1, from: topMargin, to: bottomMargin, intoHistory: true) }
    } else if row < rows - 1 {
      row += 1
    }
    column = isInside || column > rightMargin ? leftMargin : 0
    pendingWrap = false
  }

  // MARK: joining

  /// The column of the character before the cursor, or nil at the beginning of a line.
  private func previousColumn() -> Int? {
    var previous = pendingWrap ? column : column - 1
    guard previous >= 0 else { return nil }
    if previous > 0 && grid.rows[row].cells[previous].isTail { previous -= 1 }
    return previous
  }

  /// Adds an emoji to the one before it where Unicode's rules make one picture of them (UAX #29, GB11 to GB13): after a
  /// joiner, a skin tone after a picture, the second letter of a flag. Returns false when it stands alone.
  private mutating func joins(_ scalar: UInt32, _ properties: UInt8) -> Bool {
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
  private mutating func combine(_ scalar: UInt32) {
    guard let previous = previousColumn() else { return }
    let base = grid.rows[row].cells[previous]
    guard extend(previous, with: scalar) else { return }
    if scalar == WidthTable.zeroWidthJoiner {
      lastScalar = scalar
    } else if scalar == WidthTable.emojiPresentation && !base.isCluster && !base.isWide {
      let properties = WidthTable.properties(of: UInt32(truncatingIfNeeded: base & CellBits.scalar))
      if properties & WidthTable.variationCapable != 0 { widen(previous) }
    }
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
      let start = position <= rightMargin ? leftMargin : 0
      guard pendingWrap, modeSet.contains(.autowrap), limit - start >= 2 else { return }
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
