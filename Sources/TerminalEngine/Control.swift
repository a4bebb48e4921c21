// The single control characters (C0 and C1) and the plain escape sequences.

extension Terminal {
  /// A C0 control.
  @inline(__always)
  mutating func control(_ byte: UInt8) {
    if byte == 0x0D {
      carriageReturn()
      lastScalar = 0
    } else if byte == 0x0A {
      lineFeed()
      lastScalar = 0
    } else {
      otherControl(byte)
    }
  }

  @inline(never)
  private mutating func otherControl(_ byte: UInt8) {
    lastScalar = 0
    switch byte {
    case 0x0B, 0x0C: lineFeed()
    case 0x08: backspace()
    case 0x09: tab(1)
    case 0x07: emit(.bell)
    case 0x0E: charsets.lockLeft(1)
    case 0x0F: charsets.lockLeft(0)
    default: break
    }
  }

  /// A C1 control that came as U+0080…U+009F.
  mutating func controlC1(_ byte: UInt8) {
    switch byte {
    case 0x84, 0x85, 0x88, 0x8D, 0x8E, 0x8F, 0x96, 0x97, 0x9A: dispatchEscape(byte - 0x40)
    case 0x90:
      beginSequence()
      state = .deviceControlEntry
    case 0x9B: beginSequence()
    case 0x9D: beginString(.operatingSystemCommand, limit: Self.commandStringLimit)
    case 0x98, 0x9E, 0x9F: beginString(.ignoredString, limit: 0)
    default: break
    }
  }

  /// ESC and a final byte.
  mutating func dispatchEscape(_ final: UInt8) {
    lastScalar = 0
    switch final {
    case 0x36: if conformanceLevel >= 4 { backIndex() }
    case 0x37: saveCursor()
    case 0x38: restoreCursor()
    case 0x39: if conformanceLevel >= 4 { forwardIndex() }
    case 0x3D: modeSet.insert(.applicationKeypad)
    case 0x3E: modeSet.remove(.applicationKeypad)
    case 0x44:
      index()
      pendingWrap = false
    case 0x45:
      index()
      column = column >= leftMargin ? leftMargin : 0
      pendingWrap = false
    case 0x48: tabStops[column] = true
    case 0x4D:
      reverseIndex()
      pendingWrap = false
    case 0x4E: charsets.shiftOnce(2)
    case 0x4F: charsets.shiftOnce(3)
    case 0x56: setProtection(true, .iso)
    case 0x57: setProtection(false, .iso)
    case 0x5A: reportPrimaryAttributes()
    case 0x63: reset()
    case 0x6E: charsets.lockLeft(2)
    case 0x6F: charsets.lockLeft(3)
    default: break
    }
  }

  /// ESC, one intermediate byte and a final byte.
  mutating func dispatchEscape(_ intermediate: UInt8, _ final: UInt8) {
    lastScalar = 0
    switch intermediate {
    case 0x28...0x2B, 0x2D...0x2F: designate(intermediate, 0, final)
    case 0x20 where final == 0x46: repliesInEightBits = false
    case 0x20 where final == 0x47: repliesInEightBits = conformanceLevel >= 2
    case 0x23 where final == 0x38: alignmentPattern()
    default: break
    }
  }

  /// Gives G0…G3 a set: `ESC (` to `ESC +` one of 94 characters, `ESC -` to `ESC /` one of 96, which G0 cannot have.
  mutating func designate(_ which: UInt8, _ intermediate: UInt8, _ final: UInt8) {
    lastScalar = 0
    switch which {
    // What nobody knows is ASCII: better than lines and corners that were left there.
    case 0x28...0x2B:
      charsets.designate(Int(which - 0x28), Charset(intermediate, final, is96: false) ?? .ascii)
    case 0x2D...0x2F:
      guard let set = Charset(intermediate, final, is96: true) else { return }
      charsets.designate(Int(which - 0x2C), set)
    default: break
    }
  }

