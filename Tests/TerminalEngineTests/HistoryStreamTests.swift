import TerminalEngine
import TerminalInvariants
import Testing

@Suite("History for another terminal's scrollback")
struct HistoryStreamTests {
  /// Everything a stream gives, checked for the size of its pieces.
  private static func stream(
    _ terminal: inout Terminal, lines: Int?, on outer: TerminalSize
  ) -> [UInt8] {
    var stream = terminal.historyStream(lines: lines, on: outer)
    var bytes: [UInt8] = []
    while let piece = terminal.nextPiece(of: &stream) {
      #expect(piece.count <= HistoryStream.pieceBytes)
      bytes += piece
    }
    #expect(stream.isDone)
    return bytes
  }

  private static func history(_ terminal: inout Terminal) -> [String] {
    (terminal.firstLine..<terminal.screenTop).map { terminal.lineText($0) }
  }

  private static func numbered(_ range: ClosedRange<Int>) -> String {
    range.map { "line \($0)\r\n" }.joined() + "$ "
  }

  @Test(
    "it lands in the scrollback whole and in order, with the screen that follows untouched",
    arguments: [0, 1, 5, 7, 8, 9, 40], ["", "$ roost attach\r\n", "1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n"])
  func whole(count: Int, before: String) {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 20))
    terminal.feed(Self.numbered(1...max(count + 3, 3)))
    let expected = Self.history(&terminal)
    #expect(expected.count == max(count, 0))
    var outer = Terminal(size: TerminalSize(rows: 8, columns: 20))
    outer.feed(before)
    outer.feed(Self.stream(&terminal, lines: nil, on: outer.size))
    // What was on the outer screen goes first, and nothing stays.
    #expect(outer.screenText() == String(repeating: "\n", count: 7))
    #expect(Self.history(&outer) == before.split(separator: "\r\n").map(String.init) + expected)
  }

  @Test("so many rows as are asked for, and the beginning of the line that the first of them continues")
  func some() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 10))
    terminal.feed("one\r\n" + String(repeating: "abcdefghij", count: 3) + "\r\ntwo\r\nthree\r\nfour\r\n")
    func given(_ lines: Int?) -> [String] {
      var outer = Terminal(size: TerminalSize(rows: 5, columns: 40))
      outer.feed(Self.stream(&terminal, lines: lines, on: outer.size))
      return Self.history(&outer)
    }
    #expect(given(0) == [])
    #expect(given(1) == ["three"])
    #expect(given(3) == [String(repeating: "abcdefghij", count: 3), "two", "three"])
    #expect(given(nil) == ["one", String(repeating: "abcdefghij", count: 3), "two", "three"])
  }

  @Test("wrapped lines are one line, which the other terminal wraps itself", arguments: [7, 12, 24, 50])
  func joined(columns: Int) {
    let text = "a line of words that is much longer than the screen is wide, 中文 too"
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 12))
    terminal.feed("\(text)\r\nnext\r\n\r\n")
    var outer = Terminal(size: TerminalSize(rows: 5, columns: columns))
    outer.feed(Self.stream(&terminal, lines: nil, on: outer.size))
    var whole = Terminal(size: TerminalSize(rows: 1, columns: columns))
    whole.feed("\(text)\r\nnext\r\n\r\n")
    #expect(Self.history(&outer) + [""] == Self.history(&whole))
    let joined = outer.text(
      from: LinePosition(line: 0, column: 0), to: LinePosition(line: outer.screenTop, column: 0))
    #expect(String(decoding: joined, as: UTF8.self) == "\(text)\nnext\n")
  }

  @Test("styles and links are kept, and a background does not run over")
  func styled() {
    let line = "\u{1B}[1;44mon blue, wider than the screen \u{1B}]8;id=a;http://a\u{7}link\u{1B}]8;;\u{7}\u{1B}[m"
    var terminal = Terminal(size: TerminalSize(rows: 1, columns: 12))
    terminal.feed("\(line)\u{1B}[K\r\n\u{1B}[41m  \u{1B}[m\u{1B}[K   \r\n中 e\u{301} 👧\r\n")
    for columns in [10, 12, 30] {
      var outer = Terminal(size: TerminalSize(rows: 3, columns: columns))
      outer.feed(Self.stream(&terminal, lines: nil, on: outer.size))
      var plain = Terminal(size: TerminalSize(rows: 3, columns: 60))
      plain.feed("\(line)\u{1B}[K\r\n\u{1B}[41m  \u{1B}[m\r\n中 e\u{301} 👧\r\n\r\n\r\n")
      #expect(Self.joinedHistory(&outer) == Self.joinedHistory(&plain))
    }
  }

  /// The lines of the history, wrapped ones joined.
  private static func joinedHistory(_ terminal: inout Terminal) -> [[StyledText]] {
    var lines: [[StyledText]] = [[]]
    for number in terminal.firstLine..<terminal.screenTop {
      let line = observeLine(&terminal, number)
      for run in line.runs {
        if let last = lines[lines.count - 1].last, last.style == run.style, last.link == run.link {
          lines[lines.count - 1][lines[lines.count - 1].count - 1].text += run.text
          lines[lines.count - 1][lines[lines.count - 1].count - 1].columns += run.columns
        } else {
          lines[lines.count - 1].append(run)
        }
      }
      if !line.isWrapped { lines.append([]) }
    }
    return lines
  }

  @Test("what scrolls off while pieces are given comes with the later ones, and pieces stay small")
  func long() {
    var terminal = Terminal(size: TerminalSize(rows: 3, columns: 80))
    let styled = (1...9_000).map { "\u{1B}[3\($0 % 8)mnumber \($0)\u{1B}[m of many lines\r\n" }.joined()
    terminal.feed(styled)
    _ = terminal.sealHistory { _ in nil }
    var outer = Terminal(size: TerminalSize(rows: 6, columns: 80))
    var stream = terminal.historyStream(lines: nil, on: outer.size)
    var pieces = 0
    while let piece = terminal.nextPiece(of: &stream) {
      #expect(piece.count <= HistoryStream.pieceBytes)
      outer.feed(piece)
      pieces += 1
      if pieces == 2 { terminal.feed("\rmore\r\nand more\r\nand on\r\n") }
    }
    #expect(pieces > 3)
    #expect(Self.history(&outer) == Self.history(&terminal))
  }

  @Test("a row larger than a piece is given in several")
  func hugeRow() {
    var terminal = Terminal(size: TerminalSize(rows: 1, columns: 1000))
    let uri = "http://" + String(repeating: "u", count: 900)
    let row = (0..<999).map { "\u{1B}]8;;\(uri)\($0)\u{7}x" }.joined() + "\u{1B}]8;;\u{7}"
    terminal.feed("\(row)\r\n")
    var outer = Terminal(size: TerminalSize(rows: 2, columns: 1000))
    outer.feed(Self.stream(&terminal, lines: nil, on: outer.size))
    #expect(observeLine(&outer, 0) == observeLine(&terminal, 0))
  }
}
