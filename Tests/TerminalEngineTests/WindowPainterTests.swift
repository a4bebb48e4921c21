import TerminalInvariants
import Testing

@testable import TerminalEngine

/// One cell of a screen as a person sees it.
private struct SeenCell: Equatable {
  var text = " "
  var style = Style.default
  var link: String?
  /// 0 for the second half of a wide character.
  var width = 1

  init(_ text: String = " ", _ style: Style = .default) {
    self.text = text
    self.style = style
  }

  init(_ terminal: borrowing Terminal, row: Int, column: Int) {
    let source = terminal.grid.rows[row]
    let cell = column < Int(source.length) ? source.cells[column] : 0
    style = terminal.styles[cell.styleID]
    link = terminal.links[cell.linkID].map { "\($0.id) \($0.uri)" }
    width = cell.isTail ? 0 : cell.isWide ? 2 : 1
    if cell.isCluster {
      text = String(decoding: terminal.clusters.text(Int(cell & CellBits.scalar)), as: UTF8.self)
    } else if let scalar = Unicode.Scalar(UInt32(cell & CellBits.scalar)), scalar.value != 0 {
      text = String(Character(scalar))
    }
  }

  var blank: SeenCell {
    var blank = SeenCell(" ", style)
    blank.link = link
    return blank
  }
}

/// A session's terminal, a viewer's of another size with rows of its own below, and what paints the one on the other.
private struct PaintedViewer: ~Copyable {
  var session: Terminal
  var viewer: Terminal
  let painter: WindowPainter
  let reserved: Int
  private static let status = "status"

  init(session: TerminalSize, viewer size: TerminalSize, reserved: Int = 0) {
    self.session = Terminal(size: session)
    viewer = Terminal(size: TerminalSize(rows: size.rows + reserved, columns: size.columns))
    painter = WindowPainter(size: size)
    self.reserved = reserved
    drawStatus()
  }

  mutating func feed(_ bytes: [UInt8]) {
    session.stamp += 1
    bytes.withUnsafeBytes { session.feed($0) }
    _ = session.takeReplies()
    _ = session.takeEvents()
  }

  mutating func feed(_ text: String) { feed(Array(text.utf8)) }

  mutating func resizeSession(_ size: TerminalSize) {
    session.stamp += 1
    session.resize(size)
  }

  mutating func resizeViewer(_ size: TerminalSize) {
    viewer.resize(TerminalSize(rows: size.rows + reserved, columns: size.columns))
    painter.resize(size)
    drawStatus()
  }

  /// As a client draws what is its own, between two pieces of what it is sent.
  private mutating func drawStatus() {
    guard reserved > 0 else { return }
    viewer.feed("\u{1B}7\u{1B}[\(viewer.size.rows);1H\u{1B}[2K\(Self.status.prefix(viewer.size.columns))\u{1B}8")
  }

  /// Paints, in pieces cut anywhere; the bytes.
  @discardableResult
  mutating func paint(cut: (() -> Int)? = nil) -> [UInt8] {
    let bytes = painter.paint(session)
    let wasOnAlternate = viewer.isAlternateScreen
    var start = 0
    while start < bytes.count {
      let end = min(bytes.count, start + (cut?() ?? bytes.count))
      Array(bytes[start..<end]).withUnsafeBytes { viewer.feed($0) }
      start = end
    }
    // Switching takes the rows below along; the client is told, and draws them again.
    if viewer.isAlternateScreen != wasOnAlternate || bytes.firstRange(of: Array("\u{1B}[?1049".utf8)) != nil {
      drawStatus()
    }
    return bytes
  }

  /// What the viewer sees that it should not; nil when it sees exactly the window.
  mutating func fault() -> String? {
    let window = painter.window
    let size = painter.size
    guard window.rows == min(size.rows, session.size.rows), window.columns == min(size.columns, session.size.columns),
      window.row + window.rows <= session.size.rows, window.column + window.columns <= session.size.columns
    else { return "the window \(window) does not fit" }
    for row in 0..<size.rows {
      for column in 0..<size.columns {
        let wanted = expected(row, column)
        var seen = SeenCell(viewer, row: row, column: column)
        if seen.width == 0 { seen = SeenCell(seen.text, wanted.style).half(of: wanted) }
        if seen != wanted { return "row \(row), column \(column): \(seen) for \(wanted), window \(window)" }
      }
    }
    if reserved > 0, viewer.rowText(viewer.size.rows - 1) != String(Self.status.prefix(viewer.size.columns)) {
      return "the reserved row is '\(viewer.rowText(viewer.size.rows - 1))'"
    }
    return cursorFault() ?? modeFault()
  }

