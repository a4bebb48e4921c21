// A stream of bytes that makes another terminal look like this one, and go on like it.

extension Terminal {
  /// One stream that brings an xterm-like terminal of the same size to this one's state: both screens with their saved cursors, text in
  /// its styles with links, wide and joined characters, the cursor, margins, tab stops, charsets, modes, colours, titles, the pen, what
  /// REP would repeat. Whatever the program prints next comes out as it does here. That terminal may have been left in the middle of
  /// anything: it is one that has just been reset, or one that has missed a part of what the program printed.
  /// - Parameter unfinished: whether the stream ends with what the program has printed of a sequence, a string or a character that is not
  ///   complete. The other terminal is at rest after it otherwise, and takes the rest of it for text.
  package func repaint(unfinished: Bool = true) -> [UInt8] {
    var out = RepaintStream(capacity: rows * columns + 1024, protection: protection)
    out.add(Terminal.tidying)
    paintSavedModes(&out)
    paintTitles(&out)
    paintColors(&out)
    for saved in penStack {
      out.set(pen: saved, styles: styles)
      out.add("\u{1B}[#{")
    }
    out.setPlain(styles: styles, links: links)
    if isAlternateScreen {
      paintScreenBehind(&out)
      // Its flags are its own.
      out.add("\u{1B}[<99u")
    } else {
      paintAlternateScreen(&out)
    }
    paintSaved(savedCursor, &out)
    paintScreen(grid.rows, &out)
    paintKeyboard(keyboard, &out)
    paintMargins(&out)
    if attributeChangeExtent != 1 { out.add("\u{1B}[\(attributeChangeExtent)*x") }
    if protection == .iso { out.add("\u{1B}V\u{1B}W") }
    paintModes(&out)
    paintCursor(&out)
    if unfinished { appendUnfinished(to: &out.bytes) }
    return out.bytes
  }

  /// Ends a string that was cut off, and unsets what a program may have set and unset since. Not every terminal knows DECSTR, and none
  /// unsets all of it by that: a mouse that goes on reporting would type into the session. What a user may have chosen for his terminal
  /// (colours, the backspace key, what the wheel does) is left alone.
  private static let tidying =
    "\u{1B}\\\u{1B}[?2026l\u{1B}[?1047l\u{1B}[!p\u{1B}[?9l\u{1B}[?1000;1002;1003;1004;1005;1006;1015;1016;2004;2027;2048l"
    + "\u{1B}[?1l\u{1B}>\u{1B}[?5;6;41;42;45;69;1045l\u{1B}[2;4;20l\u{1B}[12h\u{1B}[r\u{1B}[?7;25h\(Charsets.plainSetup)"
    + "\u{1B}]8;;\u{1B}\\\u{1B}[1\"q\u{1B}[0\"q\u{1B}[0 q\u{1B}[<99u\u{1B}[=0;1u\u{1B}[>4m\u{1B}[>0;1T\u{1B}[1*x\u{1B}[m"

  // MARK: screens

  /// Clears the other terminal's screen and paints rows on it. Its pen is plain before and after, its margins are those of the screen.
  private func paintScreen(_ lines: UnsafeMutablePointer<Row>, _ out: inout RepaintStream) {
    // Row by row: some terminals push a screen that is erased as a whole into their scrollback.
    out.add("\u{1B}[H")
    for _ in 1..<rows { out.add("\u{1B}[K\u{1B}[B") }
    out.add("\u{1B}[J")
    var wrapsInto = false
    for index in 0..<rows { wrapsInto = paintRow(lines, index, continuing: wrapsInto, &out) }
    out.set(rendition: 0, styles: styles, links: links)
    out.set(protected: false)
  }

  /// The main screen behind the alternate one, and the way to the alternate one.
  private func paintScreenBehind(_ out: inout RepaintStream) {
    let saved = dormantSavedCursor
    let main: UnsafeMutablePointer<Row>
    switch dormant {
    case .some(let grid): main = grid.rows
    case .none: return
    }
    // Mode 1049 saves the cursor as it enters. Some terminals leave to where they entered by it, and to nothing else.
    let isEntered =
      saved.row == mainCursor.line && saved.column == mainCursor.column && saved.pendingWrap == mainPendingWrap
    if !isEntered { paintSaved(saved, &out) }
    paintScreen(main, &out)
    paintKeyboard(dormantKeyboard, &out)
    if isEntered {
      paint(saved, on: main, thenAdd: "\u{1B}[?1049h", &out)
    } else {
      out.move(row: mainCursor.line + 1, column: mainCursor.column + 1)
      out.add("\u{1B}[?1047h")
    }
  }

