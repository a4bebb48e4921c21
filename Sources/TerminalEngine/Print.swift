// Text going onto the screen. The two runs here take nearly every character a program prints; what needs more thought (insert
// mode, charsets, joining, the ends of lines) goes through `put`.

extension Terminal {
  /// A wide character of which one half is overwritten leaves a blank in the other.
  @inline(__always)
  func splitWide(_ cells: UnsafeMutablePointer<Cell>, _ first: Int, _ end: Int) {
    if first > 0 && cells[first].isTail {
      cells[first - 1] &= ~(CellBits.token | CellBits.wide)
    }
    if end < columns && cells[end].isTail { cells[end] &= ~(CellBits.token | CellBits.tail) }
  }

  @inline(__always)
  func limit(at column: Int) -> Int { column <= rightMargin ? rightMargin + 1 : columns }

  /// Prints one ASCII character where nothing needs care: no wrap, no margin, no wide character in the row. Returns false
  /// where something does. Not inlined: the parser needs its registers.
  @inline(never)
  mutating func printSimply(_ byte: UInt8) -> Bool {
    settlePen()
    let line = grid.rows + row
    guard !pendingWrap && column < rightMargin && line.pointee.flags & Row.unicode == 0 else { return false }
    let cell = penCell
    line.pointee.cells[column] = cell | UInt64(byte)
    column &+= 1
    if column > Int(line.pointee.length) { line.pointee.length = Int32(truncatingIfNeeded: column) }
    if cell & CellBits.rendition != 0 { line.pointee.flags |= Row.styled }
    rowStamps[row] = stamp
    lastScalar = UInt32(byte)
    return true
  }

  /// Prints a run of 0x20…0x7E when bytes mean themselves. Returns how much of it: all, but where the rest is to wait.
  mutating func printASCII(_ text: UnsafePointer<UInt8>, _ length: Int) -> Int {
    settlePen()
    var bytes = text
    var left = length
    let base = penCell
    let bases = SIMD8<UInt64>(repeating: base)
    let styled: UInt8 = base & CellBits.rendition != 0 ? Row.styled : 0
    lastScalar = UInt32(bytes[left - 1])
    while left > 0 {
      if pendingWrap {
        if state == .suspended && left < length {
          lastScalar = UInt32(bytes[-1])
          return length - left
        }
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
    return length
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
      if isSimple && index + 8 <= count && !pendingWrap && !(clusterState.mayHold && holdsNext) {
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
    let joinsClusters = modeSet.contains(.graphemeClusters)
    var scalar: UInt32 = 0
    scan: while index <= lastStart && position < limit {
      var word = UnsafeRawPointer(bytes + index).loadUnaligned(as: UInt32.self)
      if word & 0x00C0_C0F0 == 0x0080_80E0 {
        scalar = Self.threeByteScalar(word)
        var properties = WidthTable.properties(of: scalar) & WidthTable.alone
        // Runs of ideographs, syllables and pictures.
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
          properties = WidthTable.properties(of: scalar) & WidthTable.alone
        }
        // The run may have ended at the margin.
        if position >= limit || scalar < 0x800 || scalar & 0xF800 == 0xD800 { break }
        if properties != 1 || joinsClusters && ClusterClass.isCareful(scalar) { break }
        cells[position] = base | UInt64(scalar)
        position &+= 1
        index &+= 3
      } else if word & 0xC0E0 == 0x80C0 {
        // Runs of letters of two bytes.
        repeat {
          scalar = (word & 0x1F) << 6 | (word >> 8 & 0x3F)
          if scalar < 0xA0 { break scan }
          if WidthTable.properties(of: scalar) & WidthTable.alone != 1 { break scan }
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
        let properties = WidthTable.properties(of: scalar) & WidthTable.alone
        if joinsClusters && ClusterClass.isCareful(scalar) { break }
        if properties == 2 {
          if position &+ 2 > limit { break }
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
    }
    guard position > first else { return index }
    if splitsFirst { cells[first - 1] &= ~(CellBits.token | CellBits.wide) }
    if isMixed && position < columns && cells[position].isTail {
      cells[position] &= ~(CellBits.token | CellBits.tail)
    }
    let last = cells[position - 1].isTail ? cells[position - 2] : cells[position - 1]
    lastScalar = UInt32(truncatingIfNeeded: last & CellBits.scalar)
    clusterState = .unknown
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

  // MARK: one character

  /// Prints one scalar with everything that may concern it.
  mutating func put(_ scalar: UInt32) {
    var scalar = scalar
    if scalar < 0x80 && !charsets.isPlain { scalar = charsets.map(scalar) }
    let properties = WidthTable.properties(of: scalar)
    if properties & WidthTable.control != 0 {
      controlC1(UInt8(truncatingIfNeeded: scalar))
      return
    }
    var width = Int(properties & WidthTable.widthMask)
    if modeSet.contains(.graphemeClusters) && scalar >= 0x80 {
      if joins(scalar, width) { return }
      if properties & (WidthTable.joining | WidthTable.control) == WidthTable.regionalIndicator { width = 2 }
    }
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
      if !modeSet.contains(.autowrap) || limit - start < 2 {
        // It is not shown, so nothing that follows can join it.
        lastScalar = 0
        return
      }
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
      if properties & WidthTable.widthMask == 1 { line.pointee.flags |= Row.clustered }
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
  mutating func leaveSpacer(at column: Int) {
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
    // Where there is no next line the text begins anew on this one.
    let moves = row == bottomMargin ? isInside : row < rows - 1
    let continues = moves && column == columns - 1 && leftMargin == 0
    if continues {
      grid.rows[row].flags |= Row.wrapped
      rowStamps[row] = stamp
    }
    if moves {
      if row == bottomMargin {
        scrollUp(1, from: topMargin, to: bottomMargin, intoHistory: true, continues: continues)
      } else {
        row += 1
      }
    }
    column = isInside || column > rightMargin ? leftMargin : 0
    pendingWrap = false
  }
}