  private func expected(_ row: Int, _ column: Int) -> SeenCell {
    let window = painter.window
    let faint = Style(attributes: .faint)
    guard row < window.rows else {
      if row > window.rows || column > window.columns { return SeenCell("·", faint) }
      return SeenCell(column == window.columns ? "┘" : "─", faint)
    }
    guard column < window.columns else { return SeenCell(column == window.columns ? "│" : "·", faint) }
    let cell = SeenCell(session, row: window.row + row, column: window.column + column)
    // What the window's edge cuts.
    if cell.width == 2, column + 1 == window.columns { return cell.blank }
    if cell.width == 0, column == 0 { return cell.blank }
    if cell.width != 0 { return cell }
    var half = SeenCell(" ", cell.style)
    half.width = 0
    return half
  }

  private func cursorFault() -> String? {
    let cursor = session.cursor
    let window = painter.window
    guard cursor.isVisible else { return viewer.cursor.isVisible ? "the cursor is to be hidden" : nil }
    guard window.contains(row: cursor.row, column: cursor.column) else { return "the window has lost the cursor" }
    var wanted = cursor
    wanted.row -= window.row
    wanted.column -= window.column
    return viewer.cursor == wanted ? nil : "the cursor is \(viewer.cursor) for \(wanted)"
  }

  private func modeFault() -> String? {
    var wanted = session.modes
    var seen = viewer.modes
    let isOff = painter.window.row != 0 || painter.window.column != 0
    if wanted.mouseEncoding == .sgrPixels {
      if isOff { wanted.mouseTracking = .none }
    } else {
      wanted.mouseEncoding = .sgr
    }
    // How text is placed is the painter's affair.
    for modes in [
      \TerminalModes.originMode, \.autowrap, \.insert, \.leftRightMargins, \.reverseWrap, \.synchronizedOutput,
      \.inBandResize, \.graphemeClusters,
    ] {
      wanted[keyPath: modes] = false
      seen[keyPath: modes] = false
    }
    if wanted != seen { return "the modes are \(seen) for \(wanted)" }
    if viewer.title != session.title { return "the title is '\(viewer.title)' for '\(session.title)'" }
    if viewer.isAlternateScreen != session.isAlternateScreen { return "it is on the other screen" }
    return nil
  }
}

extension SeenCell {
  /// The second half of a character has no look of its own.
  fileprivate func half(of wanted: SeenCell) -> SeenCell {
    var half = SeenCell(" ", wanted.style)
    half.width = 0
    return half
  }
}

@Suite("Painting a screen for a viewer of another size")
struct WindowPainterTests {
  private static func size(_ rows: Int, _ columns: Int) -> TerminalSize { TerminalSize(rows: rows, columns: columns) }

  /// The first rows of the viewer, without blanks at their ends.
  private static func rows(_ viewer: borrowing PaintedViewer, _ count: Int) -> [String] {
    (0..<count).map { viewer.viewer.rowText($0) }
  }

