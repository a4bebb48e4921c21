import TerminalEngine
import Testing

@Suite("Characters of more than one scalar")
struct ClusterTests {
  private static let joined = "\u{1B}[?2027h"

  /// A row's text, and the columns it took.
  private static func columns(of text: String, width: Int = 20, setup: String = joined) -> (String, Int) {
    var terminal = Terminal(size: TerminalSize(rows: 3, columns: width))
    terminal.feed(setup + text)
    return (terminal.rowText(0), terminal.cursor.column)
  }

  @Test(
    "where clusters are joined, one takes the columns of one picture",
    arguments: [
      ("é", 1), ("e\u{301}", 1), ("e\u{301}\u{323}", 1), ("中", 2), ("👍", 2), ("👍🏽", 2), ("👨‍👩‍👧", 2), ("👨‍👩‍👧‍👦", 2),
      ("🏳️‍🌈", 2), ("🇩🇪", 2), ("🇩🇪🇫🇷", 4), ("🇩🇪🇫", 4), ("❤", 1), ("❤️", 2), ("❤️‍🔥", 2), ("⚠️", 2), ("1️⃣", 2), ("1\u{20E3}", 1),
      ("☎︎", 1), ("✅", 2), ("👩🏽‍🚀", 2), ("😀😀", 4), ("각", 2), ("각", 2), ("🏴󠁧󠁢󠁳󠁣󠁴󠁿", 2), ("a\u{200D}b", 2), ("🏽", 2), ("x🏽", 3),
      ("🇩", 2), ("⌚\u{FE0E}", 1), ("⌚\u{FE0E}x", 2), ("⛹\u{200D}♂", 1), ("⛹\u{200D}♂\u{FE0F}", 2),
      ("⛹🏽\u{200D}♂\u{FE0F}", 2),
      ("☝🏽", 2), ("👁️‍🗨️", 2), ("1\u{FE0F}", 2), ("😀\u{FE0F}", 2), ("a\u{FE0E}", 1),
      ("का", 2), ("क्ष", 2), ("क्त्र", 2), ("नमस्ते", 4), ("क्\u{200D}ष", 2), ("क्\u{200C}ष", 2), ("কী", 2), ("കൈ", 2), ("ကို", 1),
      ("கா", 2), ("நு", 2), ("น้ำ", 2), ("ｱﾞ", 2), ("\u{1112}\u{1161}\u{11AB}", 2), ("\u{1100}\u{1100}\u{1161}", 2),
      ("\u{1100}가", 2),
    ])
  func width(_ text: String, columns: Int) {
    #expect(Self.columns(of: text) == (text, columns))
    // However it is cut, and behind text that takes the fast way.
    var terminal = Terminal(size: TerminalSize(rows: 3, columns: 20))
    terminal.feed(Self.joined + "中文")
    for byte in (text + "終文字").utf8 { terminal.feed([byte]) }
    #expect(terminal.rowText(0) == "中文" + text + "終文字")
    #expect(terminal.cursor.column == 4 + columns + 6)
    #expect(Self.columns(of: "中文" + text + "終文字") == (terminal.rowText(0), terminal.cursor.column))
  }

  @Test(
    "elsewhere every character takes the columns that the C library counts",
    arguments: [
      ("❤\u{FE0F}", 1), ("⌚\u{FE0E}", 2), ("👍🏽", 4), ("👨‍👩‍👧", 6), ("🇩🇪", 2), ("🇩", 1), ("1\u{FE0F}\u{20E3}", 1),
      ("e\u{301}", 1),
      ("का", 2), ("क्ष", 2), ("क्त्र", 3), ("❤\u{FE0F}\u{200D}🔥", 3), ("한", 2), ("\u{1112}\u{1161}\u{11AB}", 2), ("ｱﾞ", 2),
    ])
  func widthOfTheCLibrary(_ text: String, columns: Int) {
    #expect(Self.columns(of: text, setup: "") == (text, columns))
    #expect(Self.columns(of: text, setup: Self.joined + "\u{1B}[?2027l") == (text, columns))
  }

