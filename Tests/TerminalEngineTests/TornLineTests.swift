import TerminalEngine
import Testing

/// A line that has wrapped is one line only as long as its rows stand together.
@Suite("Lines torn apart")
struct TornLineTests {
  /// What stands on the screen, and above it, once it is so wide that nothing wraps.
  private static func unwrapped(_ input: String, rows: Int = 6) -> [String] {
    var terminal = Terminal(size: TerminalSize(rows: rows, columns: 10))
    terminal.feed(input)
    terminal.resize(TerminalSize(rows: rows, columns: 40))
    var lines = (terminal.firstLine..<(terminal.screenTop + rows)).map { terminal.lineText($0) }
    while lines.last == "" { lines.removeLast() }
    return lines
  }

  private static let wrapped = "abcdefghijKLM"

  @Test("left alone it is one line")
  func whole() {
    #expect(Self.unwrapped(Self.wrapped) == ["abcdefghijKLM"])
    #expect(Self.unwrapped("1\r\n2\r\n3\r\n4\r\n5\r\n" + Self.wrapped + "\r\nx\r\ny").contains("abcdefghijKLM"))
  }

  @Test(
    "rows that come between its rows make two of it",
    arguments: [
      ("IL", "\u{1B}[2;1H\u{1B}[L"), ("SD in a region", "\u{1B}[2;6r\u{1B}[T"),
      ("RI at the top of a region", "\u{1B}[2;6r\u{1B}[2;1H\u{1B}M"),
      ("SD between left and right margins", "\u{1B}[?69h\u{1B}[1;5s\u{1B}[2;6r\u{1B}[T"),
    ])
  func inserted(_ name: String, _ function: String) {
    let lines = Self.unwrapped(Self.wrapped + function)
    #expect(lines.first == "abcdefghij", "\(name): \(lines)")
    #expect(!lines.contains { $0.contains("jK") }, "\(name): \(lines)")
  }

  @Test(
    "what is moved up to where its second row stood is no part of it",
    arguments: [
      ("DL", "\u{1B}[2;1H\u{1B}[M"), ("SU in a region", "\u{1B}[2;6r\u{1B}[S"),
      ("LF in a region", "\u{1B}[2;4r\u{1B}[4;1H\n"),
      ("IND in a region", "\u{1B}[2;4r\u{1B}[4;1H\u{1B}D"), ("EL 2", "\u{1B}[2;1H\u{1B}[2Knext"),
      ("ED 0 above", "\u{1B}[1;5H\u{1B}[J\r\n\nnext"), ("a rectangle over the whole row", "\u{1B}[2;1;2;10$znext"),
      ("a copied row", "\u{1B}[3;1;3;10;1;2;1;1$v"),
    ])
  func removed(_ name: String, _ function: String) {
    let lines = Self.unwrapped(Self.wrapped + "\r\nnext\r\nlast" + function)
    #expect(!lines.contains { $0.hasPrefix("abcdefghij") && $0.count > 10 }, "\(name): \(lines)")
    #expect(lines.contains { $0.hasPrefix("next") }, "\(name): \(lines)")
  }

  @Test("a row that wraps out of its region is not continued by what comes in at the region's end")
  func region() {
    // The fourth row wraps into the fifth; the region ends with the fourth.
    let lines = Self.unwrapped("1\r\n2\r\n3\r\n" + Self.wrapped + "\u{1B}[2;4r\u{1B}[4;1H\nnew")
    #expect(lines == ["1", "3", "abcdefghij", "new", "KLM"])
  }

  @Test(
    "a line in the history is not continued by what stands at the top of the screen after another one was moved there")
  func history() {
    let start = Self.wrapped + "\r\n2\r\n3"
    for (name, function) in [
      ("IL", "\u{1B}[H\u{1B}[Lnew"), ("DL", "\u{1B}[H\u{1B}[M"), ("RI", "\u{1B}[H\u{1B}Mnew"),
      ("ED 2", "\u{1B}[2J\u{1B}[Hnew"),
      ("DECALN", "\u{1B}#8"),
    ] {
      var terminal = Terminal(size: TerminalSize(rows: 3, columns: 10))
      terminal.feed(start)
      #expect(terminal.isWrapped(line: 0) == true)
      terminal.feed(function)
      #expect(terminal.isWrapped(line: 0) == false, "\(name)")
    }
  }

  @Test("a sealed history learns that its last line was torn off")
  func sealed() {
    var pages: [[UInt8]] = []
    var terminal = Terminal(size: TerminalSize(rows: 3, columns: 10))
    terminal.feed(String(repeating: "some words\r\n", count: 900) + Self.wrapped + "\r\n\n")
    _ = terminal.sealHistory { page in
      pages.append(Array(page))
      return [UInt8(pages.count - 1)]
    }
    let kept = pages
    terminal.decompress = { packed, _ in kept[Int(packed[0])] }
    let last = terminal.screenTop - 1
    #expect(terminal.isWrapped(line: last) == true)
    terminal.feed("\u{1B}[2J")
    #expect(terminal.isWrapped(line: last) == false)
    #expect(terminal.lineText(last) == "abcdefghij")
    #expect(terminal.lineText(last - 1) == "some words")
  }

  @Test("in the last row, where nothing scrolls, nothing is continued")
  func below() {
    var terminal = Terminal(size: TerminalSize(rows: 4, columns: 10))
    terminal.feed("\u{1B}[1;3r\u{1B}[4;1H" + Self.wrapped)
    #expect(terminal.rowText(3) == "KLMdefghij")
    #expect(terminal.isWrapped(row: 3) == false)
  }
}
