import TerminalEngine
import Testing

@Suite("History")
struct HistoryTests {
  private static func filled(lines: Int, options: TerminalOptions = TerminalOptions()) -> Terminal {
    var terminal = Terminal(size: TerminalSize(rows: 24, columns: 80), options: options)
    for line in 0..<lines {
      terminal.feed("\u{1B}[3\(line % 8)mline\u{1B}[m \(line) of an ordinary program's output, 中文 now and then\r\n")
    }
    return terminal
  }

  @Test("every kept line reads as it was printed, in any order")
  func anyOrder() {
    var terminal = Self.filled(lines: 3000)
    for line in [0, 2999, 1500, 1499, 1501, 3, 700, 2976, 2977] {
      #expect(terminal.lineText(line).hasPrefix("line \(line) of"))
    }
    for line in stride(from: 2990, through: 0, by: -97) {
      #expect(terminal.lineText(line).hasPrefix("line \(line) of"))
    }
  }

  @Test("the bounds in lines and in bytes hold")
  func bounds() {
    var options = TerminalOptions()
    options.historyLines = 1000
    var byLines = Self.filled(lines: 5000, options: options)
    #expect(byLines.screenTop - byLines.firstLine == 1000)
    #expect(byLines.lineText(byLines.firstLine - 1).isEmpty)
    #expect(byLines.lineText(byLines.firstLine).hasPrefix("line \(byLines.firstLine) of"))

    options.historyLines = .max / 2
    options.historyBytes = 100_000
    let byBytes = Self.filled(lines: 5000, options: options)
    #expect(byBytes.bytesHeld < 220_000)
    #expect(byBytes.screenTop - byBytes.firstLine > 1000)
  }

  @Test("a terminal without history keeps none and still counts")
  func none() {
    var options = TerminalOptions()
    options.historyLines = 0
    var terminal = Self.filled(lines: 100, options: options)
    #expect(terminal.firstLine == terminal.screenTop)
    #expect(terminal.screenTop == 77)
    terminal.resize(TerminalSize(rows: 10, columns: 30))
    #expect(terminal.rowText(8).hasPrefix("now and then") || !terminal.rowText(8).isEmpty)
  }

