import TerminalEngine
import Testing

/// What can be compared of two terminals: rows with their styles, the cursor, the modes, titles and history.
struct Picture: Equatable {
  var rows: [String] = []
  var cursor: Cursor
  var isWrapPending: Bool
  var modes: TerminalModes
  var title: String
  var history: [String] = []
  var isAlternateScreen: Bool

  init(_ terminal: inout Terminal) {
    cursor = terminal.cursor
    isWrapPending = terminal.isWrapPending
    modes = terminal.modes
    title = terminal.title
    isAlternateScreen = terminal.isAlternateScreen
    for row in 0..<terminal.size.rows { rows.append(Picture.describeRow(terminal, row)) }
    for line in terminal.firstLine..<terminal.screenTop { history.append(terminal.lineText(line)) }
  }

  static func describeRow(_ terminal: borrowing Terminal, _ row: Int) -> String {
    var text = ""
    var links: [LinkID] = []
    terminal.visitRuns(row: row, trim: .none) { run in
      text += "[\(String(decoding: run.text, as: UTF8.self))|\(run.style.describe)|\(run.columns)]"
      links.append(run.link)
    }
    for link in links { text += terminal.link(link)?.uri ?? "-" }
    return text + (terminal.isWrapped(row: row) ? "↩" : "")
  }
}

extension Style {
  var describe: String {
    "\(foreground.kind) \(background.kind) \(underlineColor.kind) \(attributes.rawValue) \(underline)"
  }
}

@Suite("Parsing")
struct ParserTests {
  /// One input for everything that may be cut: characters of all lengths, sequences, strings, and broken ones.
  static let everything: [UInt8] =
    Array(
      """
      plain é中😀👨‍👩‍👧 e\u{301}\u{1B}[1;38;2;10;20;30;48;5;200mcolour\u{1B}[0m\r\n\
      \u{1B}[4:3;58:2::1:2:3mcurly\u{1B}[m\u{1B}]8;id=x;http://example.org/a\u{1B}\\link\u{1B}]8;;\u{7}\r\n\
      \u{1B}]0;title é\u{7}\u{1B}[?1049h\u{1B}[?1049l\u{1B}[?2004;1006h\u{1B}(0lqk\u{1B}(B\u{1B}[2;5r\u{1B}[6n\u{1B}[r\
      \u{1B}P$qm\u{1B}\\\u{1B}P1;2|junk\u{1B}\\\u{1B}_apc\u{1B}\\\u{1B}^pm\u{1B}\\\u{1B}Xsos\u{1B}\\\
      \u{1B}[12345678901234567890;3H\u{1B}[1 q\u{1B}[>1u\u{1B}[3;4Hx\u{1B}[5bé\u{1B}[2b\u{1B}#8\u{1B}[H\
      \u{1B}[1\u{8};2Hmid\u{1B}[31\u{18}cancelled\u{1B}]2;never\u{18}\u{1B}[?3!~\u{9B}5Cc1\u{9D}2;c1 title\u{9C}\
      \u{1B}[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;18;19;20;21;22;23;24;25;26;27;28;29;30;31;32;33;34;35m
      """.utf8) + [
      0xE4, 0xB8, 0x41, 0xF0, 0x9F, 0x98, 0xC0, 0xAF, 0xED, 0xA0, 0x80, 0xF5, 0xFF, 0x1B, 0xE4, 0xB8, 0xAD,
    ]

  private static func fed(_ pieces: [ArraySlice<UInt8>]) -> (Picture, [UInt8]) {
    var terminal = Terminal(size: TerminalSize(rows: 8, columns: 30))
    for piece in pieces { piece.withUnsafeBytes { terminal.feed($0) } }
    return (Picture(&terminal), terminal.takeReplies())
  }

  @Test("input cut at any byte means the same as in one piece")
  func cutAnywhere() {
    let input = Self.everything[...]
    let (whole, replies) = Self.fed([input])
    for cut in 1..<input.count {
      let (picture, answers) = Self.fed([input[..<cut], input[cut...]])
      #expect(picture == whole, "cut at \(cut)")
      #expect(answers == replies, "cut at \(cut)")
    }
  }

