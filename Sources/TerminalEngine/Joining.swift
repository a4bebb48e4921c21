// Characters that join the one before the cursor: accents, joiners, variation selectors, skin tones, flags.

extension Terminal {
  /// The column of the character before the cursor, or nil at the beginning of a line.
  func previousColumn() -> Int? {
    var previous = pendingWrap ? column : column - 1
    guard previous >= 0 else { return nil }
    if previous > 0 && grid.rows[row].cells[previous].isTail { previous -= 1 }
    return previous
  }

  /// What the last character begins.
  var stateOfLast: ClusterState {
    if lastScalar < 0x80 { return .none }
    if clusterState != .unknown { return clusterState }
    return ClusterState.beginning(ClusterClass(lastScalar))
  }

  /// What the character before the cursor begins.
  private func stateOnScreen() -> ClusterState {
    guard let previous = previousColumn() else { return .none }
    let cell = grid.rows[row].cells[previous]
    guard cell.isCluster else { return .beginning(ClusterClass(UInt32(truncatingIfNeeded: cell & CellBits.scalar))) }
    var text = clusters.text(Int(cell & CellBits.scalar))
    var state = ClusterState.none
    while let scalar = UTF8Text.next(&text) {
      let kind = ClusterClass(scalar)
      switch kind {
      case .extend, .extendOutsideConjuncts, .joiner, .linker: state = state.extended(by: kind)
      case .modifier: state = state == .picture ? .picture : .none
      default: state = .beginning(kind)
      }
    }
    return state
  }

  /// Whether the last character may make one of itself and the next that is otherwise one by itself.
  var holdsNext: Bool { modeSet.contains(.graphemeClusters) && stateOfLast.holdsNext }

  /// Joins a character to the one before the cursor where the two are one (UAX #29, extended clusters); mode 2027 only. Returns
  /// false when it stands alone. What is joined takes its own columns, but a cluster never more than two.
  mutating func joins(_ scalar: UInt32, _ width: Int) -> Bool {
    let kind = ClusterClass(scalar)
    let state = stateOfLast
    let next: ClusterState
    switch kind {
    case .extend, .extendOutsideConjuncts, .joiner, .linker:
      if width == 0 {
        // A joiner looks at what is on the screen: it may come after the cursor has been brought back.
        let before = kind == .joiner && lastScalar == 0 ? stateOnScreen() : state
        combine(scalar)
        clusterState = before.extended(by: kind)
        return true
      }
      next = state.extended(by: kind)
    case .spacingMark: next = .none
    case .consonant where state == .linked: next = .none
    case .pictographic where state == .joined: next = .picture
    case .modifier where state == .picture: next = .picture
    case .regionalIndicator where state == .flag: next = .none
    case .leading where state == .leading: next = .leading
    // Vowels and finals take no column and so join whatever they follow.
    case .openSyllable where state == .leading, .closedSyllable where state == .leading: next = .none
    default:
      clusterState = .beginning(kind)
      return false
    }
    guard lastScalar != 0, let previous = previousColumn() else {
      clusterState = .beginning(kind)
      return false
    }
    // The sum of two is two or more; but a picture inside another is no wider than the two.
    let widens = (width == 2 || kind != .pictographic) && !grid.rows[row].cells[previous].isWide
    guard !widens || canWiden(previous), extend(previous, with: scalar) else {
      clusterState = .beginning(kind)
      return false
    }
    lastScalar = scalar
    clusterState = next
    if widens { widen(previous) }
    return true
  }