  /// DECSCA, SPA and EPA.
  mutating func setProtection(_ on: Bool, _ kind: Protection) {
    penIsProtected = on
    // DECSCA is DEC's way in either direction; EPA only ends what SPA began.
    if on || kind == .dec { protection = kind }
    penIsStale = true
  }

  /// DECALN: fills the screen with E, resets the margins and origin mode, and homes the cursor.
  private mutating func alignmentPattern() {
    resetMargins()
    modeSet.remove(.origin)
    placeCursor(row: 0, column: 0)
    tear(above: 0)
    for index in 0..<rows {
      let line = grid.rows + index
      line.pointee.cells.update(repeating: 0x45, count: columns)
      line.pointee.length = Int32(truncatingIfNeeded: columns)
      line.pointee.flags = 0
    }
    spend(rows * columns)
    touchAll()
  }

  mutating func resetMargins() {
    topMargin = 0
    bottomMargin = rows - 1
    leftMargin = 0
    rightMargin = columns - 1
  }

  /// DECSC (and SCOSC). As in xterm, the pending wrap is saved too.
  mutating func saveCursor() {
    savedCursor = SavedCursor(
      row: row, column: column, pendingWrap: pendingWrap, pen: pen, link: penLink, isProtected: penIsProtected,
      origin: modeSet.contains(.origin), charsets: charsets)
  }

  /// DECRC (and SCORC).
  mutating func restoreCursor() {
    let saved = savedCursor
    row = min(max(saved.row, 0), rows - 1)
    column = min(max(saved.column, 0), columns - 1)
    pendingWrap = saved.pendingWrap
    pen = saved.pen
    penIsProtected = saved.isProtected
    charsets = saved.charsets
    charsets.isNational = modeSet.contains(.nationalReplacement)
    if saved.origin { modeSet.insert(.origin) } else { modeSet.remove(.origin) }
    if saved.origin {
      row = min(max(row, topMargin), bottomMargin)
      column = min(max(column, leftMargin), rightMargin)
    }
    penIsStale = true
  }

  /// DECSTR: what a program may have left behind, but not the text, and as in xterm not the pending wrap.
  mutating func softReset() {
    pen = .default
    penLink = 0
    penIsProtected = false
    penIsStale = true
    protection = .none
    resetMargins()
    modeSet.subtract([
      .insert, .origin, .leftRightMargins, .applicationCursorKeys, .applicationKeypad, .reverseWrap,
      .reverseWrapExtended, .keyboardLocked, .synchronizedOutput, .nationalReplacement,
    ])
    modeSet.formUnion([.cursorVisible, .autowrap])
    charsets = Charsets()
    savedCursor = SavedCursor()
    keyboard = KeyboardFlags()
    modifyOtherKeys = 0
    cursorStyle = 0
  }

  /// RIS: everything, the history too.
  mutating func reset() {
    setAlternateScreen(false)
    dormant = nil
    pen = .default
    penLink = 0
    penIsProtected = false
    penIsStale = true
    penStack = []
    protection = .none
    settlePen()
    resetMargins()
    placeCursor(row: 0, column: 0)
    if modeSet.isSuperset(of: [.allowColumns132, .columns132]) {
      requestSize(rows: rows, columns: 80)
    }
    modeSet = .initial
    savedModes = .initial
    attributeChangeExtent = 1
    conformanceLevel = Self.highestLevel
    repliesInEightBits = false
    titleModes = TitleModes()
    charsets = Charsets()
    savedCursor = SavedCursor()
    dormantSavedCursor = SavedCursor()
    keyboard = KeyboardFlags()
    dormantKeyboard = KeyboardFlags()
    modifyOtherKeys = 0
    cursorStyle = 0
    resetTabStops(from: 0)
    for index in 0..<rows { clearRow(index) }
    spend(rows * columns)
    clearHistory()
    if !title.isEmpty { setTitle("") }
    if !iconName.isEmpty { setIconName("") }
    titleStack = []
    colors = ColorTable()
    pendingNotification = nil
    if progress != nil {
      progress = nil
      emit(.progress(state: 0, percent: 0))
    }
    lastScalar = 0
    touchAll()
    emit(.reset)
  }
}
