/// The modes a program has set, as the host of the terminal needs them (to encode keys and mouse events, mostly).
package struct TerminalModes: Sendable, Equatable {
  package enum MouseTracking: Sendable, Equatable {
    case none
    /// Mode 9: presses only.
    case x10
    /// Mode 1000: presses and releases.
    case normal
    /// Mode 1002: and motion while a button is down.
    case button
    /// Mode 1003: and all motion.
    case any
  }

  package enum MouseEncoding: Sendable, Equatable {
    case x10
    /// Mode 1005.
    case utf8
    /// Mode 1006.
    case sgr
    /// Mode 1015.
    case urxvt
    /// Mode 1016.
    case sgrPixels
  }

  /// DECCKM.
  package var applicationCursorKeys = false
  /// DECNKM, DECKPAM.
  package var applicationKeypad = false
  /// DECBKM: the backspace key sends BS instead of DEL.
  package var backspaceSendsBackspace = false
  /// Mode 2004.
  package var bracketedPaste = false
  /// Mode 1004.
  package var focusReporting = false
  package var mouseTracking = MouseTracking.none
  package var mouseEncoding = MouseEncoding.x10
  /// Mode 1007: the wheel sends cursor keys on the alternate screen.
  package var alternateScroll = false
  /// The flags of the kitty keyboard protocol that are in force (0…31).
  package var kittyKeyboardFlags: UInt8 = 0
  /// xterm's modifyOtherKeys (0…2).
  package var modifyOtherKeys: UInt8 = 0
  /// DECOM.
  package var originMode = false
  /// DECAWM.
  package var autowrap = true
  /// IRM.
  package var insert = false
  /// LNM: the return key sends CR LF.
  package var newLine = false
  /// DECSCNM.
  package var reverseScreen = false
  /// DECLRMM: left and right margins may be set.
  package var leftRightMargins = false
  /// Mode 45.
  package var reverseWrap = false
  /// Mode 2026.
  package var synchronizedOutput = false
  /// Mode 2027: characters that are one picture or one syllable take the columns of one.
  package var graphemeClusters = false
  /// Mode 2048: the terminal reports its size when it changes.
  package var inBandResize = false
}

/// The modes as the engine keeps them: one bit each.
struct ModeSet: OptionSet, Equatable {
  let rawValue: UInt64

  static let insert = ModeSet(rawValue: 1 << 0)
  static let newLine = ModeSet(rawValue: 1 << 1)
  static let applicationCursorKeys = ModeSet(rawValue: 1 << 2)
  static let columns132 = ModeSet(rawValue: 1 << 3)
  static let reverseScreen = ModeSet(rawValue: 1 << 4)
  static let origin = ModeSet(rawValue: 1 << 5)
  static let autowrap = ModeSet(rawValue: 1 << 6)
  static let cursorBlink = ModeSet(rawValue: 1 << 7)
  static let cursorVisible = ModeSet(rawValue: 1 << 8)
  static let allowColumns132 = ModeSet(rawValue: 1 << 9)
  static let reverseWrap = ModeSet(rawValue: 1 << 10)
  static let applicationKeypad = ModeSet(rawValue: 1 << 11)
  static let backspaceSendsBackspace = ModeSet(rawValue: 1 << 12)
  static let leftRightMargins = ModeSet(rawValue: 1 << 13)
  static let mouseX10 = ModeSet(rawValue: 1 << 14)
  static let mouseNormal = ModeSet(rawValue: 1 << 15)
  static let mouseButton = ModeSet(rawValue: 1 << 16)
  static let mouseAny = ModeSet(rawValue: 1 << 17)
  static let focusReporting = ModeSet(rawValue: 1 << 18)
  static let mouseUTF8 = ModeSet(rawValue: 1 << 19)
  static let mouseSGR = ModeSet(rawValue: 1 << 20)
  static let mouseURXVT = ModeSet(rawValue: 1 << 21)
  static let mouseSGRPixels = ModeSet(rawValue: 1 << 22)
  static let alternateScroll = ModeSet(rawValue: 1 << 23)
  static let bracketedPaste = ModeSet(rawValue: 1 << 24)
  static let synchronizedOutput = ModeSet(rawValue: 1 << 25)
  static let noClearOnColumnChange = ModeSet(rawValue: 1 << 26)
  static let inBandResize = ModeSet(rawValue: 1 << 27)
  static let reverseWrapExtended = ModeSet(rawValue: 1 << 28)
  static let keyboardLocked = ModeSet(rawValue: 1 << 29)
  static let sendReceive = ModeSet(rawValue: 1 << 30)
  /// xterm's mode 41, which it calls a fix for more(1).
  static let tabWraps = ModeSet(rawValue: 1 << 41)
  /// Mode 1046: whether programs get the alternate screen at all.
  static let allowAlternateScreen = ModeSet(rawValue: 1 << 42)
  /// Only among the saved modes: that the alternate screen was shown (47, 1047, 1049).
  static let alternateScreen = ModeSet(rawValue: 1 << 43)

