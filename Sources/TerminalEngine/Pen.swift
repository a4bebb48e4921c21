// The pen as cells: what is or'ed to a character that is printed, and what an erased cell becomes.

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
    spend(rows * columns * 2 + styles.count * 4)
    history.forgetStyleNumbers()
  }
}
