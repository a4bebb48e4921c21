import Testing

@testable import Sessions

/// The text that a terminal of 24 rows makes of some bytes, fed in pieces.
func outputText(
  _ bytes: [UInt8], rows: Int = 24, columns: Int = OutputText.longestLine, cutAt cuts: [Int] = []
) -> String {
  var text = OutputText(rows: rows, columns: columns)
  var start = 0
  for end in cuts + [bytes.count] {
    bytes[start..<end].withUnsafeBytes { text.feed($0) }
    start = end
  }
  text.finish()
  return String(decoding: text.output.head(bytes: .max), as: UTF8.self)
}

@Suite("The text of a command's output")
struct OutputTextTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var printed: String
    var text: String
    var rows = 24
    var columns = OutputText.longestLine

    init(_ printed: String, _ text: String, rows: Int = 24, columns: Int = OutputText.longestLine) {
      self.printed = printed
      self.text = text
      self.rows = rows
      self.columns = columns
    }

    var testDescription: String { printed.debugDescription }
  }

  static let cases: [Case] = [
    Case("", ""),
    Case("abc", "abc"),
    Case("abc\r\n", "abc\n"),
    Case("a\r\n\r\n\r\nb", "a\n\n\nb"),
    Case("\r\n", "\n"),
    Case("  two  blanks  \r\n", "  two  blanks  \n"),
    Case("a\nb", "a\n b"),
    Case("a\tb\r\n\tc\t\r\n", "a\tb\n\tc\t\n"),
    // Progress in one line.
    Case("10%\r50%\r100%\r\n", "100%\n"),
    Case("100%\r5%\r\n", "5%0%\n"),
    Case("100%\r\u{1B}[K5%\r\n", "5%\n"),
    Case("long line\r\u{1B}[2Kshort", "short"),
    Case("working |\u{8}/\u{8}-\u{8}\\\u{8} \u{8}done\r\n", "working done\n"),
    Case("over\u{8}\u{8}ed\r\n", "oved\n"),
    Case("\u{8}\u{8}a", "a"),
    // In several lines.
    Case(
      "a: 1\r\nb: 1\r\n\u{1B}[2A\u{1B}[2Ka: 2\r\n\u{1B}[2Kb: 2\r\nend\r\n", "a: 2\nb: 2\nend\n"),
    Case("a: 1\r\nb: 1\r\n\u{1B}[1A\u{1B}[5Cx\u{1B}[1B\r", "a: 1\nb: 1 x\n"),
    Case("one\r\ntwo\r\nthree\r\n\u{1B}[3A\u{1B}[Jend\r\n", "end\n"),
    Case("one\r\ntwo\u{1B}[1F\u{1B}[K1", "1\ntwo"),
    Case("up at the first line\u{1B}[9A\rUP", "UP at the first line"),
    Case("abcdef\u{1B}[3G\u{1B}[2P", "abef"),
    Case("abcdef\u{1B}[3G\u{1B}[2@", "ab  cdef"),
    Case("abcdef\u{1B}[3G\u{1B}[2X", "ab  ef"),
    Case("abcdef\u{1B}[3G\u{1B}[9X", "ab"),
    Case("abcdef\u{1B}[3G\u{1B}[1K", "   def"),
    Case("abc\u{1B}[4h\rxy\u{1B}[4lz", "xyzbc"),
    Case("a\u{1B}[4b|", "aaaaa|"),
    Case("a\u{1B}7bc\u{1B}8X", "aXc"),
    Case("a\u{1B}[sbc\u{1B}[uX", "aXc"),
    Case("left\u{1B}[999Cright", "left     right", columns: 10),
    // Clearing leaves what came after it.
    Case("before\r\n\u{1B}[H\u{1B}[2J\u{1B}[3Jafter\r\n", "after\n"),
    Case("before\r\n\u{1B}[2J\u{1B}[Hafter\r\n", "after\n"),
    Case("before\r\n\u{1B}[2Jafter\r\n", "after\n"),
    Case("before\r\n\u{1B}[H\u{1B}[Jafter\r\n", "after\n"),
    Case("before\r\n\u{1B}cafter\r\n", "after\n"),
    Case("\u{1B}[2J\u{1B}[3;3Hx\r\n", "\n\n  x\n"),
    // A line that has left the screen stays.
    Case("1\r\n2\r\n3\r\n4\r\n\u{1B}[H\u{1B}[2Jafter\r\n", "1\n2\nafter\n", rows: 3),
    Case("1\r\n2\r\n3\r\n4\r\n\u{1B}[9AX\r\n", "1\n2\nX\n4\n", rows: 3),
    // A region that scrolls above a bar, as apt has it.
    Case(
      "1\r\n2\r\n\u{1B}7\u{1B}[1;3r\u{1B}8\u{1B}7\u{1B}[4;1Hbar\u{1B}83\r\n4\r\n5\r\n\u{1B}7\u{1B}[1;4r\u{1B}8\u{1B}[Jend\r\n",
      "1\n2\n3\n4\n5\nend\n", rows: 4),
    Case("1\r\n2\r\n3\u{1B}[2;1H\u{1B}[Lnew", "1\nnew\n2\n3"),
    Case("1\r\n2\r\n3\u{1B}[1;1H\u{1B}[M", "2\n3"),
    Case("1\r\n2\u{1B}[1;1H\u{1B}M0", "0\n1\n2"),
    // What is not text.
    Case("\u{1B}[31mred\u{1B}[0m and \u{1B}[1;38;2;1;2;3mbold\u{1B}[m\r\n", "red and bold\n"),
    Case("\u{1B}]0;title\u{7}a\u{1B}]2;title\u{1B}\\b", "ab"),
    Case("\u{1B}]8;;http://example.org\u{1B}\\link\u{1B}]8;;\u{1B}\\", "link"),
    Case("\u{1B}Pq#0;2;0;0;0~~\u{1B}\\a\u{1B}_apc\u{1B}\\b\u{1B}^pm\u{1B}\\c\u{1B}Xsos\u{1B}\\d", "abcd"),
    Case("a\u{0}b\u{7}c\u{5}d\u{7F}e", "abcde"),
    Case("\u{9B}1mbold\u{9D}0;title\u{9C}.", "bold."),
    Case("\u{1B}[?1049hfull screen\r\n\u{1B}[2J\u{1B}[?1049lafter\r\n", "after\n"),
    Case("be\u{1B}[?1049h\u{1B}[5;5Hx\u{1B}[?1049lfore", "before"),
    Case("a\u{1B}[?47hx\u{1B}[?47lb\u{1B}[?1047hx\u{1B}[?1047lc", "abc"),
    Case("a\u{1B}[12\u{18}b\u{1B}]0;never ended\u{1B}[1mc", "abc"),
    Case("\u{1B}(0lqk\u{1B}(B|\u{1B})0\u{E}x\u{F}x", "┌─┐|│x"),
    // Characters of two columns, of none, and joined ones.
    Case("größe 日本語 🙂\r\n", "größe 日本語 🙂\n"),
    Case("日本\rx", "x 本"),
    Case("日本\u{8}\u{8}\u{8}x", " x本"),
    Case("e\u{301}a\u{308}\u{323}x\r\n", "e\u{301}a\u{308}\u{323}x\n"),
    Case("👩‍👩‍👧‍👦!👋🏽!🇩🇪!❤️!\r\n", "👩‍👩‍👧‍👦!👋🏽!🇩🇪!❤️!\n"),
    // Every character that has a width has it for itself, as the C library counts.
    Case("👋🏽\u{8}\u{8}ab", "👋ab"), Case("🇩🇪\u{8}a", "🇩a"), Case("❤️\u{8}a", "a"),
    Case("👩‍👧\u{8}\u{8}ab", "👩\u{200D}ab"), Case("x\u{1B}[m\u{1B}[3by\u{1B}[2b\u{1B}[2b", "xyyy"),
    // TABs that are written over are blanks.
    Case("a\tb\r\u{1B}[3CX", "a  X    b"),
    Case("abcdefghij\r\tX", "abcdefghXj"),
    Case("abc\r\tX", "abc     X"),
    Case("a\tb\r\u{1B}[P", "       b"),
  ]

  @Test("what was printed comes out as a terminal shows it", arguments: cases)
  func shown(_ each: Case) {
    let text = outputText(Array(each.printed.utf8), rows: each.rows, columns: each.columns)
    #expect(text == each.text, "\(text.debugDescription)")
  }

  @Test("wherever the bytes are cut, the text is the same", arguments: cases)
  func cut(_ each: Case) {
    let bytes = Array(each.printed.utf8)
    for cut in 0...bytes.count {
      let text = outputText(bytes, rows: each.rows, columns: each.columns, cutAt: [cut])
      #expect(text == each.text, "cut at \(cut): \(text.debugDescription)")
    }
    let text = outputText(bytes, rows: each.rows, columns: each.columns, cutAt: Array(0..<bytes.count))
    #expect(text == each.text, "byte by byte: \(text.debugDescription)")
  }

  @Test(
    "bytes that are no UTF-8 become U+FFFD, one for each part that cannot be right",
    arguments: [
      ([0x61, 0xE4, 0x62], "a\u{FFFD}b"), ([0xC3], "\u{FFFD}"), ([0xE2, 0x82], "\u{FFFD}"),
      ([0xF0, 0x9F, 0x99, 0x61], "\u{FFFD}a"), ([0xC0, 0x80], "\u{FFFD}\u{FFFD}"),
      ([0xED, 0xA0, 0x80], "\u{FFFD}\u{FFFD}\u{FFFD}"), ([0xFF, 0xFE, 0x61, 0x00], "\u{FFFD}\u{FFFD}a"),
      ([0xE3, 0x81, 0x1B, 0x5B, 0x6D, 0x62], "\u{FFFD}b"),
    ] as [([UInt8], String)])
  func malformed(bytes: [UInt8], text: String) {
    #expect(outputText(bytes) == text)
    #expect(outputText(bytes, cutAt: Array(0..<bytes.count)) == text)
  }

  @Test("lines are not wrapped, however long", arguments: [81, 4095, 4096, 4097, 100_000])
  func longLine(length: Int) {
    let line = String(repeating: "0123456789", count: length / 10 + 1).prefix(length)
    #expect(outputText(Array("\(line)\r\nnext\r\n".utf8)) == "\(line)\nnext\n")
    let wide = String(repeating: "日", count: length)
    #expect(outputText(Array("\(wide)\r\n".utf8)) == "\(wide)\n")
    let tabs = String(repeating: "a\t", count: length)
    #expect(outputText(Array("\(tabs)\r\n".utf8)) == "\(tabs)\n")
  }

  @Test("ten thousand lines and more are all there")
  func manyLines() {
    let printed = (1...30_000).map { "line \($0)\r\n" }.joined()
    let text = outputText(Array(printed.utf8))
    #expect(text == (1...30_000).map { "line \($0)\n" }.joined())
  }

  @Test("a resize loses nothing", arguments: [1, 2, 5, 24, 100])
  func resized(rows: Int) {
    var text = OutputText(rows: 10)
    for number in 1...40 {
      Array("line \(number)\r\n".utf8).withUnsafeBytes { text.feed($0) }
      if number % 7 == 0 { text.resize(rows: rows, columns: 30 + number) }
      if number % 11 == 0 { text.resize(rows: 10, columns: 80) }
    }
    text.finish()
    #expect(
      String(decoding: text.output.head(bytes: .max), as: UTF8.self) == (1...40).map { "line \($0)\n" }.joined())
  }

  @Test("what may still change is told too, and is told again as it is in the end")
  func provisional() {
    var text = OutputText(rows: 24)
    Array("first\r\nPassword: ".utf8).withUnsafeBytes { text.feed($0) }
    text.settle()
    #expect(text.output.tail(bytes: 100) == Array("first\nPassword: ".utf8))
    #expect(!text.output.isFinished)
    Array("\rdone     \u{1B}[K\r\n".utf8).withUnsafeBytes { text.feed($0) }
    text.finish()
    #expect(text.output.tail(bytes: 100) == Array("first\ndone     \n".utf8))
    #expect(text.output.lines == 2)
    #expect(text.output.isFinished)
  }
}