  static let graphemeClusters = ModeSet(rawValue: 1 << 39)
  static let nationalReplacement = ModeSet(rawValue: 1 << 40)

  /// Modes of a window or a printer, neither of which is here: smooth scrolling, printing (18, 19), the scroll bar, font keys, the
  /// margin bell, where a window scrolls to, selections, what a bell does to a window. They are kept, so that a program that saves and
  /// restores one finds what it set, and do nothing. The n-th has bit 44 + n.
  private static let remembered = [4, 18, 19, 30, 35, 44, 1010, 1011, 1040, 1041, 1042, 1043, 1044]
  private static let firstRememberedBit = 44

  /// As in an xterm that has just started: font keys, scrolling to the bottom on output and keeping the selection are on.
  static let initial: ModeSet = [
    .autowrap, .cursorVisible, .sendReceive, .allowAlternateScreen, ModeSet(remembered: 35), ModeSet(remembered: 1010),
    ModeSet(remembered: 1040),
  ]
  static let mouseTracking: ModeSet = [.mouseX10, .mouseNormal, .mouseButton, .mouseAny]
  static let mouseEncodings: ModeSet = [.mouseUTF8, .mouseSGR, .mouseURXVT, .mouseSGRPixels]

  /// The bit of a DEC private mode that has no effect besides its own, or of one that has (see `Terminal.setPrivateMode`).
  init?(privateMode number: Int) {
    switch number {
    case 1: self = .applicationCursorKeys
    case 3: self = .columns132
    case 5: self = .reverseScreen
    case 6: self = .origin
    case 7: self = .autowrap
    case 9: self = .mouseX10
    case 12: self = .cursorBlink
    case 25: self = .cursorVisible
    case 40: self = .allowColumns132
    case 41: self = .tabWraps
    case 42: self = .nationalReplacement
    case 45: self = .reverseWrap
    case 66: self = .applicationKeypad
    case 67: self = .backspaceSendsBackspace
    case 69: self = .leftRightMargins
    case 95: self = .noClearOnColumnChange
    case 1000: self = .mouseNormal
    case 1002: self = .mouseButton
    case 1003: self = .mouseAny
    case 1004: self = .focusReporting
    case 1005: self = .mouseUTF8
    case 1006: self = .mouseSGR
    case 1007: self = .alternateScroll
    case 1015: self = .mouseURXVT
    case 1016: self = .mouseSGRPixels
    case 1045: self = .reverseWrapExtended
    case 1046: self = .allowAlternateScreen
    case 2004: self = .bracketedPaste
    case 2026: self = .synchronizedOutput
    case 2027: self = .graphemeClusters
    case 2048: self = .inBandResize
    default:
      self.init(remembered: number)
      if isEmpty { return nil }
    }
  }

  init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The bit of a mode that is only kept; none when it is not one of them.
  private init(remembered number: Int) {
    let index = Self.remembered.firstIndex(of: number)
    rawValue = index.map { 1 << UInt64(Self.firstRememberedBit + $0) } ?? 0
  }

  /// The bit of an ANSI mode.
  init?(ansiMode number: Int) {
    switch number {
    case 2: self = .keyboardLocked
    case 4: self = .insert
    case 12: self = .sendReceive
    case 20: self = .newLine
    default: return nil
    }
  }
}