  /// What mode 47 left of the alternate screen while the main one is shown, and its saved cursor, where there is anything of it.
  private func paintAlternateScreen(_ out: inout RepaintStream) {
    var isKept = !dormantSavedCursor.isInitial || dormantKeyboard != KeyboardFlags()
    var lines: UnsafeMutablePointer<Row>?
    switch dormant {
    case .some(let grid):
      for index in 0..<rows where grid.rows[index].length > 0 { lines = grid.rows }
    case .none: break
    }
    if lines != nil { isKept = true }
    guard isKept else { return }
    out.add("\u{1B}[?47h\u{1B}[<99u")
    paintSaved(dormantSavedCursor, &out)
    if let lines { paintScreen(lines, &out) } else { out.add("\u{1B}[H\u{1B}[J") }
    paintKeyboard(dormantKeyboard, &out)
    out.add("\u{1B}[?47l")
  }

  /// Makes the other terminal's DECRC restore what it restores here. Draws on the screen, so it comes before its rows.
  private func paintSaved(_ saved: SavedCursor, _ out: inout RepaintStream) {
    paint(saved, on: nil, thenAdd: "\u{1B}7", &out)
  }

  /// Brings the other terminal's cursor, pen and charsets to what was saved, adds something, and makes them plain again. Margins are
  /// those of the screen: a cursor saved in origin mode may stand outside the present ones.
  private func paint(
    _ saved: SavedCursor, on lines: UnsafeMutablePointer<Row>?, thenAdd command: String, _ out: inout RepaintStream
  ) {
    let row = min(max(saved.row, 0), rows - 1)
    let column = min(max(saved.column, 0), columns - 1)
    if saved.origin { out.add("\u{1B}[?6h") }
    if saved.pendingWrap {
      paintPendingWrap(row, column, lines, isMargin: column == columns - 1, &out)
    } else {
      out.move(row: row + 1, column: column + 1)
    }
    out.set(rendition: 0, styles: styles, links: links)
    out.set(pen: saved.pen, styles: styles)
    out.set(protected: saved.isProtected)
    saved.charsets.appendSetup(to: &out.bytes)
    saved.charsets.appendSingleShift(to: &out.bytes)
    out.add(command)
    if saved.origin { out.add("\u{1B}[?6l") }
    out.setPlain(styles: styles, links: links)
    // Only a character ends a single shift. What is drawn here is erased before the rows come.
    if saved.charsets.single != 0 { out.add("\u{1B}[H ") }
  }

  // MARK: state

  private func paintMargins(_ out: inout RepaintStream) {
    if topMargin != 0 || bottomMargin != rows - 1 { out.add("\u{1B}[\(topMargin + 1);\(bottomMargin + 1)r") }
    if modeSet.contains(.leftRightMargins) {
      out.add("\u{1B}[?69h")
      if leftMargin != 0 || rightMargin != columns - 1 { out.add("\u{1B}[\(leftMargin + 1);\(rightMargin + 1)s") }
    }
    var isUsual = true
    for index in 0..<columns where tabStops[index] != (index > 0 && index & 7 == 0) { isUsual = false }
    if isUsual {
      out.add("\u{1B}[?5W")
    } else {
      out.add("\u{1B}[3g")
      for index in 0..<columns where tabStops[index] { out.add("\u{1B}[1;\(index + 1)H\u{1B}H") }
    }
  }

  /// The private modes that are set by their numbers alone.
  private static let toldModes: [(ModeSet, Int)] = [
    (.applicationCursorKeys, 1), (.reverseScreen, 5), (.mouseX10, 9), (.reverseWrap, 45), (.applicationKeypad, 66),
    (.backspaceSendsBackspace, 67), (.mouseNormal, 1000), (.mouseButton, 1002), (.mouseAny, 1003),
    (.focusReporting, 1004), (.mouseUTF8, 1005), (.mouseSGR, 1006), (.alternateScroll, 1007), (.mouseURXVT, 1015),
    (.mouseSGRPixels, 1016), (.reverseWrapExtended, 1045), (.bracketedPaste, 2004), (.inBandResize, 2048),
    (.allowColumns132, 40), (.tabWraps, 41), (.noClearOnColumnChange, 95), (.nationalReplacement, 42),
  ]