  @Test("input in pieces of any size means the same as in one piece", arguments: 1...9)
  func pieces(_ size: Int) {
    let input = Self.everything
    let pieces = stride(from: 0, to: input.count, by: size).map { input[$0..<min($0 + size, input.count)] }
    #expect(Self.fed(pieces) == Self.fed([input[...]]))
  }

  @Test(
    "each maximal part of a malformed character becomes one U+FFFD",
    arguments: [
      ([0x61, 0xF1, 0x80, 0x80, 0xE1, 0x80, 0xC2, 0x62, 0x80, 0x63, 0x80, 0xBF, 0x64], "a���b�c��d"),
      ([0xC0, 0xAF, 0xE0, 0x80, 0xBF, 0xF0, 0x81, 0x82, 0x41], "��������A"),
      ([0xED, 0xA0, 0x80, 0xED, 0xBF, 0xBF, 0xED, 0xAF, 0x41], "��������A"),
      ([0xF4, 0x91, 0x92, 0x93, 0xFF, 0x41, 0x80, 0xBF, 0x42], "�����A��B"),
      ([0xE1, 0x80, 0xE2, 0xF0, 0x91, 0x92, 0xF1, 0xBF, 0x41], "����A"),
    ] as [([UInt8], String)])
  func malformed(_ bytes: [UInt8], shown: String) {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 40))
    terminal.feed(bytes)
    #expect(terminal.rowText(0) == shown)
    // And the same with text enough behind it for the fast loop.
    terminal.feed([0x0D, 0x0A] + bytes + Array("中中中中中".utf8))
    #expect(terminal.rowText(1) == shown + "中中中中中")
  }

  @Test("strings of any length are skipped in bounded memory")
  func longStrings() {
    for start in ["\u{1B}]0;", "\u{1B}P$q", "\u{1B}_", "\u{1B}^", "\u{1B}X", "\u{1B}]52;c;"] {
      var terminal = Terminal(size: TerminalSize(rows: 2, columns: 20))
      let before = terminal.bytesHeld
      terminal.feed(start)
      let block = [UInt8](repeating: 0x41, count: 1 << 20)
      for _ in 0..<4 { terminal.feed(block) }
      #expect(terminal.bytesHeld < before + (3 << 20))
      terminal.feed("\u{1B}\\ok")
      #expect(terminal.rowText(0) == "ok")
      #expect(terminal.title.isEmpty == true)
      _ = terminal.takeEvents()
      #expect(terminal.bytesHeld < before + 10_000)
    }
  }

  @Test("the parser says whether it stands between two sequences")
  func atRest() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 20))
    #expect(terminal.isAtRest == true)
    for part in ["\u{1B}", "[", "1", ";"] {
      terminal.feed(part)
      #expect(terminal.isAtRest == false)
    }
    terminal.feed("m")
    #expect(terminal.isAtRest == true)
    terminal.feed([0xE4])
    #expect(terminal.isAtRest == false)
    terminal.feed([0xB8, 0xAD])
    #expect(terminal.isAtRest == true)
    terminal.feed("\u{1B}]0;x")
    #expect(terminal.isAtRest == false)
    terminal.feed("\u{7}")
    #expect(terminal.isAtRest == true)
  }

  @Test("numbers of one to nine digits are read the same whether or not more bytes follow")
  func numbers() {
    for number in [1, 9, 10, 99, 100, 999, 1000, 9999, 10000, 65535, 99999, 123_456_789] {
      let sequence = Array("\u{1B}[\(number);2H".utf8)
      var alone = Terminal(size: TerminalSize(rows: 1000, columns: 10))
      alone.feed(sequence)
      var followed = Terminal(size: TerminalSize(rows: 1000, columns: 10))
      followed.feed(sequence + Array("\u{1B}[0m\u{1B}[0m".utf8))
      #expect(alone.cursor == followed.cursor)
      #expect(alone.cursor.row == min(number, 1000) - 1)
    }
  }
}