extension Terminal {
  /// What is set now.
  package var modes: TerminalModes {
    var view = TerminalModes()
    view.applicationCursorKeys = modeSet.contains(.applicationCursorKeys)
    view.applicationKeypad = modeSet.contains(.applicationKeypad)
    view.backspaceSendsBackspace = modeSet.contains(.backspaceSendsBackspace)
    view.bracketedPaste = modeSet.contains(.bracketedPaste)
    view.focusReporting = modeSet.contains(.focusReporting)
    view.mouseTracking =
      modeSet.contains(.mouseAny)
      ? .any
      : modeSet.contains(.mouseButton)
        ? .button : modeSet.contains(.mouseNormal) ? .normal : modeSet.contains(.mouseX10) ? .x10 : .none
    view.mouseEncoding =
      modeSet.contains(.mouseSGRPixels)
      ? .sgrPixels
      : modeSet.contains(.mouseSGR)
        ? .sgr : modeSet.contains(.mouseURXVT) ? .urxvt : modeSet.contains(.mouseUTF8) ? .utf8 : .x10
    view.alternateScroll = modeSet.contains(.alternateScroll)
    view.kittyKeyboardFlags = keyboard.flags
    view.modifyOtherKeys = modifyOtherKeys
    view.originMode = modeSet.contains(.origin)
    view.autowrap = modeSet.contains(.autowrap)
    view.insert = modeSet.contains(.insert)
    view.newLine = modeSet.contains(.newLine)
    view.reverseScreen = modeSet.contains(.reverseScreen)
    view.leftRightMargins = modeSet.contains(.leftRightMargins)
    view.reverseWrap = !modeSet.isDisjoint(with: [.reverseWrap, .reverseWrapExtended])
    view.synchronizedOutput = modeSet.contains(.synchronizedOutput)
    view.graphemeClusters = modeSet.contains(.graphemeClusters)
    view.inBandResize = modeSet.contains(.inBandResize)
    return view
  }

  /// SM and RM (`CSI Ps h`, `CSI Ps l`).
  mutating func setModes(_ on: Bool) {
    for index in 0..<max(parameterCount, 1) {
      guard let mode = ModeSet(ansiMode: raw(index)) else { continue }
      if on { modeSet.insert(mode) } else { modeSet.remove(mode) }
    }
  }

  /// DECSET and DECRST (`CSI ? Pm h`, `CSI ? Pm l`).
  mutating func setPrivateModes(_ on: Bool) {
    forEachModeOnce { $0.setPrivateMode($1, on) }
  }

  /// Every mode that is named, in order. One that erases or changes the screen is named once by anybody who means it: more often would only
  /// cost.
  private mutating func forEachModeOnce(_ body: (inout Terminal, Int) -> Void) {
    var seen = 0
    for index in 0..<max(parameterCount, 1) {
      let number = raw(index)
      if let costly = Self.screenModes.firstIndex(of: number) {
        guard seen & 1 << costly == 0 else { continue }
        seen |= 1 << costly
      }
      body(&self, number)
    }
  }

  private static let screenModes = [3, 47, 1047, 1049]

  /// XTSAVE (`CSI ? Pm s`).
  mutating func savePrivateModes() {
    for index in 0..<max(parameterCount, 1) {
      switch raw(index) {
      case 47, 1047, 1049:
        if isAlternateScreen { savedModes.insert(.alternateScreen) } else { savedModes.remove(.alternateScreen) }
      case 1048: saveCursor()
      default:
        guard let mode = ModeSet(privateMode: raw(index)) else { continue }
        if modeSet.contains(mode) { savedModes.insert(mode) } else { savedModes.remove(mode) }
      }
    }
  }

  /// XTRESTORE (`CSI ? Pm r`). What was never saved is as after a reset.
  mutating func restorePrivateModes() {
    forEachModeOnce { terminal, number in
      switch number {
      case 47, 1047, 1049: terminal.setPrivateMode(number, terminal.savedModes.contains(.alternateScreen))
      case 1048: terminal.restoreCursor()
      default:
        guard let mode = ModeSet(privateMode: number) else { return }
        terminal.setPrivateMode(number, terminal.savedModes.contains(mode))
      }
    }
  }

