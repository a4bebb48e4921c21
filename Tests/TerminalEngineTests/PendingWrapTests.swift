import TerminalEngine
import Testing

/// What becomes of a wrap that is pending when something other than a character comes. Each value was measured in xterm 379.
@Suite("The pending wrap")
struct PendingWrapTests {
  /// A full row, something, and then two characters: the rows, and where the cursor is.
  private static func after(_ function: String, before: String = "") -> (rows: [String], cursor: [Int]) {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 8))
    terminal.feed(before + "12345678" + function + "XY")
    return ((0..<4).map { terminal.rowText($0) }, [terminal.cursor.row, terminal.cursor.column])
  }

  @Test(
    "erasing ends it: the next character stands in the last column",
    arguments: ["[K", "[1K", "[2K", "[J", "[1J", "[2J", "[?K", "[?1K", "[?2K", "[?J", "[?1J", "[?2J", "[X"])
  func erasing(_ sequence: String) {
    let result = Self.after("\u{1B}" + sequence)
    #expect(result.rows[0].hasSuffix("X"))
    #expect(result.rows[0].count == 8)
    #expect(result.rows[1] == "Y")
    #expect(result.cursor == [1, 1])
  }

  @Test(
    "what moves no cursor leaves it pending",
    arguments: ["[!p", "[64;1\"p", "[1m", "[3J", "H", "[g", "[?45h", "[4h", "[1\"q", "7\u{1B}8", "9"])
  func staying(_ sequence: String) {
    let result = Self.after("\u{1B}" + sequence)
    #expect(result.rows[1] == "XY")
    #expect(result.cursor == [1, 2])
  }

  @Test("a tab back goes back and leaves it pending")
  func tabBack() {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 20))
    terminal.feed("12345678901234567890\u{1B}[Z")
    #expect([terminal.cursor.row, terminal.cursor.column] == [0, 16])
    terminal.feed("X")
    #expect(terminal.rowText(1) == "X")
  }

  @Test("where protected cells were spared to the left it stays pending")
  func protected() {
    #expect(Self.after("\u{1B}[?2K", before: "\u{1B}[1\"q").rows[..<2] == ["12345678", "XY"])
    #expect(Self.after("\u{1B}[1K", before: "\u{1B}V").rows[..<2] == ["12345678", "XY"])
    #expect(Self.after("\u{1B}[1K", before: "\u{1B}[1\"q").rows[..<2] == ["       X", "Y"])
  }

  @Test("mode 41 wraps before a tab, without it the tab is lost")
  func more() {
    #expect(Self.after("\t").rows[1] == "XY")
    #expect(Self.after("\u{1B}[?41h\u{1B}[?7l\t").rows[0] == "1234567Y")
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 20))
    terminal.feed("\u{1B}[?41h12345678901234567890\tX")
    #expect(terminal.rowText(1) == "        X")
  }

  @Test("leaving the alternate screen by 1047 ends it, 1049 brings back the one that was saved")
  func alternate() {
    #expect(Self.after("\u{1B}[?1047h\u{1B}[?1047l").rows[..<2] == ["1234567X", "Y"])
    #expect(Self.after("\u{1B}[?1049h\u{1B}[?1049l").rows[..<2] == ["12345678", "XY"])
  }
}