  /// Adds a zero-width scalar to the character before the cursor. A variation selector makes it wide or narrow only where
  /// clusters are joined: programs that have not asked for that count with the C library, to which it is no more than an accent.
  mutating func combine(_ scalar: UInt32) {
    guard let previous = previousColumn() else { return }
    if modeSet.contains(.graphemeClusters) {
      if scalar == WidthTable.emojiPresentation && !grid.rows[row].cells[previous].isWide && hasVariation(previous) {
        // A selector that finds no room for the second column is dropped: other terminals, and a repaint, would widen later.
        if canWiden(previous), extend(previous, with: scalar) { widen(previous) }
        return
      }
      if scalar == WidthTable.textPresentation && grid.rows[row].cells[previous].isWide && hasVariation(previous) {
        if extend(previous, with: scalar) { narrow(previous) }
        return
      }
    }
    // Where clusters were joined the selector would have made this wide or narrow, so that nothing could paint it again.
    if scalar == WidthTable.emojiPresentation || scalar == WidthTable.textPresentation,
      !modeSet.contains(.graphemeClusters), isJoined(grid.rows[row].cells[previous])
    {
      return
    }
    guard extend(previous, with: scalar) else { return }
    if scalar == WidthTable.zeroWidthJoiner { lastScalar = scalar }
  }

  /// Whether a cell shows what only joined clusters make: painting it where they are not would take other columns.
  func isJoined(_ cell: Cell) -> Bool {
    guard cell.isCluster else { return cell.isWide && cell.isHalfFlag }
    var text = clusters.text(Int(cell & CellBits.scalar))
    guard let first = UTF8Text.next(&text) else { return false }
    while let scalar = UTF8Text.next(&text) {
      if WidthTable.width(of: scalar) != 0 { return true }
    }
    return (WidthTable.width(of: first) == 2) != cell.isWide
  }

  /// Whether the last scalar of a cell is one that a variation selector makes wide or narrow.
  private func hasVariation(_ position: Int) -> Bool {
    let cell = grid.rows[row].cells[position]
    var scalar = UInt32(truncatingIfNeeded: cell & CellBits.scalar)
    if cell.isCluster {
      var text = clusters.text(Int(cell & CellBits.scalar))
      while let next = UTF8Text.next(&text) { scalar = next }
    }
    return WidthTable.properties(of: scalar) & WidthTable.variationCapable != 0
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
    spend(rows * columns * 2)
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
      if modeSet.contains(.insert) { insertCharacters(2) }
      place(cell, at: column)
      column += 2
    } else {
      if modeSet.contains(.insert) { insertCharacters(1) }
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

  /// Takes the second column from a wide character before the cursor, which goes back with it.
  private mutating func narrow(_ position: Int) {
    settlePen()
    let line = grid.rows + row
    line.pointee.cells[position] &= ~CellBits.wide
    line.pointee.cells[position + 1] = eraseCell
    line.pointee.flags |= Row.clustered
    if eraseCell != 0 { line.pointee.flags |= Row.styled }
    column = position + 1
    pendingWrap = false
    touch(row)
  }
}

/// What the characters before the cursor are the beginning of, as far as it decides whether the next one joins them.
enum ClusterState: UInt8 {
  case none
  /// Not kept: what the last character alone says.
  case unknown
  /// A picture and what extends it.
  case picture
  /// And a joiner behind it: the next picture is part of it (GB11).
  case joined
  /// The first letter of a flag.
  case flag
  /// A virama and what extends it: the next consonant is part of it (GB9c).
  case linked
  /// Hangul: a leading consonant (GB6).
  case leading

  static func beginning(_ kind: ClusterClass) -> ClusterState {
    switch kind {
    case .pictographic: .picture
    case .regionalIndicator: .flag
    case .leading: .leading
    default: .none
    }
  }

  /// After one that extends whatever it follows.
  func extended(by kind: ClusterClass) -> ClusterState {
    if kind == .linker { return .linked }
    return switch self {
    case .picture, .joined: kind == .joiner ? .joined : .picture
    case .linked: kind == .extendOutsideConjuncts ? .none : .linked
    default: .none
    }
  }

  /// Whether a picture or a syllable that comes next may be joined.
  var holdsNext: Bool { self == .joined || self == .leading }
  /// Quick to tell: false nearly always.
  @inline(__always) var mayHold: Bool { rawValue > ClusterState.unknown.rawValue }
}
