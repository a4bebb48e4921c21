import TerminalEngine
import Testing

@Suite("Stamps")
struct StampTests {
  @Test("only the rows that changed get the new stamp")
  func rows() {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 10))
    terminal.stamp = 1
    terminal.feed("a\r\nb\r\nc")
    terminal.stamp = 2
    terminal.feed("\u{1B}[2;1HB")
    #expect((0..<4).map { terminal.rowStamp($0) } == [1, 2, 1, 0])
    #expect(terminal.screenStamp == 2)
  }

  @Test("scrolling changes every row of its region and no other")
  func scrolling() {
    var terminal = Terminal(size: TerminalSize(rows: 5, columns: 10))
    terminal.stamp = 1
    terminal.feed("\u{1B}[2;4r\u{1B}[4;1H")
    terminal.stamp = 2
    terminal.feed("\n")
    #expect((0..<5).map { terminal.rowStamp($0) } == [0, 2, 2, 2, 0])
    terminal.stamp = 3
    terminal.feed("\u{1B}[r\u{1B}[5;1H\n")
    #expect((0..<5).allSatisfy { terminal.rowStamp($0) == 3 })
  }

  @Test("moving or hiding the cursor changes the screen and no row")
  func cursor() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 10))
    terminal.stamp = 5
    terminal.feed("\u{1B}[3C")
    #expect(terminal.screenStamp == 5)
    #expect(terminal.rowStamp(0) == 0)
    terminal.stamp = 6
    terminal.feed("\u{1B}[?25l")
    #expect(terminal.screenStamp == 6)
    terminal.stamp = 7
    terminal.feed("\u{1B}[1m")
    #expect(terminal.screenStamp == 6)
  }

  @Test("another screen and another size change everything")
  func everything() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 10))
    terminal.stamp = 1
    terminal.feed("\u{1B}[?1049h")
    #expect(terminal.rowStamp(0) == 1 && terminal.rowStamp(1) == 1)
    terminal.stamp = 2
    terminal.resize(TerminalSize(rows: 3, columns: 10))
    #expect((0..<3).allSatisfy { terminal.rowStamp($0) == 2 })
    #expect(terminal.rowStamp(3) == 0 && terminal.rowStamp(-1) == 0)
  }
}