  @Test(
    "whatever a session shows and whatever the sizes, a viewer sees exactly the window",
    arguments: Array(UInt64(1)...60))
  func exactly(seed: UInt64) {
    var random = RandomSource(seed: seed &* 7919)
    var grammar = TerminalGrammar(seed: seed)
    let scenario = grammar.scenario(steps: 14)
    func anySize() -> TerminalSize {
      random.chance(15)
        ? Self.size(random.below(3) + 1, random.below(3) + 1) : Self.size(random.below(30) + 1, random.below(100) + 1)
    }
    var viewer = PaintedViewer(session: scenario.size, viewer: anySize(), reserved: random.below(3))
    for (index, step) in scenario.steps.enumerated() {
      switch step {
      case .feed(let bytes): viewer.feed(bytes)
      case .resize(let size): viewer.resizeSession(size)
      case .sealHistory, .clearHistory, .hold, .repaint: continue
      }
      if random.chance(20) { viewer.resizeViewer(anySize()) }
      if random.chance(5) { viewer.painter.forget() }
      // Some looks are left out, as for a viewer that is slow.
      if random.chance(25), index + 1 < scenario.steps.count { continue }
      viewer.paint { random.below(7) + 1 }
      if let fault = viewer.fault() {
        Issue.record("seed \(seed), step \(index): \(fault)\n\(scenario)")
        return
      }
      #expect(viewer.paint().isEmpty, "seed \(seed), step \(index): what is seen already is painted again")
    }
  }

  @Test("a larger viewer sees the screen within a border, and dots beyond it, as tmux shows it")
  func border() {
    var viewer = PaintedViewer(session: Self.size(2, 4), viewer: Self.size(4, 7))
    viewer.feed("ab\r\ncd")
    viewer.paint()
    #expect(Self.rows(viewer, 4) == ["ab  │··", "cd  │··", "────┘··", "·······"])
    #expect(viewer.fault() == nil)
  }

  @Test("a border beside the screen or below it alone")
  func oneBorder() {
    var wide = PaintedViewer(session: Self.size(2, 4), viewer: Self.size(2, 6))
    wide.feed("ab")
    wide.paint()
    #expect(Self.rows(wide, 2) == ["ab  │·", "    │·"])
    var high = PaintedViewer(session: Self.size(2, 4), viewer: Self.size(4, 4))
    high.feed("ab")
    high.paint()
    #expect(Self.rows(high, 4) == ["ab", "", "────", "····"])
  }

  @Test("the window stays where it is as long as the cursor is in it")
  func follows() {
    var viewer = PaintedViewer(session: Self.size(20, 60), viewer: Self.size(5, 10))
    for row in 1...20 { viewer.feed("\u{1B}[\(row);1Hrow \(row)") }
    viewer.feed("\u{1B}[1;1H")
    viewer.paint()
    #expect(Self.rows(viewer, 2) == ["row 1", "row 2"])
    viewer.feed("\u{1B}[5;10H")
    viewer.paint()
    #expect(viewer.painter.window.row == 0)
    viewer.feed("\u{1B}[10;1H")
    viewer.paint()
    #expect(Self.rows(viewer, 5) == ["row 8", "row 9", "row 10", "row 11", "row 12"])
    viewer.feed("\u{1B}[20;60H")
    viewer.paint()
    #expect(viewer.painter.window == ScreenWindow(row: 15, column: 50, rows: 5, columns: 10))
    // A program that hides its cursor moves it about for its own ends.
    viewer.feed("\u{1B}[?25l\u{1B}[1;1H")
    viewer.paint()
    #expect(viewer.painter.window.row == 15)
    #expect(viewer.fault() == nil)
  }

  @Test("of a wide character that the edge of the window cuts a blank is seen")
  func cutCharacters() {
    var viewer = PaintedViewer(session: Self.size(1, 12), viewer: Self.size(1, 5))
    viewer.feed("中文字中文字\u{1B}[1;1H")
    viewer.paint()
    #expect(Self.rows(viewer, 1) == ["中文"])
    viewer.feed("\u{1B}[1;8H")
    viewer.paint()
    #expect(viewer.fault() == nil)
  }

  @Test("one changed character costs some bytes, and not a picture")
  func differences() {
    var viewer = PaintedViewer(session: Self.size(24, 80), viewer: Self.size(40, 120))
    viewer.feed(String(repeating: "some text ", count: 100))
    #expect(viewer.paint().count > 2000)
    viewer.feed("x")
    #expect(viewer.paint().count < 40)
    #expect(viewer.fault() == nil)
  }

