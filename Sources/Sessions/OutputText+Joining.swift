import TerminalEngine

// Characters that join the one before the cursor: those without a width and no others, as in the engine while programs count with the C
// library (`TerminalEngine/Joining.swift`, mode 2027 not set). The widths must be the same, or what is written over a line would not
// meet its place.

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

  /// Adds a scalar without a width to the character before the cursor.
  mutating func combine(_ scalar: UInt32) {
    guard let previous = previousColumn(), extend(previous, with: scalar) else { return }
    // What REP would repeat is a part of a character.
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
}
