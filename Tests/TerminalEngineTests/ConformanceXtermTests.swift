import TerminalEngine
import Testing

/// xterm.js' escape sequence files: bytes in, the text of an 80×25 screen out.
@Suite("Conformance with xterm.js' suite")
struct ConformanceXtermTests {
  static let cases = ConformanceData.cases("xterm", ending: ".in")

  static let disagreements: Disagreements = [
    "t0060-DECSC": "DECSC keeps a pending wrap, as in xterm and DEC STD 070; xterm.js does not",
    "t0061-CSI_s": "SCOSC keeps a pending wrap, as in xterm; xterm.js does not",
  ]

  @Test("the screen reads as the suite says", arguments: cases)
  func screen(_ name: String) throws {
    let mismatch = try Self.mismatch(name)
    if let reason = Self.disagreements[name] {
      withKnownIssue(Comment(rawValue: reason)) { #expect(mismatch == nil) }
    } else {
      #expect(mismatch == nil, "\(mismatch ?? "")")
    }
  }

  @Test("the count of passing cases is shown")
  func summary() throws {
    #expect(!Self.cases.isEmpty)
    let passed = try Self.cases.filter { try Self.mismatch($0) == nil }.count
    print("xterm.js: \(passed) of \(Self.cases.count)")
  }

  /// What differs, row by row; nil when nothing does.
  static func mismatch(_ name: String) throws -> String? {
    var terminal = Terminal(size: TerminalSize(rows: 25, columns: 80))
    // The recordings were made behind a tty that turns LF into CR LF.
    terminal.feed(try ConformanceData.bytes("xterm/\(name).in").flatMap { $0 == 0x0A ? [0x0D, 0x0A] : [$0] })
    var expected = try ConformanceData.text("xterm/\(name).text")
      .split(separator: "\n", omittingEmptySubsequences: false).map { String($0).trimmingTrailingBlanks() }
    while expected.count > 25, expected.last == "" { expected.removeLast() }
    expected += Array(repeating: "", count: max(0, 25 - expected.count))
    let actual = (0..<25).map { terminal.rowText($0).trimmingTrailingBlanks() }
    let differences = zip(expected, actual).enumerated().filter { $1.0 != $1.1 }
      .map { "row \($0): expected '\($1.0)', got '\($1.1)'" }
    return differences.isEmpty && expected.count == 25 ? nil : differences.joined(separator: "\n")
  }
}
