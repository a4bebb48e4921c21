import TerminalEngine
import Testing

/// DECSCL, S8C1T and what asks for them. Values measured in xterm 379.
@Suite("Conformance levels and eight-bit answers")
struct LevelTests {
  private static func replies(_ input: String) -> [UInt8] {
    var terminal = Terminal(size: TerminalSize(rows: 24, columns: 80))
    terminal.feed(input)
    return terminal.takeReplies()
  }

  private static func text(_ input: String) -> String { String(decoding: replies(input), as: UTF8.self) }

  @Test("a level leaves out what came later")
  func levels() {
    // DECRQM came with the VT300, rectangles and columns with the VT400.
    for (level, mode, checksum, margins) in [
      (1, false, false, false), (2, false, false, false), (3, true, false, false), (4, true, true, true),
      (5, true, true, true),
    ] {
      let set = "\u{1B}[6\(level);1\"p"
      #expect(Self.text(set + "\u{1B}[4$p") == (mode ? "\u{1B}[4;2$y" : ""), "level \(level)")
      #expect(Self.text(set + "A\u{1B}[1;1;1;1;1;1*y") == (checksum ? "\u{1B}P1!~FFBF\u{1B}\\" : ""), "level \(level)")
      #expect(Self.text(set + "\u{1B}[=c").isEmpty == !checksum, "level \(level)")
      let column = margins ? 6 : 8
      #expect(
        Self.text(set + "\u{1B}[?69h\u{1B}[5;6s\u{1B}[1;5Habc\u{1B}[6n").hasSuffix(";\(column)R"), "level \(level)")
    }
    #expect(Self.text("\u{1B}[62;1\"p\u{1B}[?6n") == "\u{1B}[?1;1R")
    #expect(Self.text("\u{1B}[61\"p\u{1B}[?15n\u{1B}[?25n") == "")
  }

  @Test("DECNCSM is the VT500's: at level 4 a change of columns erases all the same")
  func columns() {
    for (level, kept) in [(4, ""), (5, "1")] {
      var terminal = Terminal(size: TerminalSize(rows: 3, columns: 80))
      terminal.feed("\u{1B}[6\(level);1\"p\u{1B}[?95h1\u{1B}[?3h")
      #expect(terminal.rowText(0) == kept)
    }
  }

  @Test("DECRQSS tells the level and the bits, and other levels than there are change nothing")
  func told() {
    #expect(Self.text("\u{1B}P$q\"p\u{1B}\\") == "\u{1B}P1$r65;1\"p\u{1B}\\")
    #expect(Self.text("\u{1B}[63;1\"p\u{1B}P$q\"p\u{1B}\\") == "\u{1B}P1$r63;1\"p\u{1B}\\")
    #expect(Self.text("\u{1B}[66;1\"p\u{1B}[60\"p\u{1B}[\"p\u{1B}P$q\"p\u{1B}\\") == "\u{1B}P1$r65;1\"p\u{1B}\\")
    #expect(Self.text("\u{1B}[62;1\"p\u{1B}c\u{1B}P$q\"p\u{1B}\\") == "\u{1B}P1$r65;1\"p\u{1B}\\")
  }

  @Test("after S8C1T answers begin with one byte, until S7C1T or a reset")
  func eightBits() {
    #expect(Self.replies("\u{1B} G\u{1B}[6n") == [0x9B] + Array("1;1R".utf8))
    #expect(Self.replies("\u{1B} G\u{1B}P$qr\u{1B}\\") == [0x90] + Array("1$r1;24r".utf8) + [0x9C])
    #expect(Self.replies("\u{1B} G\u{1B}]4;1;?\u{7}").first == 0x9D)
    #expect(Self.replies("\u{1B} G\u{1B}]4;1;?\u{7}").last == 7)
    #expect(Self.text("\u{1B} G\u{1B} F\u{1B}[6n") == "\u{1B}[1;1R")
    #expect(Self.text("\u{1B} G\u{1B}c\u{1B}[6n") == "\u{1B}[1;1R")
    #expect(Self.replies("\u{1B} G\u{1B}[!p\u{1B}[6n").first == 0x9B)
    #expect(Self.replies("\u{1B}[62\"p\u{1B}[6n").first == 0x9B)
    #expect(Self.text("\u{1B}[61\"p\u{1B} G\u{1B}[6n") == "\u{1B}[1;1R")
  }
}
