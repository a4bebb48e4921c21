import TerminalEngine
import Testing

@Suite("Repainting another terminal")
struct RepaintTests {
  /// - Parameter before: what the other terminal was shown before.
  private static func expectSame(_ input: String, on before: String = "", rows: Int = 8, columns: Int = 30) {
    var terminal = Terminal(size: TerminalSize(rows: rows, columns: columns))
    terminal.feed(input)
    var copy = Terminal(size: terminal.size)
    copy.feed(before)
    copy.feed(terminal.repaint())
    var original = Picture(&terminal)
    var repainted = Picture(&copy)
    original.history = []
    repainted.history = []
    #expect(original == repainted)
    // What comes next looks the same on both.
    let next = "next\u{1B}[2Cx\u{1B}[Ky\r\n\tz中"
    terminal.feed(next)
    copy.feed(next)
    original = Picture(&terminal)
    repainted = Picture(&copy)
    original.history = []
    repainted.history = []
    #expect(original.rows == repainted.rows)
    #expect(original.cursor == repainted.cursor)
  }

  private static let pictures = [
    "plain\r\ntext",
    "\u{1B}[1;3;4:3;31;48;2;1;2;3;58:5:9mstyled\u{1B}[m \u{1B}[7;9;53mmore\u{1B}[0;38;5;200;48;5;9m!",
    "中文 👨‍👩‍👧🇩🇪❤️ e\u{301} 1️⃣ \u{1B}[3G",
    "\u{1B}]8;id=a;http://a\u{7}link\u{1B}]8;;http://b\u{7}other",
    "\u{1B}[?1049h\u{1B}[2;5Halternate",
    "\u{1B}[3;6r\u{1B}[?6h\u{1B}[2;2Hx\u{1B}[?25l",
    "\u{1B}[?69h\u{1B}[5;20s\u{1B}[3;9Hmargins",
    "123456789012345678901234567890",
    "1234567890123456789012345678中",
    "12345678901234567890123456789中 wrapped over",
    "a long line that wraps over into the next row and the one after that, and on it goes",
    "\u{1B}[44m\u{1B}[2J\u{1B}[Hblue\u{1B}[K\u{1B}[m",
    "\u{1B}(0lqqk\u{1B}[?2004;1003;1006;1004h\u{1B}=\u{1B}[?1h\u{1B}[4h",
    "\u{1B}[5 q\u{1B}[>1u\u{1B}[>5u\u{1B}[>4;2m",
    "\u{1B}]0;a title\u{7}\u{1B}]1;icon\u{7}\u{1B}[?5h\u{1B}[?7l",
    "\u{1B}[1\"qkept\u{1B}[0\"qfree\u{1B}[1\"q",
    "\u{1B}[3g\u{1B}[5G\u{1B}H\u{1B}[11G\u{1B}H\ra\tb",
  ]

  @Test("a repaint is what it was made from", arguments: pictures)
  func same(_ input: String) {
    Self.expectSame(input)
  }

  @Test(
    "it is so on a terminal that has missed what came before, whatever it was left with",
    arguments: pictures,
    [
      "\u{1B}[?1049h\u{1B}[?1003;1006;1004;2004hfull screen",
      "\u{1B}[?9h\u{1B}[?2026h\u{1B}[?1h\u{1B}=\u{1B}[>4;2m\u{1B}[=7;1u",
      "\u{1B}[2;4r\u{1B}[?6h\u{1B}[?69h\u{1B}[3;9s\u{1B}[4h\u{1B}[20h\u{1B}[?7;25l\u{1B}(0\u{0E}\u{1B}[5 q",
      "\u{1B}[7;1;31m\u{1B}[1\"q\u{1B}]8;;http://other\u{7}\u{1B}[?5;45;1045hfilled\u{1B}#8",
      "\u{1B}]52;c;cut off in the mid",
      "\u{1B}P1$rcut", "\u{1B}[38;2;1", "\u{1B}", "cut \u{1B}[",
    ])
  func tidied(_ input: String, before: String) { Self.expectSame(input, on: before) }

  @Test("it holds for every cell of its own colour")
  func colours() {
    var input = ""
    for row in 0..<24 {
      for column in 0..<80 { input += "\u{1B}[38;2;\(row);\(column);7;48;5;\(column + row)mX" }
    }
    Self.expectSame(input, rows: 24, columns: 80)
  }
}
