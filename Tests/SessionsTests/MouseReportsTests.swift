import Testing

@testable import Sessions
@testable import TerminalEngine

@Suite("The mouse of a viewer that sees a window")
struct MouseReportsTests {
  private static let window = ScreenWindow(row: 10, column: 20, rows: 5, columns: 8)

  private static func modes(_ encoding: TerminalModes.MouseEncoding) -> TerminalModes {
    var modes = TerminalModes()
    modes.mouseTracking = .any
    modes.mouseEncoding = encoding
    return modes
  }

  private static func translated(_ pieces: [String], _ encoding: TerminalModes.MouseEncoding = .sgr) -> [UInt8] {
    var reports = MouseReports()
    return pieces.flatMap { reports.translate(Array($0.utf8), window: window, modes: modes(encoding)) }
  }

  @Test(
    "a report comes in the session's coordinates and in the form that the program has asked for",
    arguments: [
      (.sgr, "\u{1B}[<0;22;12M"), (.urxvt, "\u{1B}[32;22;12M"), (.x10, "\u{1B}[M\u{20}\u{36}\u{2C}"),
      (.utf8, "\u{1B}[M\u{20}\u{36}\u{2C}"),
    ] as [(TerminalModes.MouseEncoding, String)])
  func forms(encoding: TerminalModes.MouseEncoding, wanted: String) {
    #expect(Self.translated(["\u{1B}[<0;2;2M"], encoding) == Array(wanted.utf8))
  }

  @Test("a release names its button only where the form has room for it")
  func release() {
    #expect(Self.translated(["\u{1B}[<2;1;1m"]) == Array("\u{1B}[<2;21;11m".utf8))
    #expect(Self.translated(["\u{1B}[<2;1;1m"], .urxvt) == Array("\u{1B}[35;21;11M".utf8))
  }

  @Test("what is no report passes as it is, wherever it is cut")
  func everythingElse() {
    let typed = "text\u{1B}[A\u{1B}\u{1B}[<x\u{1B}[<1;2M\u{1B}[<1;2;3;4M\u{1B}[1;5C中\u{1B}"
    #expect(Self.translated([typed]) == Array(typed.utf8))
    for cut in 1..<typed.utf8.count {
      let bytes = Array(typed.utf8)
      var reports = MouseReports()
      let out =
        reports.translate(Array(bytes[..<cut]), window: Self.window, modes: Self.modes(.sgr))
        + reports.translate(Array(bytes[cut...]), window: Self.window, modes: Self.modes(.sgr))
      #expect(out == bytes, "cut at \(cut)")
    }
  }

  @Test("a report that is cut in two is still one")
  func cut() {
    let report = Array("\u{1B}[<65;8;5M".utf8)
    for cut in 1..<report.count {
      var reports = MouseReports()
      let out =
        reports.translate(Array(report[..<cut]), window: Self.window, modes: Self.modes(.sgr))
        + reports.translate(Array(report[cut...]), window: Self.window, modes: Self.modes(.sgr))
      #expect(out == Array("\u{1B}[<65;28;15M".utf8), "cut at \(cut)")
    }
  }

  @Test("a press beside the screen is nobody's; the end of a drag is told at the nearest cell")
  func outside() {
    #expect(Self.translated(["\u{1B}[<0;9;2M"]).isEmpty)
    #expect(Self.translated(["\u{1B}[<0;2;0M"]).isEmpty)
    #expect(Self.translated(["\u{1B}[<0;500;99999m"]) == Array("\u{1B}[<0;28;15m".utf8))
    #expect(Self.translated(["\u{1B}[<32;0;3M"]) == Array("\u{1B}[<32;21;13M".utf8))
  }

  @Test("hostile numbers do no harm")
  func hostile() {
    for encoding in [TerminalModes.MouseEncoding.sgr, .urxvt, .x10, .utf8] {
      _ = Self.translated(
        ["\u{1B}[<99999999999999;9;9m\u{1B}[<;;M\u{1B}[<\(String(repeating: "9", count: 400));1;1M"], encoding)
    }
  }

  @Test("whoever moves a mouse over a window, or leaves it, takes no size over")
  func deeds() {
    func isDeed(_ text: String) -> Bool { MouseReports.isDeed(Array(text.utf8)) }
    #expect(isDeed("x") && isDeed("\u{1B}") && isDeed("\u{1B}[A") && isDeed("\u{1B}[I"))
    #expect(isDeed("\u{1B}[<0;1;1M") && isDeed("\u{1B}[<64;1;1M") && isDeed("\u{1B}[<32;1;1M"))
    #expect(!isDeed("\u{1B}[<35;1;1M") && !isDeed("\u{1B}[<39;1;1M\u{1B}[<35;2;1M") && !isDeed("\u{1B}[O"))
    #expect(isDeed("\u{1B}[<35;1;1Mx") && isDeed("\u{1B}[<35;1;1"))
    #expect(!isDeed(""))
  }
}