  private func paintModes(_ out: inout RepaintStream) {
    for (mode, number) in Self.toldModes where modeSet.contains(mode) { out.add("\u{1B}[?\(number)h") }
    if !modeSet.contains(.allowAlternateScreen) { out.add("\u{1B}[?1046l") }
    out.set(joinsClusters: modeSet.contains(.graphemeClusters))
    if !modeSet.contains(.autowrap) { out.add("\u{1B}[?7l") }
    if !modeSet.contains(.cursorVisible) { out.add("\u{1B}[?25l") }
    if cursorStyle == 0 && modeSet.contains(.cursorBlink) { out.add("\u{1B}[?12h") }
    if cursorStyle != 0 { out.add("\u{1B}[\(cursorStyle) q") }
    if modeSet.contains(.newLine) { out.add("\u{1B}[20h") }
    if modifyOtherKeys != 0 { out.add("\u{1B}[>4;\(modifyOtherKeys)m") }
    if modeSet.contains(.synchronizedOutput) { out.add("\u{1B}[?2026h") }
  }

  /// What XTSAVE has kept for XTRESTORE: a mode is set for a moment, saved and unset. (Not so mode 2048, whose setting is answered.)
  private func paintSavedModes(_ out: inout RepaintStream) {
    if savedModes.contains(.alternateScreen) { out.add("\u{1B}[?47h\u{1B}[?47s\u{1B}[?47l") }
    let others: [(ModeSet, Int)] = [
      (.origin, 6), (.autowrap, 7), (.cursorBlink, 12), (.cursorVisible, 25), (.leftRightMargins, 69),
      (.synchronizedOutput, 2026), (.graphemeClusters, 2027), (.allowAlternateScreen, 1046),
    ]
    for (mode, number) in Self.toldModes + others where mode != .inBandResize {
      let isSaved = savedModes.contains(mode)
      let isUsual = ModeSet.initial.contains(mode)
      guard isSaved != isUsual else { continue }
      out.add("\u{1B}[?\(number)\(isSaved ? "h" : "l")\u{1B}[?\(number)s\u{1B}[?\(number)\(isUsual ? "h" : "l")")
    }
  }

  private func paintKeyboard(_ keyboard: KeyboardFlags, _ out: inout RepaintStream) {
    for (index, flags) in keyboard.levels.enumerated() {
      if index > 0 {
        out.add("\u{1B}[>\(flags)u")
      } else if flags != 0 {
        out.add("\u{1B}[=\(flags);1u")
      }
    }
  }

  private func paintTitles(_ out: inout RepaintStream) {
    for saved in titleStack {
      out.add("\u{1B}]1;\(saved.iconName)\u{1B}\\\u{1B}]2;\(saved.title)\u{1B}\\\u{1B}[22;0t")
    }
    // A title that nobody has set is not unset: the user's own stays.
    if !iconName.isEmpty || !titleStack.isEmpty { out.add("\u{1B}]1;\(iconName)\u{1B}\\") }
    if !title.isEmpty || !titleStack.isEmpty { out.add("\u{1B}]2;\(title)\u{1B}\\") }
    if titleModes.setsInHexadecimal { out.add("\u{1B}[>0t") }
    if titleModes.reportsInHexadecimal { out.add("\u{1B}[>1t") }
    if !workingDirectory.isEmpty { out.add("\u{1B}]7;\(workingDirectory)\u{1B}\\") }
    if let progress { out.add("\u{1B}]9;4;\(progress.state);\(progress.percent)\u{1B}\\") }
  }

  private func paintColors(_ out: inout RepaintStream) {
    for code in 10...19 {
      if let color = colors[dynamic: code] { out.add("\u{1B}]\(code);\(color.report)\u{1B}\\") }
    }
    if colors.isPaletteChanged {
      for index in UInt8.min...UInt8.max {
        if let color = colors[palette: index] { out.add("\u{1B}]4;\(index);\(color.report)\u{1B}\\") }
      }
    }
    for index in 0..<ColorTable.specialCount {
      if let color = colors[special: index] { out.add("\u{1B}]5;\(index);\(color.report)\u{1B}\\") }
    }
  }
}
