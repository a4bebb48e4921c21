import TerminalEngine
import Testing

@Suite("Reading")
struct ReadingTests {
  private static func text(_ terminal: inout Terminal, _ from: (Int, Int), _ to: (Int, Int)) -> String {
    String(
      decoding: terminal.text(
        from: LinePosition(line: from.0, column: from.1), to: LinePosition(line: to.0, column: to.1)),
      as: UTF8.self)
  }

  @Test("a range of text has its ends where they were asked for")
  func ranges() {
    var terminal = Terminal(size: TerminalSize(rows: 3, columns: 10))
    terminal.feed("$ cmd\r\nfirst line here\r\nsecond 中文\r\n$ ")
    #expect(Self.text(&terminal, (1, 0), (5, 0)) == "first line here\nsecond 中文\n")
    #expect(Self.text(&terminal, (0, 2), (0, 5)) == "cmd")
    #expect(Self.text(&terminal, (1, 6), (2, 2)) == "line h")
    #expect(Self.text(&terminal, (3, 7), (3, 9)) == "中")
    #expect(Self.text(&terminal, (4, 0), (1, 0)) == "")
  }

  @Test("blanks inside a wrapped line are text, blanks at its end are not")
  func wrappedBlanks() {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 5))
    terminal.feed("ab   cd   \r\nx")
    #expect(
      Self.text(&terminal, (0, 0), (3, 0)) == "ab   cd\nx\n" || Self.text(&terminal, (0, 0), (2, 9)) == "ab   cd\nx")
  }

  @Test("runs differ in style or link, and trimming leaves out what it says")
  func runs() {
    var terminal = Terminal(size: TerminalSize(rows: 1, columns: 12))
    terminal.feed("a\u{1B}[1mb\u{1B}[42m  \u{1B}[m \u{1B}]8;;http://x\u{7}l\u{1B}]8;;\u{7}\u{1B}[41m \u{1B}[m ")
    func columns(_ trim: Trimming) -> [Int] {
      var columns: [Int] = []
      terminal.visitRuns(row: 0, trim: trim) { columns.append($0.columns) }
      return columns
    }
    #expect(columns(.none) == [1, 1, 2, 1, 1, 1, 5])
    #expect(columns(.blankDefault) == [1, 1, 2, 1, 1, 1])
    #expect(columns(.blankAny) == [1, 1, 2, 1, 1])
  }

  @Test(
    "the blank that a wide character leaves at the end of a line is told where it has a colour, on screen and in the history"
  )
  func colouredSpacer() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 5))
    terminal.feed("\u{1B}[41m中文字\u{1B}[m")
    func columns(_ trim: Trimming, line: Int) -> [Int] {
      var columns: [Int] = []
      terminal.visitRuns(line: line, trim: trim) { columns.append($0.columns) }
      return columns
    }
    #expect(columns(.blankDefault, line: 0) == [5] && columns(.blankAny, line: 0) == [4])
    terminal.feed("\r\n\r\n")
    #expect(terminal.screenTop > 0 && columns(.blankDefault, line: 0) == [5] && columns(.blankAny, line: 0) == [4])
    terminal = Terminal(size: TerminalSize(rows: 2, columns: 5))
    terminal.feed("中文字")
    #expect(columns(.blankDefault, line: 0) == [4])
  }

  @Test("a run tells where its link goes, on screen and in the history")
  func addresses() {
    var terminal = Terminal(size: TerminalSize(rows: 1, columns: 12))
    terminal.feed("a\u{1B}]8;id=1;http://x\u{7}l\u{1B}]8;;\u{7}中b")
    func addresses() -> [String?] {
      var addresses: [String?] = []
      terminal.visitRuns(line: 0, trim: .blankAny) { addresses.append($0.address) }
      return addresses
    }
    #expect(addresses() == [nil, "http://x", nil])
    terminal.feed("\r\n")
    #expect(terminal.screenTop == 1 && addresses() == [nil, "http://x", nil])
  }

  @Test("rows and lines that do not exist are empty")
  func outside() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 5))
    #expect(terminal.rowText(-1).isEmpty == true)
    #expect(terminal.rowText(2).isEmpty == true)
    #expect(terminal.lineText(-1).isEmpty == true)
    #expect(terminal.lineText(99).isEmpty == true)
    #expect(terminal.isWrapped(row: 7) == false)
    #expect(terminal.isWrapped(line: -3) == false)
    #expect(terminal.link(.none) == nil)
    #expect(Self.text(&terminal, (-5, -5), (.max, .max)).allSatisfy { $0 == "\n" })
  }

  @Test("the main screen's lines are read behind the alternate screen")
  func behindTheAlternate() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 10))
    terminal.feed("main\u{1B}[?1049h\u{1B}[Halt")
    #expect(terminal.rowText(0) == "alt")
    #expect(terminal.lineText(0) == "main")
  }
}
