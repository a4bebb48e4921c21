import TerminalEngine
import Testing

@Suite("Characters of more than one scalar")
struct ClusterTests {
  /// The runs of a row as text and columns.
  private static func columns(of text: String, width: Int = 20) -> (String, Int) {
    var terminal = Terminal(size: TerminalSize(rows: 3, columns: width))
    terminal.feed(text)
    return (terminal.rowText(0), terminal.cursor.column)
  }

  @Test(
    "a cluster takes the columns of one picture",
    arguments: [
      ("é", 1), ("e\u{301}", 1), ("e\u{301}\u{323}", 1), ("中", 2), ("👍", 2), ("👍🏽", 2), ("👨‍👩‍👧", 2), ("👨‍👩‍👧‍👦", 2),
      ("🏳️‍🌈", 2), ("🇩🇪", 2), ("🇩🇪🇫🇷", 4), ("🇩🇪🇫", 4), ("❤", 1), ("❤️", 2), ("❤️‍🔥", 2), ("⚠️", 2), ("1️⃣", 2), ("1\u{20E3}", 1),
      ("☎︎", 1), ("✅", 2), ("👩🏽‍🚀", 2), ("😀😀", 4), ("각", 2), ("각", 2), ("🏴󠁧󠁢󠁳󠁣󠁴󠁿", 2), ("a\u{200D}b", 2), ("🏽", 2), ("x🏽", 3),
    ])
  func width(_ text: String, columns: Int) {
    #expect(Self.columns(of: text) == (text, columns))
  }

  @Test("a cluster cut into single scalars between feeds is still one")
  func fedByScalar() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 20))
    for scalar in "👨‍👩‍👧".unicodeScalars { terminal.feed(String(scalar)) }
    #expect(terminal.rowText(0) == "👨‍👩‍👧")
    #expect(terminal.cursor.column == 2)
  }

  @Test("nothing joins across a movement of the cursor")
  func movementSeparates() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 20))
    terminal.feed("🇩\u{1B}[3G🇪")
    #expect(terminal.cursor.column == 4)
  }

  @Test("a character that becomes wide in the last column goes to the next line")
  func widensAtTheMargin() {
    var terminal = Terminal(size: TerminalSize(rows: 3, columns: 4))
    terminal.feed("abc❤\u{FE0F}x")
    #expect(terminal.rowText(0) == "abc")
    #expect(terminal.rowText(1) == "❤️x")
    #expect(terminal.isWrapped(row: 0) == true)
    #expect(
      terminal.text(from: LinePosition(line: 0, column: 0), to: LinePosition(line: 1, column: 9)) == Array("abc❤️x".utf8)
    )
  }

  @Test("a line filled by wide characters goes on with narrow ones", arguments: 1...14)
  func wideThenNarrow(_ columns: Int) {
    var terminal = Terminal(size: TerminalSize(rows: 30, columns: columns))
    terminal.feed("中中中中─中中中─中é中中中中中中─────────中中中中中中中中")
    var one = Terminal(size: TerminalSize(rows: 30, columns: columns))
    for scalar in "中中中中─中中中─中é中中中中中中─────────中中中中中中中中".unicodeScalars { one.feed(String(scalar)) }
    #expect(terminal.screenText() == one.screenText())
    #expect(terminal.cursor == one.cursor)
  }

  @Test("overwriting half of a wide character blanks the other half")
  func halves() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 10))
    terminal.feed("中文\u{1B}[2Gx")
    #expect(terminal.rowText(0) == " x文")
    terminal.feed("\r\u{1B}[3Gy")
    #expect(terminal.rowText(0) == " xy")
  }

  @Test("piles of accents are bounded")
  func zalgo() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 10))
    terminal.feed("e" + String(repeating: "\u{301}", count: 10_000) + "x")
    #expect(terminal.cursor.column == 2)
    #expect(terminal.rowText(0).utf8.count <= 60)
    #expect(terminal.bytesHeld < 30_000)
  }

  @Test("clusters that left the screen are given back")
  func sweep() {
    var terminal = Terminal(size: TerminalSize(rows: 10, columns: 40))
    // 26 letters times 112 accents times 20: more clusters than are ever on screen.
    for round in 0..<20 {
      for letter in UInt8(0x61)...0x7A {
        for accent in UInt32(0x300)..<0x370 {
          terminal.feed(
            [letter] + Array(String(Unicode.Scalar(accent)!).utf8) + (round % 2 == 0 ? Array("\u{323}".utf8) : []))
        }
      }
    }
    #expect(terminal.bytesHeld < 2 << 20)
    terminal.feed("\r\ne\u{301}")
    #expect(terminal.rowText(terminal.cursor.row) == "e\u{301}")
  }

  @Test("clusters come back from the history as they went")
  func history() {
    let text = "a👨‍👩‍👧e\u{301}❤️🇩🇪1️⃣中"
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 20))
    terminal.feed(text + "\r\n\r\n\r\n")
    #expect(terminal.lineText(0) == text)
    var columns = 0
    terminal.visitRuns(line: 0, trim: .blankAny) { columns += $0.columns }
    #expect(columns == 12)
    terminal.resize(TerminalSize(rows: 5, columns: 20))
    #expect(terminal.rowText(0) == text)
  }
}
