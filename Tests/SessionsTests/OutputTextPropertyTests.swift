import TerminalEngine
import Testing

@testable import Sessions

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers for a seed everywhere.
private struct Dice {
  var state: UInt64

  mutating func below(_ bound: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return Int((mixed ^ mixed >> 31) % UInt64(bound))
  }

  mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
}

@Suite("The text of output, beside the terminal engine")
struct OutputTextPropertyTests {
  private static let words = [
    "a", "word", "some longer text here", " ", "   ", "größe", "日本", "e\u{301}", "🙂", "👋🏽", "🇩🇪", "❤️", "x\u{200D}y",
    "👩‍👧", "\u{1100}\u{1161}",
  ]

  private static func step(_ dice: inout Dice) -> String {
    let count = dice.below(6)
    return switch dice.below(24) {
    case 0...7: dice.pick(words)
    case 8, 9: "\r\n"
    case 10: "\n"
    case 11: "\r"
    case 12: "\u{8}"
    case 13: "\t"
    case 14: "\u{1B}[\(count)A"
    case 15: "\u{1B}[\(count)B"
    case 16: "\u{1B}[\(count)C"
    case 17: "\u{1B}[\(count)D"
    case 18: "\u{1B}[\(count)\(dice.pick(["X", "@", "P"]))"
    case 19: "\u{1B}[\(dice.below(3))K"
    case 20: "\u{1B}[\(dice.below(2))J"
    case 21: dice.pick(["\u{1B}[\(count)E", "\u{1B}[\(count)F", "\u{1B}[\(count + 1)G", "\u{1B}[\(count);\(count)H"])
    case 22: dice.pick(["\u{1B}[4h", "\u{1B}[4l", "\u{1B}7", "\u{1B}8", "\u{1B}[\(count)b", "\u{1B}[31m"])
    default: dice.pick(["\u{1B}[L", "\u{1B}[M", "\u{1B}M", "\u{1B}D", "\u{1B}E", "\u{1B}[?1049hx\r\ny\u{1B}[?1049l"])
    }
  }

  /// Rows without blanks at their ends, and without blank rows at the end.
  private static func lines(_ text: String) -> [String] {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      String(String.UnicodeScalarView(line.unicodeScalars.reversed().drop { $0 == " " }.reversed()))
    }
    while lines.last == "" { lines.removeLast() }
    return lines
  }

  /// TABs as the blanks that they show.
  private static func expanded(_ text: String) -> String {
    var terminal = Terminal(size: TerminalSize(rows: 200, columns: 500))
    terminal.feed(Array(text.replacing("\n", with: "\r\n").utf8))
    return terminal.screenText()
  }

  @Test(
    "random text and line editing comes out as the engine's screen has it", arguments: Array(UInt64(1)...400))
  func agrees(seed: UInt64) {
    var dice = Dice(state: seed)
    var printed = ""
    for _ in 0..<40 { printed += OutputTextPropertyTests.step(&dice) }
    let bytes = Array(printed.utf8)
    // High enough that nothing scrolls, wide enough that nothing wraps.
    var terminal = Terminal(size: TerminalSize(rows: 200, columns: 500))
    terminal.feed(bytes)
    let text = outputText(bytes, rows: 200, columns: 500)
    let expected = OutputTextPropertyTests.lines(terminal.screenText())
    let got = OutputTextPropertyTests.lines(OutputTextPropertyTests.expanded(text))
    #expect(got == expected, "seed \(seed): \(printed.debugDescription) gave \(text.debugDescription)")
  }

  @Test("where lines scroll off, text and screen still agree on the last ones", arguments: Array(UInt64(1)...100))
  func agreesScrolling(seed: UInt64) {
    var dice = Dice(state: seed &* 7919)
    var printed = ""
    for number in 0..<60 {
      printed += dice.below(2) == 0 ? "line \(number)\r\n" : dice.pick(["a\r", "\u{1B}[A", "\u{1B}[2A\u{1B}[K", "b\t"])
    }
    let bytes = Array(printed.utf8)
    // Full from the start, so that both have the same rows.
    let filler = Array(String(repeating: "\r\n", count: 9).utf8)
    var terminal = Terminal(size: TerminalSize(rows: 10, columns: 500))
    terminal.feed(filler + bytes)
    var expected: [String] = []
    for line in terminal.firstLine..<(terminal.screenTop + 10) { expected.append(terminal.lineText(line)) }
    let text = outputText(filler + bytes, rows: 10, columns: 500)
    #expect(
      OutputTextPropertyTests.lines(OutputTextPropertyTests.expanded(text))
        == OutputTextPropertyTests.lines(expected.joined(separator: "\n")),
      "seed \(seed): \(printed.debugDescription)")
  }

  @Test("any bytes give valid UTF-8 without a trap, the same however they are cut", arguments: Array(UInt64(1)...150))
  func anyBytes(seed: UInt64) {
    var dice = Dice(state: seed &* 104_729)
    var bytes: [UInt8] = []
    for _ in 0..<300 {
      switch dice.below(6) {
      case 0: bytes.append(UInt8(dice.below(256)))
      case 1: bytes += [0x1B, 0x5B] + (0..<dice.below(4)).map { _ in UInt8(0x30 + dice.below(16)) }
      case 2: bytes += [0x1B, 0x5B] + Array("\(dice.pick([0, 1, 3, 70_000]))".utf8) + [UInt8(0x40 + dice.below(63))]
      case 3: bytes += [0x1B, UInt8(0x20 + dice.below(95))]
      case 4: bytes += Array(OutputTextPropertyTests.step(&dice).utf8)
      default: bytes += Array(String(repeating: dice.pick(["x", "日", "a\u{301}", "\t"]), count: dice.below(50)).utf8)
      }
    }
    let rows = 1 + dice.below(30)
    let whole = outputText(bytes, rows: rows, columns: 80)
    #expect(whole == outputText(bytes, rows: rows, columns: 80, cutAt: Array(0..<bytes.count)), "seed \(seed)")
    var text = OutputText(rows: rows, columns: 80)
    for (index, byte) in bytes.enumerated() {
      withUnsafeBytes(of: byte) { text.feed($0) }
      if dice.below(40) == 0 { text.resize(rows: 1 + dice.below(40), columns: 1 + dice.below(200)) }
      if dice.below(40) == 0 { text.settle() }
      if index % 100 == 0 { #expect(text.output.read(offset: dice.below(500), limit: 20).bytes.count <= 20) }
    }
    text.finish()
    let output = text.output.head(bytes: .max)
    #expect(Array(String(decoding: output, as: UTF8.self).utf8) == output, "seed \(seed)")
    #expect(output.count == text.output.totalBytes)
    #expect(output.reduce(0) { $0 + ($1 == 0x0A ? 1 : 0) } == text.output.lines)
  }

  @Test("marks without end take bounded memory")
  func manyMarks() {
    var text = OutputText(rows: 4)
    let piece = Array((String(repeating: "a\u{301}\u{302}", count: 4000) + "\r").utf8)
    for _ in 0..<40 { piece.withUnsafeBytes { text.feed($0) } }
    #expect(text.clusters.count <= OutputText.clusterLimit)
    Array("\r\u{1B}[Kend\r\n".utf8).withUnsafeBytes { text.feed($0) }
    text.finish()
    #expect(text.output.head(bytes: .max) == Array("end\n".utf8))
  }
}
