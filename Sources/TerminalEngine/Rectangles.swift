// The rectangle operations of the VT420 (VT510 manual: DECCARA, DECCRA, DECERA, DECFRA, DECRARA, DECSERA).

/// Cells from `top`…`bottom` and `left`…`right`, inclusive, inside the screen.
struct CellRectangle {
  var top: Int
  var left: Int
  var bottom: Int
  var right: Int

  /// What it costs to look at each of its cells, and at each of its rows.
  var cost: Int { (bottom - top + 1) * (right - left + 1 + 16) }
}

extension Terminal {
  /// The four parameters from one on, counted from the margins in origin mode; nil when nothing lies inside.
  func rectangle(_ first: Int) -> CellRectangle? {
    let isOrigin = modeSet.contains(.origin)
    let rowOffset = isOrigin ? topMargin : 0
    let columnOffset = isOrigin ? leftMargin : 0
    let top = argument(first) - 1 + rowOffset
    let left = argument(first + 1) - 1 + columnOffset
    let bottom = min(
      isOrigin ? bottomMargin : rows - 1, argument(first + 2, default: rows) - 1 + rowOffset)
    let right = min(
      isOrigin ? rightMargin : columns - 1, argument(first + 3, default: columns) - 1 + columnOffset)
    guard top <= bottom, left <= right else { return nil }
    return CellRectangle(top: top, left: left, bottom: bottom, right: right)
  }

  /// DECERA and DECSERA.
  mutating func eraseRectangle(selective: Bool) {
    guard let area = rectangle(0) else { return }
    settlePen()
    spend(area.cost)
    let spared: Sparing = !selective ? .nothing : protection == .dec ? .protectedKeepingStyle : .nothingButStyle
    for index in area.top...area.bottom {
      erase(index, area.left, area.right + 1, spared)
      tearOverwritten(index, area.left, area.right)
    }
  }

  /// DECFRA.
  mutating func fillRectangle() {
    let character = raw(0)
    guard (0x20..<0x7F).contains(character) || (0xA0..<0x100).contains(character), let area = rectangle(1) else {
      return
    }
    settlePen()
    spend(area.cost)
    for index in area.top...area.bottom {
      let line = grid.rows + index
      if line.pointee.flags & Row.unicode != 0 { splitWide(line.pointee.cells, area.left, area.right + 1) }
      (line.pointee.cells + area.left).update(
        repeating: penCell | UInt64(character), count: area.right - area.left + 1)
      if character >= 0x80 { line.pointee.flags |= Row.unicode }
      if penCell & CellBits.rendition != 0 { line.pointee.flags |= Row.styled }
      if area.right >= Int(line.pointee.length) {
        line.pointee.length = Int32(truncatingIfNeeded: area.right + 1)
      }
      tearOverwritten(index, area.left, area.right)
      touch(index)
    }
  }

  /// DECCRA; pages do not exist, so both must be the first.
  mutating func copyRectangle() {
    guard let area = rectangle(0) else { return }
    spend(area.cost)
    let isOrigin = modeSet.contains(.origin)
    let top = argument(5) - 1 + (isOrigin ? topMargin : 0)
    let left = argument(6) - 1 + (isOrigin ? leftMargin : 0)
    guard top < rows, left < columns else { return }
    let width = min(area.right - area.left + 1, columns - left)
    let height = min(area.bottom - area.top + 1, rows - top)
    // The order keeps rows that are still to be copied from being overwritten.
    for step in 0..<height {
      let offset = top > area.top ? height - 1 - step : step
      copyCells(from: area.top + offset, area.left, to: top + offset, left, count: width)
      tearOverwritten(top + offset, left, left + width - 1)
    }
  }

  /// DECCARA and DECRARA: changes (or reverses) bold, underline, blink, inverse and invisible.
  mutating func changeAttributes(reverse: Bool) {
    guard let area = rectangle(0) else { return }
    let attributeChangeIsStream = attributeChangeExtent != 2
    spend(attributeChangeIsStream ? 2 * (area.bottom - area.top + 1) * columns : 2 * area.cost)
    var knownCell: Cell = ~0
    var changedCell: Cell = 0
    // What the styles met so far become: neighbours may differ everywhere, and looking a style up costs more than changing a cell.
    let slots = min(styles.count, area.cost / 4).nextPowerOfTwo
    let known = UnsafeMutablePointer<(from: UInt32, to: UInt32)>.allocate(capacity: slots)
    known.initialize(repeating: (.max, 0), count: slots)
    defer { known.deallocate() }
    var sweeps = styles.sweeps
    for index in area.top...area.bottom {
      var left = attributeChangeIsStream && index > area.top ? 0 : area.left
      var right = attributeChangeIsStream && index < area.bottom ? columns - 1 : area.right
      guard left <= right else { continue }
      let line = grid.rows + index
      // Both halves of a wide character are drawn alike.
      if left > 0 && line.pointee.cells[left].isTail { left -= 1 }
      if right + 1 < columns && line.pointee.cells[right + 1].isTail { right += 1 }
      // The length first: a sweep of the styles looks only so far.
      if right >= Int(line.pointee.length) { line.pointee.length = Int32(truncatingIfNeeded: right + 1) }
      for position in left...right {
        let style = line.pointee.cells[position] >> CellBits.styleShift & CellBits.styleMask
        if style != knownCell {
          knownCell = style
          let slot = known + (Int(style) & (slots - 1))
          if slot.pointee.from != UInt32(truncatingIfNeeded: style) {
            let changed = changedStyle(styles[Int(style)], reverse: reverse)
            let id = styleID(changed)
            if sweeps != styles.sweeps {
              // A number may be another style's now.
              sweeps = styles.sweeps
              known.update(repeating: (.max, 0), count: slots)
              knownCell = ~0
            } else {
              slot.pointee = (UInt32(truncatingIfNeeded: style), id)
            }
            changedCell = UInt64(id) << CellBits.styleShift
          } else {
            changedCell = UInt64(slot.pointee.to) << CellBits.styleShift
          }
        }
        line.pointee.cells[position] =
          line.pointee.cells[position] & ~(CellBits.styleMask << CellBits.styleShift) | changedCell
      }
      line.pointee.flags |= Row.styled
      touch(index)
    }
  }

