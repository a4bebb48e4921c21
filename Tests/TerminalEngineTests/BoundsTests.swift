import TerminalEngine
import Testing

@Suite("Bounds")
struct BoundsTests {
  @Test("a flood of events loses the oldest and says so")
  func events() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 10))
    for index in 0..<3000 { terminal.feed("\u{1B}]2;\(index)\u{7}") }
    let events = terminal.takeEvents()
    #expect(events.count == 1024)
    #expect(events.last == .title("2999"))
    #expect(terminal.droppedEvents == 3000 - 1024)
    #expect(terminal.hasEvents == false)
  }

  @Test("a flood of clipboards is bounded in bytes")
  func clipboards() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 10))
    let text = String(repeating: "QUJD", count: 250_000)
    for _ in 0..<6 { terminal.feed("\u{1B}]52;c;\(text)\u{7}") }
    #expect(terminal.bytesHeld < 7 << 20)
    #expect(terminal.takeEvents().count == 4)
    #expect(terminal.bytesHeld < 100_000)
  }

  @Test("a clipboard query is never answered")
  func clipboardQuery() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 10))
    terminal.feed("\u{1B}]52;c;?\u{7}\u{1B}]52;;?\u{1B}\\")
    #expect(terminal.hasReplies == false)
    #expect(terminal.hasEvents == false)
  }

  @Test("more styles than cells can name do no harm")
  func styles() {
    var terminal = Terminal(size: TerminalSize(rows: 24, columns: 80))
    for index in 0..<200_000 {
      terminal.feed("\u{1B}[38;2;\(index & 255);\(index >> 8 & 255);\(index >> 16)m#")
    }
    #expect(terminal.bytesHeld < 9 << 20)
    var styles: Set<Style> = []
    for row in 0..<24 { terminal.visitRuns(row: row, trim: .blankAny) { styles.insert($0.style) } }
    #expect(styles.count == 24 * 80 - 80 + 200_000 % 80 || styles.count >= 1840)
  }

  @Test("the title is kept without control characters and not too long")
  func title() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 10))
    terminal.feed("\u{1B}]2;a\u{9B}b\nc\u{7F}d\u{7}")
    #expect(terminal.title == "abcd")
    terminal.feed("\u{1B}]2;\(String(repeating: "x", count: 5000))\u{7}")
    #expect(terminal.title.utf8.count <= 1024)
    for _ in 0..<100 { terminal.feed("\u{1B}[22t") }
    #expect(terminal.bytesHeld < 60_000)
  }

  @Test("the kitty keyboard stack is bounded and each screen has its own")
  func keyboard() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 10))
    for flags in 0..<100 { terminal.feed("\u{1B}[>\(flags)u") }
    #expect(terminal.modes.kittyKeyboardFlags == 99 & 31)
    terminal.feed("\u{1B}[?1049h")
    #expect(terminal.modes.kittyKeyboardFlags == 0)
    terminal.feed("\u{1B}[=5;1u\u{1B}[=2;2u\u{1B}[=1;3u\u{1B}[?u")
    #expect(terminal.modes.kittyKeyboardFlags == 6)
    #expect(terminal.takeReplies() == Array("\u{1B}[?6u".utf8))
    terminal.feed("\u{1B}[?1049l")
    #expect(terminal.modes.kittyKeyboardFlags == 99 & 31)
    terminal.feed("\u{1B}[<50u")
    #expect(terminal.modes.kittyKeyboardFlags == 0)
  }

  @Test("huge parameters to everything do no harm", arguments: [(1, 1), (1, 80), (24, 1), (2, 2), (24, 80)])
  func hugeParameters(_ rows: Int, _ columns: Int) {
    var terminal = Terminal(size: TerminalSize(rows: rows, columns: columns))
    let intermediates: [String] = ["", " ", "!", "\"", "$", "'", "*", "#"]
    for marker in ["", "?", ">", "=", "<"] {
      for intermediate in intermediates {
        for final in UInt8(0x40)...0x7E {
          let last = String(UnicodeScalar(final))
          terminal.feed("中x\u{1B}[\(marker)99999;99999;99999;99999;99999;99999;99999;99999\(intermediate)\(last)")
          terminal.feed("\u{1B}[\(marker)1;0;99999;2;0;99999;1;1\(intermediate)\(last)👍🏽")
          terminal.feed("\u{1B}[\(marker)\(intermediate)\(last)")
        }
      }
    }
    #expect(terminal.cursor.row < rows && terminal.cursor.column < columns)
    _ = terminal.repaint()
  }
}