  mutating func setPrivateMode(_ number: Int, _ on: Bool) {
    guard isKnownAtLevel(privateMode: number) else { return }
    if let mode = ModeSet(privateMode: number), mode != .columns132 {
      // One kind of mouse tracking, and one of its encodings, is in force at a time.
      if on, !ModeSet.mouseTracking.isDisjoint(with: mode) { modeSet.subtract(.mouseTracking) }
      if on, !ModeSet.mouseEncodings.isDisjoint(with: mode) { modeSet.subtract(.mouseEncodings) }
      if on { modeSet.insert(mode) } else { modeSet.remove(mode) }
    }
    switch number {
    case 3: setColumns132(on)
    case 5: touchAll()
    case 6: moveCursor(row: 0, column: 0)
    case 12:
      // The odd styles of DECSCUSR blink, the even ones do not; style 0 leaves it to this mode.
      if cursorStyle != 0 { cursorStyle = on ? (cursorStyle - 1) | 1 : (cursorStyle + 1) & ~1 }
    case 42: charsets.isNational = on
    case 47:
      if modeSet.contains(.allowAlternateScreen) { setAlternateScreen(on, keepsOnLeave: true, startsBlank: false) }
    case 69:
      if !on {
        leftMargin = 0
        rightMargin = columns - 1
      }
    case 1046: if !on { setAlternateScreen(false) }
    case 1047:
      guard modeSet.contains(.allowAlternateScreen) else { return }
      // xterm erases what it leaves, and erasing ends a pending wrap.
      if !on && isAlternateScreen { pendingWrap = false }
      setAlternateScreen(on, startsBlank: false)
    case 1048: if on { saveCursor() } else { restoreCursor() }
    case 1049:
      guard modeSet.contains(.allowAlternateScreen) else { return }
      if on {
        saveCursor()
        if isAlternateScreen { eraseDisplay(2) } else { setAlternateScreen(true) }
      } else {
        // DECRC, on the main screen too: a program that says goodbye twice does no harm, one that had saved a cursor finds it.
        setAlternateScreen(false)
        restoreCursor()
      }
    case 2048: if on { reportSizeInBand() }
    default: break
    }
  }

  /// DECCOLM. The width is the host's to change, and is asked for only where mode 40 allows it; the rest of it happens
  /// always: margins, erasing and homing.
  private mutating func setColumns132(_ on: Bool) {
    if on { modeSet.insert(.columns132) } else { modeSet.remove(.columns132) }
    if modeSet.contains(.allowColumns132) {
      requestSize(rows: rows, columns: on ? 132 : 80)
    }
    resetMargins()
    modeSet.remove(.leftRightMargins)
    if !modeSet.contains(.noClearOnColumnChange) { eraseDisplay(2) }
    placeCursor(row: 0, column: 0)
  }

  /// Modes 47, 1047 and 1049. Leaving by 47 keeps what is on the alternate screen, 47 and 1047 find it again, 1049 starts with a
  /// blank one.
  mutating func setAlternateScreen(_ on: Bool, keepsOnLeave: Bool = false, startsBlank: Bool = true) {
    guard on != isAlternateScreen else { return }
    spend(rows * columns * 2)
    if on && startsBlank { dormant = nil }
    var other: Grid
    if let kept = dormant.take() {
      other = kept
    } else {
      other = Grid(TerminalSize(rows: rows, columns: columns))
    }
    swap(&grid, &other)
    if on {
      mainCursor = LinePosition(line: row, column: column)
      mainPendingWrap = pendingWrap
      dormant = consume other
    } else if keepsOnLeave {
      dormant = consume other
    } else {
      dormant = nil
    }
    swap(&keyboard, &dormantKeyboard)
    swap(&savedCursor, &dormantSavedCursor)
    isAlternateScreen = on
    lastScalar = 0
    touchAll()
    emit(.alternateScreen(on))
  }
}