  private func changedStyle(_ style: Style, reverse: Bool) -> Style {
    var style = style
    var attributes = style.attributes
    for index in 4..<max(parameterCount, 5) {
      let value = raw(index)
      if reverse {
        let all = value == 0
        if all || value == 1 { attributes.formSymmetricDifference(.bold) }
        if all || value == 4 { style.underline = style.underline == .none ? .single : .none }
        if all || value == 5 { attributes.formSymmetricDifference(.blink) }
        if all || value == 7 { attributes.formSymmetricDifference(.inverse) }
        if value == 8 { attributes.formSymmetricDifference(.invisible) }
        continue
      }
      switch value {
      case 0:
        attributes.subtract([.bold, .blink, .inverse, .invisible])
        style.underline = .none
      case 1: attributes.insert(.bold)
      case 4: style.underline = .single
      case 5: attributes.insert(.blink)
      case 7: attributes.insert(.inverse)
      case 8: attributes.insert(.invisible)
      case 22: attributes.remove(.bold)
      case 24: style.underline = .none
      case 25: attributes.remove(.blink)
      case 27: attributes.remove(.inverse)
      case 28: attributes.remove(.invisible)
      default: break
      }
    }
    style.attributes = attributes
    return style
  }

  /// DECRQCRA as xterm computes it: the negated sum of the characters (their low eight bits) and of what some attributes count.
  /// Cells nothing was written to, which erasing makes again, do not count, but for the very first one, which is a space.
  mutating func reportChecksum() {
    var sum = 0
    if let area = rectangle(2) {
      spend(2 * area.cost)
      for index in area.top...area.bottom {
        let cells = grid.rows[index].cells
        for position in area.left...area.right { sum &+= checksum(of: cells[position]) }
      }
      let first = grid.rows[area.top].cells[area.left]
      if first & (CellBits.token | CellBits.tail) == 0, ChecksumStyle(styles[first.styleID]).isPlain { sum += 0x20 }
    }
    let checksum = String((0x10000 - sum & 0xFFFF) & 0xFFFF, radix: 16, uppercase: true)
    reply("\u{1B}P\(raw(0))!~\(String(repeating: "0", count: 4 - checksum.count))\(checksum)\u{1B}\\")
  }

  /// What one cell adds. The right half of a wide character counts as 0xFF, an invisible one as a space, accents do not.
  @inline(__always)
  private func checksum(of cell: Cell) -> Int {
    let style = cell.styleID == 0 ? ChecksumStyle.plain : ChecksumStyle(styles[cell.styleID])
    if cell & (CellBits.token | CellBits.tail) == 0 && style.isPlain { return 0 }
    var sum: Int
    if cell.isTail {
      sum = 0xFF
    } else if cell.isCluster {
      var text = clusters.text(Int(cell & CellBits.scalar))
      sum = Int(UTF8Text.next(&text) ?? 0x20)
    } else {
      sum = max(Int(cell & CellBits.scalar), 0x20)
    }
    return (style.isInvisible ? 0x20 : sum & 0xFF) + style.sum
  }
}

/// What DECRQCRA counts of a style.
private struct ChecksumStyle {
  var sum = 0
  var isInvisible = false

  static let plain = ChecksumStyle()

  init() {}

  @inline(__always)
  init(_ style: Style) {
    let attributes = style.attributes.rawValue
    isInvisible = attributes & Attributes.invisible.rawValue != 0
    if style.rest & Style.underlineMask == UInt64(UnderlineStyle.single.rawValue) << Style.underlineShift { sum = 0x10 }
    if attributes & Attributes.inverse.rawValue != 0 { sum += 0x20 }
    if attributes & Attributes.blink.rawValue != 0 { sum += 0x40 }
    if attributes & Attributes.bold.rawValue != 0 { sum += 0x80 }
  }

  @inline(__always) var isPlain: Bool { sum == 0 && !isInvisible }
}

extension Int {
  /// The least power of two that is no less.
  fileprivate var nextPowerOfTwo: Int { self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount) }
}
