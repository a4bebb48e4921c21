/// The modes of a session that the terminal of a painted viewer must share: they decide what its keys, its mouse and its pastes send, and
/// how it draws the cursor. What concerns only how text is placed (margins, wrapping, insertion) is not among them: the painter places text.
struct PaintedModes: Equatable {
  var isAlternateScreen = false
  var applicationCursorKeys = false
  var applicationKeypad = false
  var backspaceSendsBackspace = false
  var bracketedPaste = false
  var focusReporting = false
  var alternateScroll = false
  var newLine = false
  var reverseScreen = false
  /// The number of the private mode; 0 for none.
  var mouseTracking = 0
  /// Reports in pixels (1016) instead of cells (1006): the other encodings are made of those of 1006 when they come.
  var mousePixels = false
  var kittyKeyboardFlags: UInt8 = 0
  var modifyOtherKeys: UInt8 = 0
  var cursorStyle = 0
  var cursorBlinks = false
  var showsCursor = true

  /// Brings a terminal that was left in the middle of anything to these initial values, but for which screen it is on, and without touching
  /// what it shows. Mode 1006 is set
  /// for good: without tracking it does nothing.
  static let reset =
    "\u{1B}\\\u{1B}[?2026l\u{1B}[=0;1u\u{1B}[!p"
    + "\u{1B}[?9l\u{1B}[?1000;1002;1003;1004;1005;1007;1015;1016;2004;2027;2048l\u{1B}[?1006h\u{1B}[?1l\u{1B}>"
    + "\u{1B}[?5;6;12;45;67;69;1045l\u{1B}[4;20l\u{1B}[r\u{1B}[?7;25h\u{1B}(B\u{0F}\u{1B}]8;;\u{1B}\\\u{1B}[m"
    + "\u{1B}[0\"q\u{1B}[0 q\u{1B}[>4;0m"

  init() {}

  /// - Parameter offset: the part of the screen that is shown.
  init(_ terminal: borrowing Terminal, offset: ScreenWindow) {
    let set = terminal.modeSet
    let view = terminal.modes
    isAlternateScreen = terminal.isAlternateScreen
    applicationCursorKeys = view.applicationCursorKeys
    applicationKeypad = view.applicationKeypad
    backspaceSendsBackspace = view.backspaceSendsBackspace
    bracketedPaste = view.bracketedPaste
    focusReporting = view.focusReporting
    alternateScroll = view.alternateScroll
    newLine = view.newLine
    reverseScreen = view.reverseScreen
    mousePixels = view.mouseEncoding == .sgrPixels
    switch view.mouseTracking {
    case .none: mouseTracking = 0
    case .x10: mouseTracking = 9
    case .normal: mouseTracking = 1000
    case .button: mouseTracking = 1002
    case .any: mouseTracking = 1003
    }
    // How many pixels the window is off is known only to the viewer's terminal: no report is better than a wrong one.
    if mousePixels, offset.row != 0 || offset.column != 0 { mouseTracking = 0 }
    kittyKeyboardFlags = view.kittyKeyboardFlags
    modifyOtherKeys = view.modifyOtherKeys
    cursorStyle = terminal.cursorStyle
    cursorBlinks = cursorStyle == 0 && set.contains(.cursorBlink)
  }

  /// The bytes that lead from the modes that the viewer's terminal has to these. The cursor's visibility is the painter's.
  func write(to out: inout PaintStream, from old: PaintedModes) {
    var old = old
    if isAlternateScreen != old.isAlternateScreen {
      out.add("\u{1B}[?1049\(isAlternateScreen ? "h" : "l")")
      // Each screen has keyboard flags of its own, and mode 1049 restores what DECSC had saved, pen, charsets and origin among it.
      out.add("\u{1B}[=0;1u\u{1B}[?6l\u{1B}(B\u{0F}\u{1B}]8;;\u{1B}\\\u{1B}[m\u{1B}[0\"q")
      old.kittyKeyboardFlags = 0
    }
    func mode(_ number: String, _ now: Bool, _ before: Bool) {
      if now != before { out.add("\u{1B}[\(number)\(now ? "h" : "l")") }
    }
    mode("?1", applicationCursorKeys, old.applicationCursorKeys)
    if applicationKeypad != old.applicationKeypad { out.add(applicationKeypad ? "\u{1B}=" : "\u{1B}>") }
    mode("?67", backspaceSendsBackspace, old.backspaceSendsBackspace)
    mode("?2004", bracketedPaste, old.bracketedPaste)
    mode("?1004", focusReporting, old.focusReporting)
    mode("?1007", alternateScroll, old.alternateScroll)
    mode("20", newLine, old.newLine)
    mode("?5", reverseScreen, old.reverseScreen)
    if mousePixels != old.mousePixels { out.add(mousePixels ? "\u{1B}[?1016h" : "\u{1B}[?1016l\u{1B}[?1006h") }
    if mouseTracking != old.mouseTracking {
      if old.mouseTracking != 0 { out.add("\u{1B}[?\(old.mouseTracking)l") }
      if mouseTracking != 0 { out.add("\u{1B}[?\(mouseTracking)h") }
    }
    if kittyKeyboardFlags != old.kittyKeyboardFlags { out.add("\u{1B}[=\(kittyKeyboardFlags);1u") }
    if modifyOtherKeys != old.modifyOtherKeys { out.add("\u{1B}[>4;\(modifyOtherKeys)m") }
    if cursorStyle != old.cursorStyle { out.add("\u{1B}[\(cursorStyle) q") }
    if cursorBlinks != old.cursorBlinks { out.add("\u{1B}[?12\(cursorBlinks ? "h" : "l")") }
  }
}

/// The colours that a session's programs have changed, as the viewer's terminal has them.
struct PaintedColors {
  private var dynamic: [RGB?] = [nil, nil, nil]
  private var palette: [UInt8: RGB] = [:]

  mutating func write(_ terminal: borrowing Terminal, to out: inout PaintStream) {
    for (index, code) in [10, 11, 12].enumerated() {
      let color = terminal.colors[dynamic: code]
      guard color != dynamic[index] else { continue }
      dynamic[index] = color
      if let color {
        out.add("\u{1B}]\(code);\(color.report)\u{1B}\\")
      } else {
        out.add("\u{1B}]\(code + 100)\u{1B}\\")
      }
    }
    guard terminal.colors.isPaletteChanged || !palette.isEmpty else { return }
    for index in UInt8.min...UInt8.max {
      let color = terminal.colors[palette: index]
      guard color != palette[index] else { continue }
      palette[index] = color
      if let color {
        out.add("\u{1B}]4;\(index);\(color.report)\u{1B}\\")
      } else {
        out.add("\u{1B}]104;\(index)\u{1B}\\")
      }
    }
  }
}
