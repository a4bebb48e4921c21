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
    "\u{1B}[42m12345678901234567890123456789中 wrapped in colour",
    "ab中cd\u{1B}[1;3;1;5;1;1;1;1$v",
    "a中b中c\u{1B}[1;1;1;3;1;1;2;1$v\u{1B}[1;5;1;6;1;1;4;1$v",
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

  /// What of the state is not to be seen yet, and what brings it to light.
  @Test(
    "what the program prints after it means there what it means here",
    arguments: [
      (
        "the cursor that DECSC saved, with its pen, charset and origin",
        "\u{1B}[2;5r\u{1B}[?6h\u{1B}(0\u{1B}[31;1m\u{1B}[1\"q\u{1B}[2;7H\u{1B}7\u{1B}[?6l\u{1B}(B\u{1B}[m\u{1B}[0\"q\u{1B}[H",
        "\u{1B}8qX\u{1B}[?J"
      ),
      ("the cursor that SCOSC saved", "\u{1B}[3;5H\u{1B}[s\u{1B}[H", "\u{1B}[uX"),
      ("a saved wrap that is pending", "\u{1B}[3;30Hx\u{1B}7\u{1B}[H", "\u{1B}8X"),
      ("the screen behind the alternate one", "abc\u{1B}[2;4H\u{1B}[44m\u{1B}[?1049h\u{1B}[5;5Halt", "\u{1B}[?1049lX"),
      (
        "the saved cursors of both screens",
        "abc\u{1B}[2;4H\u{1B}7\u{1B}[3;3H\u{1B}[?1047h\u{1B}[5;5H\u{1B}7\u{1B}[H", "\u{1B}8A\u{1B}[?1047l\u{1B}8B"
      ),
      (
        "what mode 47 left of the alternate screen", "\u{1B}[?47h\u{1B}[2;2Halternate\u{1B}[?47l\u{1B}[Hmain",
        "\u{1B}[?47h"
      ),
      ("a wrap that is pending", "\u{1B}[2;30Hx", "y"),
      ("a wrap that is pending at a margin", "\u{1B}[?69h\u{1B}[3;9s\u{1B}[2;3Habcdefg", "y"),
      ("a wrap that is pending in the first column, where tabs led back", "\u{1B}[2;30Hx\u{1B}[9Z", "y"),
      ("a wrap that is pending at a tab stop, on a wide character", "\u{1B}[2;9H中\u{1B}[2;30Hx\u{1B}[3Z", "y"),
      ("a wrap that is pending left of a margin", "\u{1B}[?69h\u{1B}[3;9s\u{1B}[2;9Hx\u{1B}[2Z", "y"),
      ("a saved wrap in the first column", "\u{1B}[3;30Hx\u{1B}[9Z\u{1B}7\u{1B}[H", "\u{1B}8X"),
      ("the character that REP repeats", "ab", "\u{1B}[3bX"),
      ("the same in insert mode, before other text", "xyz\u{1B}[4h\u{1B}[Hab", "\u{1B}[3bX"),
      ("the same after another colour", "ab\u{1B}[31m", "\u{1B}[3bX"),
      ("no character where a control came after it", "\u{1B}[2;30Hx\u{0F}", "\u{1B}[3bX"),
      ("a character that a joiner holds open", "👩\u{200D}", "👧x"),
      ("a flag's first half", "🇫", "🇷x"),
      ("SS2 before its character", "\u{1B}*0\u{1B}N", "qq"), ("SS3", "\u{1B}+0\u{1B}O", "qq"),
      ("G1 to G3 and the locking shifts", "\u{1B})0\u{1B}*A\u{1B}+0\u{1B}n", "#q\u{0E}#q\u{0F}#q\u{1B}o#q"),
      ("tab stops", "\u{1B}[3g\u{1B}[5G\u{1B}H\r", "\tx"),
      ("pens that were pushed", "\u{1B}[31m\u{1B}[#{\u{1B}[44m\u{1B}[#{\u{1B}[m", "\u{1B}[#}a\u{1B}[#}b"),
      ("modes that were saved", "\u{1B}[?7l\u{1B}[?7;1s\u{1B}[?7h", "\u{1B}[?7r\u{1B}[2;28Habcdef"),
      ("titles that were pushed", "\u{1B}]0;first\u{7}\u{1B}[22;0t\u{1B}]2;second\u{7}", "\u{1B}[23;0t"),
      (
        "flags of the keyboard on both screens", "\u{1B}[>1u\u{1B}[>5u\u{1B}[?1049h\u{1B}[>3u",
        "\u{1B}[<u\u{1B}[?1049l\u{1B}[<u"
      ),
      ("protection by SPA", "a\u{1B}Vb\u{1B}Wc", "\u{1B}[2K"),
      ("what DECCARA takes", "abc\r\ndef\u{1B}[2*x", "\u{1B}[1;2;2;3;7$r"),
    ])
  func goesOn(_ what: String, before: String, after: String) { Self.expectSameAfter(before, after, what) }

  @Test(
    "it ends with what is unfinished, so that the rest completes it",
    arguments: [
      ("\u{1B}", "[31mx"), ("\u{1B}(", "0q"), ("\u{1B}[", "31mx"), ("\u{1B}[3", "1mx"), ("\u{1B}[?10", "49hx"),
      ("\u{1B}[1;;3", "1;4:3mx"), ("\u{1B}[4:3;58:2:", ":1:2:3mx"), ("\u{1B}[1 ", "qx"), ("\u{1B}[1?", "31mx"),
      ("\u{1B}]0;x", "yz\u{7}w"), ("\u{1B}]0;x\u{1B}", "\\w"), ("\u{1B}]8;;http://a/", "b\u{7}link"),
      ("\u{1B}P$q", "m\u{1B}\\w"), ("\u{1B}P1;2", "$tabc\u{1B}\\w"), ("\u{1B}_Gabc", "def\u{1B}\\w"),
      ("\u{1B}Xa\u{1B}", "\\w"),
    ])
  func unfinished(_ first: String, rest: String) { Self.expectSameAfter("ab\u{1B}[2;3H" + first, rest, "\(first)") }

  @Test(
    "a character that is cut anywhere is completed",
    arguments: ["é", "中", "ࠀ", "\u{FFFF}", "😀", "\u{10000}", "\u{10FFFF}"])
  func cutCharacter(_ text: String) {
    let bytes = Array(text.utf8)
    for cut in 1..<bytes.count {
      var terminal = Terminal(size: TerminalSize(rows: 2, columns: 10))
      terminal.feed("a")
      terminal.feed(Array(bytes[..<cut]))
      var copy = Terminal(size: terminal.size)
      copy.feed(terminal.repaint())
      copy.feed(Array(bytes[cut...]))
      #expect(copy.rowText(0) == "a" + text)
    }
  }

  @Test("a string of a megabyte is not repeated, and its rest is not shown")
  func longString() {
    for start in ["\u{1B}]52;c;", "\u{1B}Pq", "\u{1B}_G"] {
      var terminal = Terminal(size: TerminalSize(rows: 2, columns: 10))
      terminal.feed("ab" + start + String(repeating: "A", count: 1_000_000))
      let picture = terminal.repaint()
      #expect(picture.count < 4096)
      var copy = Terminal(size: terminal.size)
      copy.feed(picture)
      copy.feed("AAAA\u{1B}\\c")
      #expect(copy.rowText(0) == "abc")
      #expect(copy.takeEvents().contains { if case .clipboard = $0 { true } else { false } } == false)
    }
  }

  @Test("without what is unfinished it leaves the other terminal at rest")
  func atRest() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 10))
    terminal.feed("ab\u{1B}]0;x")
    var copy = Terminal(size: terminal.size)
    copy.feed(terminal.repaint(unfinished: false))
    #expect(copy.isAtRest == true)
    #expect(copy.rowText(0) == "ab")
  }

  private static func expectSameAfter(_ before: String, _ after: String, _ what: String) {
    var terminal = Terminal(size: TerminalSize(rows: 6, columns: 30))
    terminal.feed(before)
    var copy = Terminal(size: terminal.size)
    copy.feed(terminal.repaint())
    for _ in 0..<2 {
      var original = Picture(&terminal)
      var repainted = Picture(&copy)
      original.history = []
      repainted.history = []
      #expect(original == repainted, "\(what)")
      terminal.feed(after)
      copy.feed(after)
    }
  }
}
