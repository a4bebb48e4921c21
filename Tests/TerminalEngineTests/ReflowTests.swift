import TerminalEngine
import Testing

@Suite("Changing the size")
struct ReflowTests {
  private static func text(_ terminal: inout Terminal) -> String {
    String(
      decoding: terminal.text(
        from: LinePosition(line: terminal.firstLine, column: 0),
        to: LinePosition(line: terminal.screenTop + terminal.size.rows, column: 0)), as: UTF8.self)
  }

  private static func withoutBlankEnd(_ text: String) -> String {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    while lines.last == "" { lines.removeLast() }
    return lines.joined(separator: "\n")
  }

  static let story =
    "The quick brown fox jumps over the lazy dog.\r\n\r\n中文字符 mixed with 👨‍👩‍👧 and e\u{301}\r\n"
    + "\u{1B}[31mred\u{1B}[m and plain " + String(repeating: "x", count: 50) + "\r\n$ prompt"

  @Test("no width and no height loses text", arguments: [2, 3, 5, 10, 19, 40, 80, 200])
  func everyWidth(_ columns: Int) {
    for rows in [1, 2, 5, 24, 100] {
      var terminal = Terminal(size: TerminalSize(rows: 24, columns: 80))
      terminal.feed(Self.story)
      let before = Self.withoutBlankEnd(Self.text(&terminal))
      terminal.resize(TerminalSize(rows: rows, columns: columns))
      #expect(Self.withoutBlankEnd(Self.text(&terminal)) == before, "\(rows)x\(columns)")
      terminal.resize(TerminalSize(rows: 24, columns: 80))
      #expect(Self.withoutBlankEnd(Self.text(&terminal)) == before, "\(rows)x\(columns) and back")
      terminal.feed("X")
      #expect(Self.withoutBlankEnd(Self.text(&terminal)) == before + "X", "\(rows)x\(columns) and on")
    }
  }

