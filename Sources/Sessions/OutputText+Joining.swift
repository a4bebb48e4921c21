import TerminalEngine

// Characters that join the one before the cursor, by the engine's rules (`TerminalEngine/Joining.swift`): the widths must be the same,
// or what is written over a line would not meet its place.

extension OutputText {
  /// The column of the character before the cursor; nil at the beginning of a line.
  private func previousColumn() -> Int? {
    guard row < count, column > 0 else { return nil }
    let line = line(row)
    guard column <= line.pointee.length else { return nil }
    let cells = cells(of: line)
    var previous = column - 1
    while previous > 0, cells[previous] & (Cell.tail | Cell.tabTail) != 0 { previous -= 1 }
    let cell = cells[previous]
    // Neither a TAB nor a blank that was not printed takes a mark.
    return cell == 0 || cell == Cell.tab ? nil : previous
  }

  /// Adds an emoji to the one before it where Unicode makes one picture of them (UAX #29, GB11 to GB13).
  mutating func joins(_ scalar: UInt32, _ properties: UInt8) -> Bool {
    guard lastScalar >= 0x80 else { return false }
    if properties & WidthTable.pictographic != 0 {
      guard lastScalar == WidthTable.zeroWidthJoiner else { return false }
    } else if properties & WidthTable.modifier != 0 {
      guard WidthTable.properties(of: lastScalar) & WidthTable.pictographic != 0 else { return false }
    } else if properties & WidthTable.regionalIndicator != 0 {
      guard WidthTable.properties(of: lastScalar) & WidthTable.regionalIndicator != 0, let previous = previousColumn(),
        cells(of: line(row))[previous] & Cell.cluster == 0
      else { return false }
    } else {
      return false
    }
    guard let previous = previousColumn(), extend(previous, with: scalar) else { return false }
    lastScalar = scalar
    if properties & WidthTable.widthMask == 2 { widen(previous) }
    return true
  }

  /// Adds a scalar without a width to the character before the cursor.
  mutating func combine(_ scalar: UInt32) {
    guard let previous = previousColumn() else { return }
    let base = cells(of: line(row))[previous]
    if scalar == WidthTable.emojiPresentation, base & (Cell.cluster | Cell.wide) == 0,
      WidthTable.properties(of: base & Cell.token) & WidthTable.variationCapable != 0
    {
      if previous + 2 <= OutputText.longestLine, extend(previous, with: scalar) { widen(previous) }
      return
    }
    guard extend(previous, with: scalar) else { return }
    if scalar == WidthTable.zeroWidthJoiner { lastScalar = scalar }
  }

  private mutating func extend(_ position: Int, with scalar: UInt32) -> Bool {
    let cell = cells(of: line(row))[position]
    if cell & Cell.cluster != 0 {
      let number = Int(cell & Cell.token)
      guard clusters[number].count < OutputText.longestCluster else { return false }
      clusters[number].append(scalar)
      return true
    }
    if clusterRefusals > 0 {
      clusterRefusals -= 1
      return false
    }
    if clusters.count >= OutputText.clusterLimit {
      sweepClusters()
      // A window full of marks, which no language makes: some marks are dropped rather than the window swept for each.
      if clusters.count > OutputText.clusterLimit / 2 { clusterRefusals = OutputText.clusterLimit / 2 }
    }
    let line = line(row)
    cells(of: line)[position] = cell & Cell.wide | Cell.cluster | UInt32(clusters.count)
    line.pointee.isASCII = false
    clusters.append([cell & Cell.token, scalar])
    return true
  }

  /// Forgets the clusters that no cell has any more.
  private mutating func sweepClusters() {
    var live: [[UInt32]] = []
    for index in 0..<count {
      let line = line(index)
      let cells = cells(of: line)
      for position in 0..<line.pointee.length where cells[position] & Cell.cluster != 0 {
        let cell = cells[position]
        live.append(clusters[Int(cell & Cell.token)])
        cells[position] = cell & ~Cell.token | UInt32(live.count - 1)
      }
    }
    clusters = live
  }

  /// Gives a narrow character before the cursor its second column.
  private mutating func widen(_ position: Int) {
    let line = line(row)
    let cells = cells(of: line)
    guard cells[position] & Cell.wide == 0, position + 2 <= OutputText.longestLine else { return }
    breakEdges(line, position, position + 2)
    cells[position] |= Cell.wide
    cells[position + 1] = Cell.tail
    line.pointee.isASCII = false
    line.pointee.length = max(line.pointee.length, position + 2)
    column = position + 2
  }
}