  @Test("lines are held for a reader, cleared ones too, and nobody else sees them", arguments: [0, 7, 1000])
  func held(historyLines: Int) {
    var options = TerminalOptions()
    options.historyLines = historyLines
    var terminal = Self.filled(lines: 3000, options: options)
    let from = terminal.screenTop
    terminal.holdHistory(from: from)
    for line in 3000..<8000 { terminal.feed("line \(line) of many\r\n") }
    #expect(terminal.screenTop - terminal.firstLine == historyLines)
    #expect(terminal.heldFirstLine == from)
    terminal.feed("\u{1B}[3J")
    #expect(terminal.firstLine == terminal.screenTop)
    terminal.feed("line 8000 of many\r\n")
    for line in [from, from + 1, 4000, 7000, 7900, terminal.screenTop - 1] {
      #expect(terminal.lineText(line).hasPrefix("line \(line) of"), "\(line)")
    }
    terminal.resize(TerminalSize(rows: 40, columns: 60))
    #expect(terminal.lineText(4000).hasPrefix("line 4000 of"))
    terminal.holdHistory(from: 6000)
    #expect(terminal.heldFirstLine <= 6000)
    #expect(terminal.lineText(6000).hasPrefix("line 6000 of"))
    #expect(terminal.lineText(from).isEmpty)
    let held = terminal.bytesHeld
    terminal.holdHistory(from: nil)
    #expect(terminal.bytesHeld < held)
    #expect(terminal.heldHistoryBytes == 0)
    #expect(terminal.lineText(6000).isEmpty)
    for line in 8001..<9000 { terminal.feed("line \(line) of many\r\n") }
    if historyLines > 0 { #expect(terminal.lineText(terminal.screenTop - 1).hasPrefix("line ")) }
    #expect(terminal.screenTop - terminal.firstLine <= historyLines)
  }

  @Test("a line that is only held for a reader is not changed any more", arguments: [0, 1000])
  func heldIsApart(historyLines: Int) {
    var options = TerminalOptions()
    options.historyLines = historyLines
    var terminal = Terminal(size: TerminalSize(rows: 5, columns: 10), options: options)
    terminal.holdHistory(from: 0)
    // The newest line of the history goes on on the screen, is cleared, and then the screen changes.
    terminal.feed(String(repeating: "x", count: 100) + "\u{1B}[3J\u{1B}[H\u{1B}[L\u{1B}[2J")
    #expect(terminal.lineText(terminal.screenTop - 1) == "xxxxxxxxxx")
    terminal.resize(TerminalSize(rows: 20, columns: 30))
    terminal.holdHistory(from: terminal.screenTop)
    terminal.feed("more\r\n")
    terminal.holdHistory(from: nil)
    #expect(terminal.heldHistoryBytes == 0)
  }

  @Test("what is held for a reader that falls behind is bounded")
  func heldBound() {
    var options = TerminalOptions()
    options.historyLines = 10
    var terminal = Self.filled(lines: 100, options: options)
    terminal.holdHistory(from: 100)
    let line = String(repeating: "x", count: 78) + "\r\n"
    for _ in 0..<60_000 { terminal.feed(line) }
    #expect(terminal.heldFirstLine > 100)
    #expect(terminal.heldHistoryBytes <= 2 << 20)
    #expect(terminal.bytesHeld < 3 << 20)
  }

  @Test("an ordinary terminal is small, and so are ten thousand lines")
  func memory() {
    let idle = Terminal(size: TerminalSize(rows: 24, columns: 80))
    #expect(idle.bytesHeld < 24 * 1024 + 80 * 24 * 8)
    #expect(Self.filled(lines: 10_024).bytesHeld < 800_000)
  }

  @Test("sealed pages read the same and survive being taken back onto the screen")
  func sealing() {
    var terminal = Self.filled(lines: 4000)
    var original = Self.filled(lines: 4000)
    // Run-length coding is compression enough to see that pages are packed and unpacked.
    terminal.decompress = { packed, size in
      var bytes: [UInt8] = []
      for index in stride(from: 0, to: packed.count, by: 2) {
        bytes += [UInt8](repeating: packed[index + 1], count: Int(packed[index]))
      }
      return bytes.count == size ? bytes : nil
    }
    var count = 0
    let sealed = terminal.sealHistory { page in
      var packed: [UInt8] = []
      for byte in page {
        if packed.count >= 2, packed[packed.count - 1] == byte, packed[packed.count - 2] < 255 {
          packed[packed.count - 2] += 1
        } else {
          packed += [1, byte]
        }
      }
      count += 1
      // What is not smaller is refused; half the pages are forced through by cutting nothing.
      return packed
    }
    #expect(count > 0)
    #expect(sealed.saved > 0)
    #expect(sealed.isDone)
    for line in stride(from: 0, to: 3970, by: 13) {
      #expect(terminal.lineText(line) == original.lineText(line))
    }
    terminal.resize(TerminalSize(rows: 900, columns: 80))
    original.resize(TerminalSize(rows: 900, columns: 80))
    #expect(terminal.screenText() == original.screenText())
  }

  @Test("a page that cannot be unpacked is gone, not wrong")
  func damaged() {
    var terminal = Self.filled(lines: 3000)
    #expect(terminal.sealHistory { _ in [1, 2, 3] }.saved > 0)
    #expect(terminal.lineText(0).isEmpty == true)
    #expect(terminal.visitRuns(line: 0, trim: .none) { _ in } == false)
    terminal.resize(TerminalSize(rows: 1000, columns: 200))
    terminal.feed("still here")
    #expect(terminal.screenText().contains("still here") == true)
  }

  @Test("links are kept with the lines, and read back with their addresses")
  func links() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 30))
    for index in 0..<50 { terminal.feed("\u{1B}]8;;http://x/\(index)\u{7}link\(index)\u{1B}]8;;\u{7}\r\n") }
    for line in 0..<48 {
      var link = LinkID.none
      terminal.visitRuns(line: line, trim: .blankAny) { link = $0.link }
      #expect(terminal.link(link)?.uri == "http://x/\(line)")
    }
  }

  @Test("a flood of links stays bounded")
  func linkFlood() {
    var terminal = Terminal(size: TerminalSize(rows: 24, columns: 80))
    let filler = String(repeating: "a", count: 1500)
    for index in 0..<20_000 { terminal.feed("\u{1B}]8;;http://\(filler)/\(index)\u{7}x") }
    #expect(terminal.bytesHeld < 24 << 20)
    terminal.feed("\u{1B}]8;;\u{7}\u{1B}[2J\u{1B}[H\u{1B}]8;;http://y\u{7}y")
    var link = LinkID.none
    terminal.visitRuns(row: 0, trim: .blankAny) { link = $0.link }
    #expect(terminal.link(link)?.uri == "http://y")
  }

  @Test("a line's untrimmed and trimmed runs agree about what stands in it")
  func trimming() {
    var terminal = Terminal(size: TerminalSize(rows: 2, columns: 20))
    terminal.feed("ab\u{1B}[41m  \u{1B}[m  \r\n\r\n\r\n")
    func columns(_ trim: Trimming) -> Int {
      var columns = 0
      terminal.visitRuns(line: 0, trim: trim) { columns += $0.columns }
      return columns
    }
    #expect(columns(.blankAny) == 2)
    #expect(columns(.blankDefault) == 4)
    #expect(columns(.none) == 6)
  }
}
