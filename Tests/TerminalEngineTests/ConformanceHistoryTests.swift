import TerminalEngine
import Testing

/// History, numbering of lines, resizing with reflow, and reading ranges.
@Suite("History and resizing")
struct ConformanceHistoryTests {
  func numbered(_ count: Int) -> String { (0..<count).map { "line \($0)\r\n" }.joined() }

  @Test("a line keeps its number while it scrolls away")
  func numbers() {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 20))
    terminal.feed(numbered(100))
    #expect(terminal.screenTop == 97)
    #expect(terminal.firstLine == 0)
    for line in [0, 1, 50, 96, 97, 99] { #expect(terminal.lineText(line) == "line \(line)") }
  }

  @Test("old lines go when there are too many, and the rest keep their numbers")
  func lineLimit() {
    var options = TerminalOptions()
    options.historyLines = 50
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 20), options: options)
    terminal.feed(numbered(3_000))
    #expect(terminal.screenTop - terminal.firstLine >= 50)
    #expect(terminal.firstLine > 0)
    #expect(terminal.lineText(terminal.firstLine) == "line \(terminal.firstLine)")
    #expect(terminal.lineText(terminal.screenTop - 1) == "line \(terminal.screenTop - 1)")
    #expect(terminal.lineText(0) == "")
  }

  @Test("the alternate screen adds nothing to the history")
  func alternateScreen() {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 20))
    terminal.feed("\u{1B}[?1049h" + numbered(100) + "\u{1B}[?1049l")
    #expect(terminal.screenTop == 0)
  }

  @Test("only lines that leave over the top of the whole screen are kept")
  func regionScrolling() {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 20))
    terminal.feed("\u{1B}[2;4r\u{1B}[4;1H" + numbered(20))
    #expect(terminal.screenTop == 0)
  }

  @Test("styles, links, wide and combining characters survive in the history")
  func richHistory() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 12))
    terminal.feed("\u{1B}[1;38;2;1;2;3mab\u{1B}[0m中e\u{301}\u{1B}]8;;http://x\u{07}L\u{1B}]8;;\u{07}\r\n\r\n\r\n")
    var seen: [(String, Style)] = []
    var links: [LinkID] = []
    _ = terminal.visitRuns(line: 0, trim: .blankDefault) { run in
      seen.append((String(decoding: run.text, as: UTF8.self), run.style))
      links.append(run.link)
    }
    #expect(seen.map(\.0) == ["ab", "中e\u{301}", "L"])
    #expect(seen.first?.1 == Style(foreground: .rgb(1, 2, 3), attributes: .bold))
    #expect(links.last.flatMap { terminal.link($0)?.uri } == "http://x")
  }

  @Test("ED 3 empties the history and leaves the screen")
  func eraseSavedLines() {
    var terminal = Terminal(size: TerminalSize(rows: 3, columns: 20))
    terminal.feed(numbered(30) + "\u{1B}[3J")
    #expect(terminal.firstLine == terminal.screenTop)
    #expect(terminal.rowText(0) == "line 28")
  }

  @Test("a wrapped line says so and is joined when it is read as text")
  func wrapped() {
    var terminal = Terminal(size: TerminalSize(rows: 3, columns: 4))
    terminal.feed("abcdefgh\r\nxy")
    #expect(terminal.isWrapped(row: 0) == true)
    #expect(terminal.isWrapped(row: 1) == false)
    let text = terminal.text(from: LinePosition(line: 0, column: 0), to: LinePosition(line: 2, column: 2))
    #expect(String(decoding: text, as: UTF8.self) == "abcdefgh\nxy")
  }

  @Test("text between two positions is what was printed between them")
  func ranges() {
    var terminal = Terminal(size: TerminalSize(rows: 3, columns: 20))
    terminal.feed("$ seq 3\r\n1\r\n2\r\n3\r\n$ ")
    let text = terminal.text(from: LinePosition(line: 1, column: 0), to: LinePosition(line: 4, column: 0))
    #expect(String(decoding: text, as: UTF8.self) == "1\n2\n3\n" || String(decoding: text, as: UTF8.self) == "1\n2\n3")
    let part = terminal.text(from: LinePosition(line: 0, column: 2), to: LinePosition(line: 0, column: 5))
    #expect(String(decoding: part, as: UTF8.self) == "seq")
  }

  @Test("a narrower screen wraps what does not fit, a wider one joins it again", arguments: [3, 5, 7, 10])
  func reflow(_ columns: Int) {
    var terminal = Terminal(size: TerminalSize(rows: 6, columns: 20))
    terminal.feed("0123456789abcdef\r\nshort\r\n中中中中中中\r\n$ ")
    terminal.resize(TerminalSize(rows: 6, columns: columns))
    terminal.resize(TerminalSize(rows: 6, columns: 20))
    let rows = (0..<6).map { terminal.rowText($0).trimmingTrailingBlanks() }.filter { !$0.isEmpty }
    #expect(rows == ["0123456789abcdef", "short", "中中中中中中", "$"])
  }

  @Test("the cursor stays on its character through a reflow")
  func cursorInReflow() {
    var terminal = Terminal(size: TerminalSize(rows: 6, columns: 20))
    terminal.feed("0123456789abcdef\u{1B}[1;13H")
    terminal.resize(TerminalSize(rows: 6, columns: 5))
    #expect(terminal.rowText(terminal.cursor.row) == "abcde")
    #expect(terminal.cursor.column == 2)
  }

  @Test("a lower screen gives lines to the history, a higher one takes them back")
  func heights() {
    var terminal = Terminal(size: TerminalSize(rows: 6, columns: 20))
    terminal.feed("1\r\n2\r\n3\r\n4\r\n5\r\n6")
    terminal.resize(TerminalSize(rows: 3, columns: 20))
    #expect((0..<3).map { terminal.rowText($0) } == ["4", "5", "6"])
    #expect(terminal.screenTop == 3)
    #expect(terminal.cursor.row == 2)
    terminal.resize(TerminalSize(rows: 6, columns: 20))
    #expect((0..<6).map { terminal.rowText($0) } == ["1", "2", "3", "4", "5", "6"])
  }

  @Test("blank lines below the cursor go before any text does")
  func blankBelow() {
    var terminal = Terminal(size: TerminalSize(rows: 6, columns: 20))
    terminal.feed("1\r\n2")
    terminal.resize(TerminalSize(rows: 3, columns: 20))
    #expect((0..<3).map { terminal.rowText($0) } == ["1", "2", ""])
    #expect(terminal.screenTop == 0)
  }

  @Test("the alternate screen is cut, not reflowed, and the main one behind it loses nothing")
  func alternateResize() {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 10))
    terminal.feed("main text\u{1B}[?1049h\u{1B}[HALTERNATE")
    terminal.resize(TerminalSize(rows: 3, columns: 5))
    #expect(terminal.rowText(0) == "ALTER")
    terminal.feed("\u{1B}[?1049l")
    terminal.resize(TerminalSize(rows: 4, columns: 10))
    #expect(terminal.rowText(0) == "main text")
  }

  @Test("margins and tab stops follow the new size")
  func resizedMargins() {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 10))
    terminal.feed("\u{1B}[2;3r")
    terminal.resize(TerminalSize(rows: 6, columns: 40))
    terminal.feed("\u{1B}[6;1Hlast\n\r\t\t\tX")
    #expect(terminal.rowText(5) == String(repeating: " ", count: 24) + "X")
    #expect(terminal.rowText(4) == "last")
  }

  @Test("sealed history reads the same and costs less")
  func sealing() {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 80))
    terminal.decompress = { packed, size in packed.count == 1 ? [UInt8](repeating: packed[0], count: size) : nil }
    terminal.feed(numbered(5_000))
    let before = terminal.lineText(17)
    // A compressor that gives up leaves everything as it was.
    #expect(terminal.sealHistory { _ in nil }.isDone)
    #expect(terminal.lineText(17) == before)
  }
}
