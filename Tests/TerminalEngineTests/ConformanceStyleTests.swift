import TerminalEngine
import Testing

/// Select Graphic Rendition (ECMA-48 §8.3.117, ISO 8613-6 colours, xterm's and kitty's additions), and what erasing does.
@Suite("Styles")
struct ConformanceStyleTests {
  @Test(
    "SGR sets what it says",
    arguments: [
      ("1", Style(attributes: .bold)), ("2", Style(attributes: .faint)), ("3", Style(attributes: .italic)),
      ("4", Style(underline: .single)), ("5", Style(attributes: .blink)), ("6", Style(attributes: .blink)),
      ("7", Style(attributes: .inverse)), ("8", Style(attributes: .invisible)),
      ("9", Style(attributes: .strikethrough)),
      ("21", Style(underline: .double)), ("53", Style(attributes: .overline)),
      ("4:0", Style()), ("4:1", Style(underline: .single)), ("4:2", Style(underline: .double)),
      ("4:3", Style(underline: .curly)), ("4:4", Style(underline: .dotted)), ("4:5", Style(underline: .dashed)),
      ("31", Style(foreground: .indexed(1))), ("97", Style(foreground: .indexed(15))),
      ("42", Style(background: .indexed(2))), ("103", Style(background: .indexed(11))),
      ("38;5;208", Style(foreground: .indexed(208))), ("38:5:208", Style(foreground: .indexed(208))),
      ("48;5;0", Style(background: .indexed(0))), ("38;2;1;2;3", Style(foreground: .rgb(1, 2, 3))),
      ("38:2:1:2:3", Style(foreground: .rgb(1, 2, 3))), ("38:2::1:2:3", Style(foreground: .rgb(1, 2, 3))),
      ("48:2::1:2:3", Style(background: .rgb(1, 2, 3))), ("58;5;9", Style(underlineColor: .indexed(9))),
      ("58:2::9:8:7", Style(underlineColor: .rgb(9, 8, 7))), ("58;2;9;8;7", Style(underlineColor: .rgb(9, 8, 7))),
      ("1;31;44", Style(foreground: .indexed(1), background: .indexed(4), attributes: .bold)),
      ("38;5;1;4", Style(foreground: .indexed(1), underline: .single)),
      ("4:3;58:5:1", Style(underlineColor: .indexed(1), underline: .curly)),
      ("1;2;22", Style()), ("3;23", Style()), ("4;24", Style()), ("21;24", Style()), ("4:3;24", Style()),
      ("5;25", Style()), ("7;27", Style()), ("8;28", Style()), ("9;29", Style()), ("53;55", Style()),
      ("31;39", Style()), ("41;49", Style()), ("58;5;1;59", Style()), ("1;31;0", Style()), ("1;31;", Style()),
      ("1;999;3", Style(attributes: [.bold, .italic])),
    ] as [(String, Style)])
  func rendition(_ parameters: String, expected: Style) {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 8))
    terminal.feed("\u{1B}[\(parameters)mX")
    #expect(Cell.row(of: terminal, 0).first?.style == expected)
  }

  @Test(
    "erased cells take the background and nothing else of the pen",
    arguments: [
      "\u{1B}[K", "\u{1B}[2K", "\u{1B}[J", "\u{1B}[2J", "\u{1B}[4X", "\u{1B}[4P", "\u{1B}[4@", "\u{1B}[L", "\u{1B}[S",
    ])
  func backgroundColorErase(_ erase: String) {
    var terminal = Terminal(size: TerminalSize(rows: 1, columns: 4))
    terminal.feed("abcd\r\u{1B}[1;4;31;44m\(erase)")
    var styles: [Style] = []
    var text = ""
    terminal.visitRuns(row: 0, trim: .none) { run in
      styles.append(run.style)
      text += String(decoding: run.text, as: UTF8.self)
    }
    #expect(text == "    ")
    #expect(styles == [Style(background: .indexed(4))])
  }

  @Test("lines scrolled in at the bottom take the background")
  func scrolledInBackground() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 4))
    terminal.feed("a\r\nb\u{1B}[41m\r\n")
    #expect(Cell.row(of: terminal, 1).allSatisfy { $0.style == Style(background: .indexed(1)) })
  }

  @Test("a wide character has one style over both columns")
  func wideStyle() {
    var terminal = Terminal(size: TerminalSize(rows: 1, columns: 6))
    terminal.feed("\u{1B}[31m中\u{1B}[0mx")
    var columns: [Int] = []
    terminal.visitRuns(row: 0, trim: .blankDefault) { columns.append($0.columns) }
    #expect(columns == [2, 1])
  }

  @Test("hyperlinks end where they are ended, and know their address and id")
  func hyperlinks() {
    var terminal = Terminal(size: TerminalSize(rows: 1, columns: 10))
    terminal.feed("a\u{1B}]8;id=7;https://example.com/?a=1;2\u{1B}\\bc\u{1B}]8;;\u{07}d")
    var found: [String] = []
    var links: [LinkID] = []
    terminal.visitRuns(row: 0, trim: .blankDefault) { run in
      found.append(String(decoding: run.text, as: UTF8.self))
      links.append(run.link)
    }
    #expect(found == ["a", "bc", "d"])
    #expect(links.count == 3 && links[0] == .none && links[2] == .none)
    let target = terminal.link(links[1])
    #expect(target?.uri == "https://example.com/?a=1;2")
    #expect(target?.id == "7")
  }

  @Test("DECSC keeps the pen, and DECRC gives it back")
  func savedPen() {
    var terminal = Terminal(size: TerminalSize(rows: 1, columns: 4))
    terminal.feed("\u{1B}[1;31m\u{1B}7\u{1B}[0m\u{1B}8X")
    #expect(Cell.row(of: terminal, 0).first?.style == Style(foreground: .indexed(1), attributes: .bold))
  }

  @Test("DECCARA changes attributes in a rectangle, DECRARA turns them over")
  func rectangleAttributes() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 4))
    terminal.feed("abcd\u{1B}[2*x\u{1B}[1;2;1;3;1$r\u{1B}[1;3;1;4;1$t")
    #expect(Cell.row(of: terminal, 0).map { $0.style.attributes.contains(.bold) } == [false, true, false, true])
  }

  @Test("the text of a screen holds no style and no trailing blanks")
  func text() {
    var terminal = Terminal(size: TerminalSize(rows: 3, columns: 6))
    terminal.feed("\u{1B}[31mab\u{1B}[0m\r\n\u{1B}[44m  \u{1B}[0mc")
    #expect(terminal.rowText(0) == "ab")
    #expect(terminal.rowText(1) == "  c")
    #expect(terminal.rowText(2) == "")
  }
}