  @Test("nothing that is sent reaches the rows below: no erasing of the screen, no scrolling, no margins")
  func reserved() {
    var viewer = PaintedViewer(session: Self.size(10, 30), viewer: Self.size(4, 30), reserved: 1)
    var all: [UInt8] = []
    for step in [
      "a\r\nb\r\nc\r\nd\r\ne\r\nf", "\u{1B}[2J\u{1B}[H", "\u{1B}[2;5r\u{1B}[5;1H\n\n\n", "\u{1B}[?1049hfull",
      "\u{1B}[?1049l", "\u{1B}c",
    ] {
      viewer.feed(step)
      all += viewer.paint()
      #expect(viewer.fault() == nil)
    }
    let text = String(decoding: all, as: UTF8.self)
    for forbidden in ["\n", "\u{1B}[J", "\u{1B}[2J", "\u{1B}[0J", "\u{1B}D", "\u{1B}M"] {
      #expect(!text.contains(forbidden))
    }
  }

  @Test("a piece is one synchronized update for who asked for it")
  func synchronized() {
    var session = Terminal(size: Self.size(2, 8))
    session.feed("text")
    let painter = WindowPainter(size: Self.size(3, 9), synchronizes: true)
    let text = String(decoding: painter.paint(session), as: UTF8.self)
    #expect(text.hasPrefix("\u{1B}[?2026h") && text.hasSuffix("\u{1B}[?2026l"))
    #expect(painter.paint(session).isEmpty)
  }

  @Test(
    "what the viewer's terminal was left with does not show, on either screen",
    arguments: [
      "\u{1B}[31;44m\u{1B}(0\u{1B}7\u{1B}[m\u{1B}(B", "\u{1B}[2;3r\u{1B}[?6h\u{1B}[7m\u{1B}7",
      "\u{1B}[?1049h\u{1B}[41mred",
      "\u{1B}]8;;http://left\u{7}\u{1B}7", "\u{1B}[4h\u{1B}[20h\u{1B}[1\"q", "\u{1B}]52;c;cut", "\u{1B}[38;2",
    ], ["text", "\u{1B}[?1049hother", "\u{1B}[?1049hother\u{1B}[?1049ltext"])
  func leftovers(before: String, text: String) {
    var viewer = PaintedViewer(session: Self.size(4, 20), viewer: Self.size(6, 30))
    viewer.viewer.feed(before)
    for step in [text, "\u{1B}[?1049h", "\u{1B}[?1049l", "more"] {
      viewer.feed(step)
      viewer.paint()
      #expect(viewer.fault() == nil)
    }
  }

  @Test("colours that a program has changed are changed at the viewer, and put back with the program's own")
  func colours() {
    var viewer = PaintedViewer(session: Self.size(2, 8), viewer: Self.size(3, 9))
    viewer.feed("\u{1B}]4;1;rgb:10/20/30\u{7}\u{1B}]11;#102030\u{7}")
    viewer.paint()
    #expect(viewer.viewer.colors[palette: 1] == RGB(0x10, 0x20, 0x30))
    #expect(viewer.viewer.colors[dynamic: 11] == RGB(0x10, 0x20, 0x30))
    viewer.feed("\u{1B}]104\u{7}\u{1B}]111\u{7}")
    viewer.paint()
    #expect(viewer.viewer.colors[palette: 1] == nil)
    #expect(viewer.viewer.colors[dynamic: 11] == nil)
  }

  @Test("a screen of ever new colours costs a bounded amount of memory")
  func bounded() {
    var session = Terminal(size: Self.size(10, 40))
    let painter = WindowPainter(size: Self.size(8, 30))
    var viewer = Terminal(size: Self.size(8, 30))
    for frame in 0..<60 {
      session.stamp += 1
      for cell in 0..<400 {
        session.feed(
          "\u{1B}[\(cell / 40 + 1);\(cell % 40 + 1)H\u{1B}[38;2;\(frame);\(cell / 40);\(cell % 40)m\u{1B}]8;;http://\(frame)/\(cell)\u{7}e\u{301}"
        )
      }
      session.feed("\u{1B}[1;1H")
      painter.paint(session).withUnsafeBytes { viewer.feed($0) }
    }
    #expect(painter.bytesHeld < 2 << 20)
    #expect(SeenCell(viewer, row: 7, column: 29) == SeenCell(session, row: 7, column: 29))
  }
}
