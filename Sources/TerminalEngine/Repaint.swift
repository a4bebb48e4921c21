// A stream of bytes that makes another terminal look like this one.

extension Terminal {
  /// One stream that draws the active screen on an xterm-like terminal of the same size: text in its styles with
  /// links, wide and joined characters, the cursor, margins, tab stops, charsets, modes, the title, and the pen, so that what
  /// the program prints next comes out as it does here. That terminal may have been left in the middle of anything: it is one that has
  /// just been reset, or one that has missed a part of what the program printed.
  package func repaint() -> [UInt8] {
    var out = RepaintStream(capacity: rows * columns + 1024)
    out.add(Terminal.tidying)
    out.add(isAlternateScreen ? "\u{1B}[?1049h" : "\u{1B}[?1049l")
    // Without wrapping, characters at the right edge are placed by other rules.
    if !modeSet.contains(.autowrap) { out.add("\u{1B}[?7l") }
    out.add("\u{1B}[0m\u{1B}[H\u{1B}[2J")
    var wrapsInto = false
    for index in 0..<rows { wrapsInto = paintRow(index, continuing: wrapsInto, &out) }
    out.set(rendition: 0, styles: styles, links: links)
    out.set(protected: false)
    paintMargins(&out)
    paintCursor(&out)
    paintModes(&out)
    paintTitles(&out)
    if modeSet.contains(.synchronizedOutput) { out.add("\u{1B}[?2026h") }
    return out.bytes
  }

  /// Ends a string that was cut off, and unsets what a program may have set and unset since. Not every terminal knows DECSTR, and none
  /// unsets all of it by that: a mouse that goes on reporting would type into the session.
  private static let tidying =
    "\u{1B}\\\u{1B}[!p\u{1B}[?9l\u{1B}[?1000;1002;1003;1004;1005;1006;1015;1016;2004;2026;2048l\u{1B}[?1l\u{1B}>\u{1B}[?5;6;45;69;1045l\u{1B}[4;20l"
    + "\u{1B}[r\u{1B}[?7;25h\u{1B}(B\u{0F}\u{1B}]8;;\u{1B}\\\u{1B}[0\"q\u{1B}[0 q\u{1B}[=0;1u\u{1B}[>4m"