  @Test("a heart with a selector leaves the next column to what vim and nano put there")
  func columnBehindSelector() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 20))
    terminal.feed("❤\u{FE0F}\u{1B}[1;2H$")
    #expect(terminal.rowText(0) == "❤\u{FE0F}$")
  }

  @Test("mode 2027 is reset at first, is set and reset, saved and restored, and ends with RIS")
  func mode() {
    func answer(_ setup: String) -> String {
      var terminal = Terminal(size: TerminalSize(rows: 2, columns: 20))
      terminal.feed(setup + "\u{1B}[?2027$p")
      return String(decoding: terminal.takeReplies(), as: UTF8.self)
    }
    #expect(answer("") == "\u{1B}[?2027;2$y")
    #expect(answer("\u{1B}[?2027h") == "\u{1B}[?2027;1$y")
    #expect(answer("\u{1B}[?2027h\u{1B}[?2027l") == "\u{1B}[?2027;2$y")
    #expect(answer("\u{1B}[?2027h\u{1B}[?2027s\u{1B}[?2027l\u{1B}[?2027r") == "\u{1B}[?2027;1$y")
    #expect(answer("\u{1B}[?2027h\u{1B}c") == "\u{1B}[?2027;2$y")
  }

  @Test("a picture made narrow gives its second column back")
  func narrows() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 4))
    terminal.feed(Self.joined + "ab⌚\u{FE0E}c")
    #expect(terminal.rowText(0) == "ab⌚\u{FE0E}c")
    #expect(terminal.isWrapPending == true)
    terminal.feed("d")
    #expect(terminal.rowText(1) == "d")
  }

  @Test("in insert mode a character that becomes wide moves the rest")
  func widensWhileInserting() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 20))
    terminal.feed(Self.joined + "xyz\r\u{1B}[4h❤\u{FE0F}")
    #expect(terminal.rowText(0) == "❤\u{FE0F}xyz")
  }

  @Test("a repaint shows clusters of both kinds as they are", arguments: ["", "\u{1B}[?2027l"])
  func repaint(_ end: String) {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 30))
    terminal.feed("❤\u{FE0F}👍🏽🇩🇪का|\r\n" + Self.joined + "❤\u{FE0F}👍🏽🇩🇪🇩\u{1B}[mक्त्र⌚\u{FE0E}|" + end)
    var copy = Terminal(size: TerminalSize(rows: 4, columns: 30))
    copy.feed(terminal.repaint())
    for row in 0..<2 { #expect(copy.rowText(row) == terminal.rowText(row)) }
    #expect(copy.cursor == terminal.cursor)
    #expect(copy.modes == terminal.modes)
    copy.feed("\u{1B}[1;11H|\u{1B}[2;12H|")
    terminal.feed("\u{1B}[1;11H|\u{1B}[2;12H|")
    for row in 0..<2 { #expect(copy.rowText(row) == terminal.rowText(row)) }
  }

  @Test("a cluster cut into single scalars between feeds is still one")
  func fedByScalar() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 20))
    terminal.feed(Self.joined)
    for scalar in "👨‍👩‍👧".unicodeScalars { terminal.feed(String(scalar)) }
    #expect(terminal.rowText(0) == "👨‍👩‍👧")
    #expect(terminal.cursor.column == 2)
  }

  @Test("nothing joins across a movement of the cursor")
  func movementSeparates() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 20))
    terminal.feed(Self.joined + "🇩\u{1B}[3G🇪")
    #expect(terminal.cursor.column == 4)
  }

  @Test("a character that becomes wide in the last column goes to the next line")
  func widensAtTheMargin() {
    var terminal = Terminal(size: TerminalSize(rows: 3, columns: 4))
    terminal.feed(Self.joined + "abc❤\u{FE0F}x")
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
    let text = "a👨‍👩‍👧e\u{301}❤️🇩🇪1️⃣中🇩क्ष"
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 20))
    terminal.feed(Self.joined + text + "\r\n\r\n\r\n")
    #expect(terminal.lineText(0) == text)
    var columns = 0
    terminal.visitRuns(line: 0, trim: .blankAny) { columns += $0.columns }
    #expect(columns == 16)
    terminal.resize(TerminalSize(rows: 5, columns: 20))
    #expect(terminal.rowText(0) == text)
  }
}