  @Test("the cursor stays on its character where not all of the text has room, and is back when it has")
  func noRoom() {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 20))
    terminal.feed("abcd".map { String(repeating: $0, count: 16) }.joined(separator: "\r\n") + "\u{1B}[2;1H")
    terminal.resize(TerminalSize(rows: 4, columns: 8))
    #expect(terminal.rowText(terminal.cursor.row).hasPrefix("bbbb"))
    terminal.feed("X")
    terminal.resize(TerminalSize(rows: 4, columns: 20))
    #expect((terminal.firstLine..<(terminal.screenTop + 4)).contains { terminal.lineText($0) == "Xbbbbbbbbbbbbbbb" })

    terminal = Terminal(size: TerminalSize(rows: 10, columns: 20))
    terminal.feed((0..<10).map { String(repeating: "r\($0)", count: 6) }.joined(separator: "\r\n") + "\u{1B}[5;3H")
    terminal.resize(TerminalSize(rows: 10, columns: 7))
    #expect(terminal.rowText(terminal.cursor.row) == "r4r4r4r")
    terminal.resize(TerminalSize(rows: 10, columns: 20))
    #expect([terminal.cursor.row, terminal.cursor.column] == [4, 2])
    // A lower window too.
    terminal.resize(TerminalSize(rows: 3, columns: 20))
    #expect(terminal.rowText(terminal.cursor.row) == "r4r4r4r4r4r4")
  }

  @Test("styles stay with their characters")
  func styles() {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 20))
    terminal.feed("plain \u{1B}[1;31mbold red text\u{1B}[m end")
    terminal.resize(TerminalSize(rows: 8, columns: 7))
    var red = ""
    for row in 0..<8 {
      terminal.visitRuns(row: row, trim: .blankAny) { run in
        if run.style == Style(foreground: .indexed(1), attributes: .bold) {
          red += String(decoding: run.text, as: UTF8.self)
        }
      }
    }
    #expect(red == "bold red text")
  }

  @Test("a line longer than any screen survives going through the history")
  func longLine() {
    let line = (0..<2000).map { String($0 % 10) }.joined()
    var terminal = Terminal(size: TerminalSize(rows: 5, columns: 80))
    terminal.feed(line)
    for columns in [33, 120, 7, 80] {
      terminal.resize(TerminalSize(rows: 5, columns: columns))
      #expect(Self.withoutBlankEnd(Self.text(&terminal)) == line, "\(columns)")
    }
  }

  @Test("positions are carried along")
  func tracking() {
    var terminal = Terminal(size: TerminalSize(rows: 6, columns: 20))
    terminal.feed("0123456789abcdefghij" + "klmno\r\nnext line")
    var positions = [
      LinePosition(line: 0, column: 12), LinePosition(line: 1, column: 2), LinePosition(line: 2, column: 5),
    ]
    terminal.resize(TerminalSize(rows: 6, columns: 10), tracking: &positions)
    #expect(
      positions == [
        LinePosition(line: 1, column: 2), LinePosition(line: 2, column: 2), LinePosition(line: 3, column: 5),
      ])
    terminal.resize(TerminalSize(rows: 6, columns: 40), tracking: &positions)
    #expect(
      positions == [
        LinePosition(line: 0, column: 12), LinePosition(line: 0, column: 22), LinePosition(line: 1, column: 5),
      ])
  }

  @Test("the cursor keeps its place in a logical line", arguments: 1...30)
  func cursor(_ columns: Int) {
    var terminal = Terminal(size: TerminalSize(rows: 10, columns: 20))
    terminal.feed("0123456789abcdefghijklmno\u{1B}[1;8H")
    terminal.resize(TerminalSize(rows: 40, columns: columns))
    let line = terminal.screenTop + terminal.cursor.row
    let column = terminal.cursor.column
    let character = terminal.text(
      from: LinePosition(line: line, column: column), to: LinePosition(line: line, column: column + 1))
    #expect(character == Array("7".utf8))
  }

  @Test("a pending wrap goes on behind its character", arguments: [5, 9, 10, 11, 30])
  func pendingWrap(_ columns: Int) {
    var terminal = Terminal(size: TerminalSize(rows: 6, columns: 10))
    terminal.feed("0123456789")
    terminal.resize(TerminalSize(rows: 6, columns: columns))
    terminal.feed("X")
    #expect(Self.withoutBlankEnd(Self.text(&terminal)) == "0123456789X")
  }

  @Test(
    "the cursor stays behind the blank that a prompt ends in, through any width",
    arguments: [
      "user@host:~$ ", String(repeating: "x", count: 40) + "$ ", "\u{1B}[44mname:\u{1B}[m \u{1B}[1mvalue?\u{1B}[m  ",
    ])
  func behindBlanks(_ prompt: String) {
    for columns in 1...100 {
      var terminal = Terminal(size: TerminalSize(rows: 60, columns: 100))
      terminal.feed(prompt)
      let cursor = [terminal.cursor.row, terminal.cursor.column]
      terminal.resize(TerminalSize(rows: 60, columns: columns))
      terminal.resize(TerminalSize(rows: 60, columns: 100))
      #expect([terminal.cursor.row, terminal.cursor.column] == cursor, "\(columns)")
      let before = terminal.text(from: LinePosition(line: 0, column: 0), to: LinePosition(line: 0, column: cursor[1]))
      terminal.feed("typed")
      #expect(terminal.rowText(0) == String(decoding: before, as: UTF8.self) + "typed", "\(columns)")
    }
  }

  @Test("blanks that nobody stands behind make no further rows")
  func blanksAlone() {
    var terminal = Terminal(size: TerminalSize(rows: 6, columns: 20))
    terminal.feed("\u{1B}[44mtitle\u{1B}[K\u{1B}[m\r\nnext")
    terminal.resize(TerminalSize(rows: 6, columns: 7))
    #expect(terminal.rowText(1) == "next")
  }

  @Test("wide characters that had to stand in one column are wide again when there is room, and the cursor behind them")
  func throughOneColumn() {
    for back in [2, 5, 20] {
      var terminal = Terminal(size: TerminalSize(rows: 10, columns: 20))
      terminal.feed("日本語\u{1B}[1;5H")
      terminal.resize(TerminalSize(rows: 10, columns: 1))
      terminal.resize(TerminalSize(rows: 12, columns: 1))
      terminal.resize(TerminalSize(rows: 10, columns: back))
      terminal.resize(TerminalSize(rows: 10, columns: 20))
      #expect(terminal.rowText(0) == "日本語")
      #expect(terminal.cursor.column == 4, "\(back)")
      terminal.feed("語x")
      #expect(terminal.rowText(0) == "日本語x" && terminal.cursor.column == 7, "\(back)")
    }
  }

  @Test("the main screen is reflowed behind the alternate one, and the saved cursor with it")
  func behindTheAlternate() {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 20))
    terminal.feed("0123456789abcdefghij" + "klm\u{1B}[?1049h\u{1B}[Halt")
    terminal.resize(TerminalSize(rows: 4, columns: 10))
    #expect(terminal.rowText(0) == "alt")
    terminal.feed("\u{1B}[?1049l!")
    #expect(Self.withoutBlankEnd(Self.text(&terminal)) == "0123456789abcdefghijklm!")
  }

  @Test("any size may follow any other, whatever is on screen")
  func extremes() {
    let sizes = [1, 2, 3, 80, 1000]
    var terminal = Terminal(size: TerminalSize(rows: 24, columns: 80))
    for rows in sizes {
      for columns in sizes {
        terminal.feed(
          "中\u{1B}[?69h\u{1B}[1;2s\u{1B}[1;2rab中👨‍👩‍👧\u{FE0F}\t\u{1B}[99;99H中\u{1B}[5b\u{1B}[3L\u{1B}[3P\u{1B}[3@")
        terminal.resize(TerminalSize(rows: rows, columns: columns))
        #expect(terminal.size == TerminalSize(rows: rows, columns: columns))
        terminal.feed("\u{1B}[?1049h中文\u{1B}[999C\u{1B}[999B中")
        terminal.resize(TerminalSize(rows: columns, columns: rows))
        terminal.feed("\u{1B}[?1049l\u{1B}[999C中e\u{301}")
        #expect(terminal.cursor.row < terminal.size.rows && terminal.cursor.column < terminal.size.columns)
        _ = terminal.repaint()
        _ = Self.text(&terminal)
      }
    }
  }

  @Test("a wide character survives a screen one column wide")
  func oneColumn() {
    var terminal = Terminal(size: TerminalSize(rows: 7, columns: 11))
    terminal.feed("\u{1B}[1m文jB")
    for size in [(8, 1), (2, 1), (4, 62)] { terminal.resize(TerminalSize(rows: size.0, columns: size.1)) }
    #expect(terminal.rowText(0) == "文jB")
    var columns: [Int] = []
    terminal.visitRuns(row: 0, trim: .blankAny) { columns.append($0.columns) }
    #expect(columns == [4])
  }

  @Test("sizes are brought into 1...1000")
  func clamped() {
    #expect(TerminalSize(rows: 0, columns: -5) == TerminalSize(rows: 1, columns: 1))
    #expect(TerminalSize(rows: .max, columns: .min) == TerminalSize(rows: 1000, columns: 1))
  }
}