  /// Paints a row and says whether the cursor of the other terminal is left behind a full row that goes on.
  private func paintRow(_ index: Int, continuing: Bool, _ out: inout RepaintStream) -> Bool {
    let row = grid.rows[index]
    var end = Int(row.length)
    while end > 0 && row.cells[end - 1] & ~CellBits.protected == 0 { end -= 1 }
    let isSpacer = endsInSpacer(index)
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
      isExact = paint(cell, at: position, &out)
      position += width
      if !isExact && position < columns { out.move(column: position + 1) }
    }
    guard isExact && row.flags & Row.wrapped != 0 && index + 1 < rows && modeSet.contains(.autowrap) else {
      return false
    }
    let next = grid.rows[index + 1]
    guard next.length > 0, next.cells[0] != 0, !next.cells[0].isLeadSpacer else { return false }
    return position >= columns || isSpacer && next.cells[0].isWide
  }

  /// Whether the row ends in the blank that a wide character in the next row leaves when it is printed again. One that is
  /// drawn otherwise, or whose character is gone, is painted as a blank.
  private func endsInSpacer(_ index: Int) -> Bool {
    let row = grid.rows[index]
    guard Int(row.length) == columns, index + 1 < rows, modeSet.contains(.autowrap) else { return false }
    let last = row.cells[columns - 1]
    let next = grid.rows[index + 1].cells[0]
    return last.isLeadSpacer && last & CellBits.rendition == 0 && next.isWide && !next.isCluster
      && styles[next.styleID].background.isDefault
  }

  /// Paints one cell; false when another terminal may take it for a different number of columns, or join it to the next.
  private func paint(_ cell: Cell, at position: Int, _ out: inout RepaintStream) -> Bool {
    out.set(rendition: cell & CellBits.rendition, styles: styles, links: links)
    out.set(protected: cell & CellBits.protected != 0)
    if cell.isCluster {
      out.bytes.append(contentsOf: clusters.text(Int(cell & CellBits.scalar)))
      return false
    }
    let scalar = UInt32(truncatingIfNeeded: cell & CellBits.scalar)
    if scalar < 0x80 {
      out.bytes.append(scalar == 0 ? 0x20 : UInt8(truncatingIfNeeded: scalar))
      return true
    }
    UTF8Text.forEachByte(of: scalar) { out.bytes.append($0) }
    let properties = WidthTable.properties(of: scalar)
    return properties & ~(WidthTable.widthMask | WidthTable.variationCapable | WidthTable.pictographic) == 0
  }

  private func paintMargins(_ out: inout RepaintStream) {
    if topMargin != 0 || bottomMargin != rows - 1 { out.add("\u{1B}[\(topMargin + 1);\(bottomMargin + 1)r") }
    if modeSet.contains(.leftRightMargins) {
      out.add("\u{1B}[?69h")
      if leftMargin != 0 || rightMargin != columns - 1 { out.add("\u{1B}[\(leftMargin + 1);\(rightMargin + 1)s") }
    }
    var isUsual = true
    for index in 0..<columns where tabStops[index] != (index > 0 && index & 7 == 0) { isUsual = false }
    if !isUsual {
      out.add("\u{1B}[3g")
      for index in 0..<columns where tabStops[index] { out.add("\u{1B}[\(index + 1)G\u{1B}H") }
    }
  }

  /// The cursor, the pending wrap and the pen.
  private func paintCursor(_ out: inout RepaintStream) {
    let isOrigin = modeSet.contains(.origin)
    if isOrigin { out.add("\u{1B}[?6h") }
    let rowOffset = isOrigin ? topMargin : 0
    let columnOffset = isOrigin ? leftMargin : 0
    let cells = grid.rows[row].cells
    let isTail = pendingWrap && column > 0 && cells[column].isTail
    out.add("\u{1B}[\(row - rowOffset + 1);\(column - (isTail ? 1 : 0) - columnOffset + 1)H")
    if pendingWrap {
      // Printing the last character again is what makes a wrap pending.
      _ = paint(cells[isTail ? column - 1 : column], at: column, &out)
    }
    out.set(rendition: penLink << CellBits.linkShift, styles: styles, links: links)
    out.set(protected: penIsProtected)
    if !pen.isDefault { out.add("\u{1B}[\(Self.renditionParameters(pen))m") }
    charsets.appendSetup(to: &out.bytes)
    if cursorStyle != 0 { out.add("\u{1B}[\(cursorStyle) q") }
  }

  private func paintModes(_ out: inout RepaintStream) {
    let set: [(ModeSet, String)] = [
      (.applicationCursorKeys, "1"), (.reverseScreen, "5"), (.mouseX10, "9"), (.reverseWrap, "45"),
      (.applicationKeypad, "66"), (.backspaceSendsBackspace, "67"), (.mouseNormal, "1000"), (.mouseButton, "1002"),
      (.mouseAny, "1003"), (.focusReporting, "1004"), (.mouseUTF8, "1005"), (.mouseSGR, "1006"),
      (.alternateScroll, "1007"), (.mouseURXVT, "1015"), (.mouseSGRPixels, "1016"), (.reverseWrapExtended, "1045"),
      (.bracketedPaste, "2004"), (.inBandResize, "2048"), (.allowColumns132, "40"), (.noClearOnColumnChange, "95"),
    ]
    for (mode, number) in set where modeSet.contains(mode) { out.add("\u{1B}[?\(number)h") }
    if !modeSet.contains(.cursorVisible) { out.add("\u{1B}[?25l") }
    if cursorStyle == 0 && modeSet.contains(.cursorBlink) { out.add("\u{1B}[?12h") }
    if modeSet.contains(.insert) { out.add("\u{1B}[4h") }
    if modeSet.contains(.newLine) { out.add("\u{1B}[20h") }
    for (index, flags) in keyboard.levels.enumerated() {
      if index > 0 {
        out.add("\u{1B}[>\(flags)u")
      } else if flags != 0 {
        out.add("\u{1B}[=\(flags);1u")
      }
    }
    if modifyOtherKeys != 0 { out.add("\u{1B}[>4;\(modifyOtherKeys)m") }
  }

  private func paintTitles(_ out: inout RepaintStream) {
    if !iconName.isEmpty { out.add("\u{1B}]1;\(iconName)\u{1B}\\") }
    if !title.isEmpty { out.add("\u{1B}]2;\(title)\u{1B}\\") }
    for (code, color) in [(10, colors[dynamic: 10]), (11, colors[dynamic: 11]), (12, colors[dynamic: 12])] {
      if let color { out.add("\u{1B}]\(code);\(color.report)\u{1B}\\") }
    }
    if colors.isPaletteChanged {
      for index in UInt8.min...UInt8.max {
        if let color = colors[palette: index] { out.add("\u{1B}]4;\(index);\(color.report)\u{1B}\\") }
      }
    }
  }
}

/// The bytes so far, and how the other terminal's pen stands after them.
private struct RepaintStream {
  var bytes: [UInt8] = []
  private var rendition: Cell = 0
  private var isProtected = false

  init(capacity: Int) { bytes.reserveCapacity(capacity) }

  mutating func add(_ text: String) { bytes.append(contentsOf: text.utf8) }

  mutating func move(row: Int, column: Int) {
    bytes.append(0x1B, 0x5B)
    bytes.append(decimal: row)
    bytes.append(0x3B)
    bytes.append(decimal: column)
    bytes.append(0x48)
  }

  mutating func move(column: Int) {
    bytes.append(0x1B, 0x5B)
    bytes.append(decimal: column)
    bytes.append(0x47)
  }

  mutating func set(rendition wanted: Cell, styles: borrowing StyleTable, links: LinkTable) {
    if wanted.styleID != rendition.styleID {
      let style = styles[wanted.styleID]
      bytes.append(0x1B, 0x5B)
      if !style.isDefault { Terminal.appendRendition(style, to: &bytes) }
      bytes.append(0x6D)
    }
    if wanted.linkID != rendition.linkID {
      add(LinkTarget.command(links[wanted.linkID]))
    }
    rendition = wanted
  }

  mutating func set(protected wanted: Bool) {
    if wanted != isProtected { add("\u{1B}[\(wanted ? 1 : 0)\"q") }
    isProtected = wanted
  }
}
