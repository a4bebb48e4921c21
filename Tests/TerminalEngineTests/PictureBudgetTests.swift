import TerminalEngine
import Testing

@Suite("How large a picture may be")
struct PictureBudgetTests {
  private static let rows = 600

  /// A screen whose first row was printed, and copied to all others (DECCRA).
  private static func screen(_ row: String) -> Terminal {
    var terminal = Terminal(size: TerminalSize(rows: rows, columns: 1000))
    terminal.feed(row)
    for row in 2...rows { terminal.feed("\u{1B}[1;1;1;1000;1;\(row);1;1$v") }
    terminal.feed("\u{1B}]8;;\u{1B}\\\u{1B}[m\u{1B}[H")
    return terminal
  }

  private static let links = (0..<1000).map { index in
    "\u{1B}]8;;http://\(index % 2)/\(String(repeating: "a", count: 2000))\u{1B}\\\u{1B}[3\(index % 8)mx"
  }.joined()
  private static let accents = (0..<1000).map { index in
    let letter = String(UnicodeScalar(UInt8(0x61 + index % 26)))
    return "\u{1B}[3\(index % 8)m" + letter + String(repeating: "\u{301}", count: 23)
  }.joined()

  @Test("every cell a link, or a pile of accents, of its own: no more than 16 MiB, and its beginning is whole")
  func repaint() {
    for (row, last) in [(Self.links, "xxxx"), (Self.accents, "abcd")] {
      let terminal = Self.screen(row)
      let picture = terminal.repaint()
      #expect((Self.half..<16 << 20).contains(picture.count), "\(picture.count)")
      var other = Terminal(size: terminal.size)
      picture.withUnsafeBytes { other.feed($0) }
      #expect(other.rowText(0) == terminal.rowText(0))
      #expect(other.rowText(Self.rows - 1).hasPrefix(last), "\(other.rowText(Self.rows - 1).prefix(20))")
      #expect(other.cursor.row == 0 && other.cursor.column == 0)
    }
  }

  @Test("the same for a viewer of another size") func painted() {
    for (row, last) in [(Self.links, "xxxx"), (Self.accents, "abcd")] {
      let terminal = Self.screen(row)
      let size = TerminalSize(rows: Self.rows + 2, columns: 1000)
      let picture = WindowPainter(size: size).paint(terminal)
      #expect((Self.half..<16 << 20).contains(picture.count), "\(picture.count)")
      var other = Terminal(size: size)
      picture.withUnsafeBytes { other.feed($0) }
      #expect(other.rowText(0) == terminal.rowText(0))
      #expect(other.rowText(Self.rows - 1).hasPrefix(last))
    }
  }

  /// What a picture takes at least that has come to its bound.
  private static let half = 6 << 20
}
